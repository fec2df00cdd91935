"""eval_score: every metric of both papers for a folder of audio or a SavedModel, alongside the published figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags as absl_flags
from absl import logging

from eval import extras, model_folders, probabilities, score_table, scoring, set_names, watch
from eval.classifiers.places import Place, find_places
from eval.metric_names import METRICS, NEEDS_CLASSIFIER, NEEDS_REAL, OF_BINS
from eval.samples import UNKNOWN, ClipFormat, FolderSamples, Samples, find_clips
from wavegan_tf.core import effects, flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.folders import output_folder
from wavegan_tf.core.serving.commands import define_trust
from wavegan_tf.core.serving.metadata import model_folder
from wavegan_tf.core.writing import npy, write_file

if TYPE_CHECKING:
    from eval.classifiers.registry import Classifier
    from eval.model_samples import ModelSamples

_DEFAULT_MODEL_SAMPLES, _MAX_SAMPLES, _NOTE_LENGTH = 50_000, 1_000_000, 64_000
_SOURCES = ("model_dir", "fake_dir", "watch_train_dir", "probabilities_file")
_OF_CLIPS = effects.not_with("probabilities_file")
_RULES = {
    **{name: [_OF_CLIPS] for name in ("real_dir", "classifier_dir", "metrics", "seed", "num_workers")},
    "fix_length": [_OF_CLIPS, effects.only_with("fake_dir", "real_dir")],
    "data": [effects.only_with("probabilities_file")],
    "trust_model": [effects.only_with("model_dir")],
    **watch.RULES,
}
_SEED_MAX = 2**32 - 1  # scikit-learn's


def clip_format(found: Sequence[Classifier], model: str) -> ClipFormat:
    """Format of the clips for these classifiers, or without any for the model."""
    if found:
        info = found[0].info
        is_pitched = info.task == "pitch"
        return ClipFormat(info.clip_len, info.sample_rate, is_pitched, info.labels, is_pitched)
    if model == "gansynth":
        return ClipFormat(_NOTE_LENGTH, is_centred=True, labels=tuple(map(str, range(24, 85))), is_pitched=True)
    return ClipFormat()


def chosen_metrics(asked: Sequence[str], has_classifier: bool, has_real: bool, is_notes: bool) -> list[str]:
    """The metrics of --metrics; of "all" those that apply.

    Raises:
      UserError: one is unknown, or cannot be computed from what is given.
    """
    names = [name.strip() for name in asked if name.strip()]
    task = "pitch" if is_notes else "sc09"
    other = {"sc09": ("pitch_accuracy", "pitch_entropy"), "pitch": ("label_accuracy", "d_self", "d_train")}[task]
    missing = {name: "--real_dir" for name in NEEDS_REAL if not has_real}
    missing |= {name: "--classifier_dir" for name in NEEDS_CLASSIFIER if not has_classifier}
    if names == ["all"]:
        skipped = {name: flag for name, flag in missing.items() if name not in other}
        for flag in sorted(set(skipped.values())):
            without = ", ".join(name for name in METRICS if skipped.get(name) == flag)
            logging.info("without %s there is no %s", flag, without)
        return [name for name in METRICS if name not in missing and name not in other]
    for name in names:
        if name not in METRICS:
            raise UserError(f"--metrics={name}: must be all, or among {', '.join(METRICS)}")
        if name in other:
            raise UserError(f"--metrics={name}: is not for {'notes' if is_notes else 'words'}")
        if name in missing:
            raise UserError(f"--metrics={name}: needs {missing[name]}")
    return names


def _check_groups(metrics: Sequence[str], found: int | None) -> None:
    """Checks --num_groups for the metrics that need it.

    Args:
      metrics: to be computed.
      found: number of clips, if they are not to be generated.

    Raises:
      UserError: no metric has groups, they would not be of equal size, or there are fewer clips.
    """
    values = absl_flags.FLAGS
    n, k, is_given = values.num_samples, values.num_groups, values["num_groups"].present
    if "inception_score" not in metrics:
        if is_given:
            raise UserError("--num_groups: requires --metrics=inception_score")
        return
    if n is not None and n % k:
        raise UserError(f"--num_samples={n}: does not make --num_groups={k} groups of equal size")
    if is_given and found is not None and found < k:
        raise UserError(f"--num_groups={k}: there are only {found} clips")


def score_samples(
    fake: Samples, real: Samples | None, found: Sequence[Classifier], metrics: Sequence[str], name: str, **common: Any
) -> list[dict[str, Any]]:
    """Scores a set, keeps the classifiers' probabilities, appends to scores.jsonl and prints the table.

    Args:
      fake: the set.
      real: the training set, if there is one.
      found: the classifiers.
      metrics: to compute.
      name: of the set, in the records.
      **common: further keys of the records.

    Returns:
      The records.
    """
    values = absl_flags.FLAGS
    fewer = "" if values.num_samples or isinstance(fake, FolderSamples) else " (--num_samples takes another number)"
    logging.info("%s: scoring %d clips of %s%s", name, len(fake), fake.place, fewer)
    from eval.gathering import kept, processes

    count = values.num_workers
    helpers = processes.Helpers(count, find_places(values.classifier_dir)) if count > 1 else None
    with kept.work_folder(values.output_dir, name) as work_dir:
        scores, statistics = scoring.score(
            fake, real, found, metrics, work_dir, values.num_groups, values.seed, helpers
        )
    for part, of in ((fake, "scored"), (real, "real")):
        if part is not None and part.changed:
            logging.warning("%d of %d %s clips had another length: trimmed or zero-padded", part.changed, len(part), of)
    for classifier, rows in zip(found, statistics.probabilities, strict=True):
        file_name = set_names.probabilities_file(name, classifier.name)
        write_file(os.path.join(values.output_dir, file_name), npy(rows))
    common |= {"name": name, "place": os.path.abspath(fake.place), "real": real.place if real else None}
    common |= {"seed": values.seed}
    lines = score_table.records(scores, common)
    path = score_table.append(lines, values.output_dir)
    data = "nsynth" if (found and found[0].info.task == "pitch") or fake.model == "gansynth" else "sc09"
    print(score_table.side_by_side(scores, data, values.model or fake.model))
    without = sum(line["value"] is None for line in lines)
    print(f"{name}: {len(lines)} scores appended to {path}" + (f", {without} without a value" if without else ""))
    return lines


def _require_a_value(lines: Sequence[dict[str, Any]]) -> None:
    """Raises UserError, with the reasons, if none of the records has a value."""
    if all(line["value"] is None for line in lines):
        reasons = "; ".join(f"{line['metric']}: {line['reason']}" for line in lines)
        raise UserError(f"no score has a value ({reasons})")


def main() -> None:
    """Reads the flags and scores."""
    values = absl_flags.FLAGS
    if values.published:
        print("\n".join(map(score_table.all_published, ("sc09", "nsynth"))))
        return
    sources = [name for name in _SOURCES if values[name].value]
    if len(sources) != 1:
        given = " and ".join(f"--{name}" for name in sources) or "none"
        raise UserError(
            f"one of --model_dir, --fake_dir, --watch_train_dir and --probabilities_file must be given, not {given}"
        )
    flags.require_effect(_RULES)
    flags.require(output_dir=values.output_dir)
    if values.probabilities_file:
        _score_probabilities(values.probabilities_file)
    else:
        _score_clips(model_folder(values.model_dir) if values.model_dir else values[sources[0]].value)


def _score_probabilities(path: str) -> None:
    """Scores probabilities that a classifier gave earlier."""
    values = absl_flags.FLAGS
    rows = probabilities.read(path, values.num_samples)
    _check_groups(["inception_score"], len(rows))
    name = set_names.name_of(path, values.output_dir, [], values.name)
    with output_folder(values.output_dir, "output_dir"):
        scores = [scoring.inception(rows, values.num_groups)]
        lines = score_table.records(scores, {"name": name, "place": os.path.abspath(path)})
        score_table.append(lines, values.output_dir)
    print(score_table.side_by_side(scores, values.data, values.model))
    _require_a_value(lines)


def _score_clips(place: str) -> None:
    """Scores what a place holds or generates, or each of its checkpoints."""
    values = absl_flags.FLAGS
    places = find_places(values.classifier_dir)
    # Of a run and of a SavedModel, their own files name the model.
    model = values.model if values.fake_dir else model_folders.model_of(place)
    files = find_clips(place, values.num_samples, "fake_dir") if values.fake_dir else []
    real_files = find_clips(values.real_dir, None, "real_dir") if values.real_dir else []
    is_notes = places[0].info.task == "pitch" if places else model == "gansynth"
    metrics = chosen_metrics(values.metrics, bool(places), bool(real_files), is_notes)
    if not metrics:
        raise UserError("--metrics: none can be computed; give --classifier_dir, --real_dir or both")
    if values.watch_train_dir:
        watch.check(place, model, metrics)
    if values.model_dir:
        model_folders.require_saved_model(place, "model_dir")
    _check_groups(metrics, (values.num_samples or len(files)) if values.fake_dir else None)
    if not set(metrics).isdisjoint(OF_BINS):
        extras.load("scikit-learn")
    with output_folder(values.output_dir, "output_dir"):
        found = _load(places, metrics)
        name = set_names.name_of(place, values.output_dir, [classifier.name for classifier in found], values.name)
        clips = clip_format(found, model)
        real = FolderSamples(values.real_dir, real_files, clips, None, values.fix_length) if real_files else None
        if values.watch_train_dir:
            watch.watch(place, model, values.output_dir, lambda model_dir, step: score_samples(
                make_samples(model_dir, clips, real), real, found, metrics, f"{name} {step}", step=step,
                watched=os.path.abspath(place),
            ), values.best_metric)  # fmt: skip
            return
        fake: Samples = make_samples(place, clips, real) if values.model_dir else FolderSamples(
            place, files, clips, values.num_samples, values.fix_length
        )  # fmt: skip
        lines = score_samples(fake, real, found, metrics, name)
    _require_a_value(lines)


def _load(places: Sequence[Place], metrics: Sequence[str]) -> list[Classifier]:
    """The classifiers; raises UserError if none of them gives the one metric that is asked for."""
    from eval.classifiers import registry
    from eval.gathering.outputs import why_no_fid

    found = registry.load_all(places)
    if set(metrics) == {"fid"} and all(map(why_no_fid, found)):
        raise UserError(f"--metrics=fid: {why_no_fid(found[0])}")
    return found


def make_samples(model_dir: str, clips: ClipFormat, real: FolderSamples | None) -> ModelSamples:
    """Clips of a SavedModel, at the pitches of the real notes if there are any."""
    from eval.model_samples import ModelSamples

    values, pitches = absl_flags.FLAGS, None
    if real is not None and clips.is_pitched:
        pitches = [int(clips.labels[number]) for number in real.classes if number != UNKNOWN]
    count = values.num_samples or _DEFAULT_MODEL_SAMPLES
    return ModelSamples(model_dir, clips, count, values.seed, pitches, values.trust_model)


def define_flags() -> None:
    """Defines the command's flags."""
    flags.define_path("model_dir", "", "SavedModel to score: a version folder, or such as pretrained/drums.")
    define_trust()
    flags.define_path("fake_dir", "", "Or a folder of audio to score.")
    flags.define_path("probabilities_file", "", "Or an npy file of probabilities [samples, classes].")
    flags.define_path("watch_train_dir", "", "Or a run, whose checkpoints are scored as they come.")
    flags.define_path("real_dir", "", "Folder of the real clips, for fid, ndb and d_train.")
    flags.define_path(
        "classifier_dir", "",
        "Folder of eval_train_classifier, or TF1 checkpoint of the original's; several with commas between.", True,
    )  # fmt: skip
    absl_flags.DEFINE_list("metrics", ["all"], f"all, or some of {', '.join(METRICS)}.")
    absl_flags.DEFINE_integer(
        "num_samples", None, f"Clips to score. Default: {_DEFAULT_MODEL_SAMPLES} of a model, all of a folder.", 1,
        _MAX_SAMPLES,
    )  # fmt: skip
    absl_flags.DEFINE_integer(
        "num_workers", 1, "Processes that generate, decode and ask the classifiers; figures do not depend on it.", 1,
        1024,
    )  # fmt: skip
    absl_flags.DEFINE_integer("num_groups", 10, "Groups of the inception score.", 1, _MAX_SAMPLES)
    absl_flags.DEFINE_integer("seed", 0, "Seed of the latents and of k-means.", 0, _SEED_MAX)
    flags.define_path("output_dir", "", "Where scores.jsonl and the probabilities go.")
    absl_flags.DEFINE_string(
        "name", "", "Name of the set in scores.jsonl. Default: the end of its path, with the version of a model."
    )
    absl_flags.DEFINE_enum(
        "model", "", ["", "wavegan", "specgan", "gansynth", "real"],
        "Whose published rows to show. Default: the model's own, of a folder all. With --fake_dir and no classifier, "
        "gansynth also means that the clips are notes of 64000 samples.",
    )  # fmt: skip
    absl_flags.DEFINE_enum("data", "sc09", ["sc09", "nsynth"], "With --probabilities_file: whose published rows.")
    absl_flags.DEFINE_boolean("fix_length", True, "Trim or zero-pad files of another length, instead of refusing them.")
    absl_flags.DEFINE_boolean("published", False, "Print every published figure and its source, and score nothing.")
    watch.define_flags()


def run() -> None:
    """Entry point of eval_score."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
