"""eval_train_classifier: trains the classifiers of spoken digits, or of pitches, that the scores come from."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags as absl_flags
from absl import logging

from eval import extras
from eval.classifiers import confusion, places
from eval.classifiers.labels import NO_FAMILY
from eval.classifiers.options import PITCH_WIDTH, FitOptions
from eval.classifiers.parts import Parts, divide
from eval.classifiers.places import ClassifierInfo
from eval.metrics.confusion import confusion_matrix
from gansynth_tf.notes.options import NoteOptions
from wavegan_tf import __version__
from wavegan_tf.core import effects, flags
from wavegan_tf.core.audio.files import find_audio_files
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import require_effect
from wavegan_tf.core.folders import output_folder
from wavegan_tf.core.options import option
from wavegan_tf.core.writing import Problems, write_file, writing

if TYPE_CHECKING:
    from eval.classifiers.labelled_audio import LabelledAudio
    from eval.classifiers.registry import Classifier
    from wavegan_tf.core.stop import Stop

_WORDS, _PITCHES = effects.only_with("task", values=("sc09",)), effects.only_with("task", values=("pitch",))
SPLIT_FILE, CONFUSION_TABLE, CONFUSION_PICTURE = "split.json", "confusion.csv", "confusion.png"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierNotes(NoteOptions):
    """Options that choose the notes to learn from."""

    data_dir: str = option(
        "",
        "For sc09: folder of words, as in seven_0001.wav. For pitch: NSynth's examples.json and audio/, or audio files "
        "whose names encode the pitch. Sub-folders included.",
        path=True,
    )
    data_sources: str = option(
        "",
        "Sources of the sound to take, with commas between, such as acoustic,synthetic; empty for all, as the paper's "
        "classifier heard them. A note of unknown source is taken.",
    )
    data_cache_mb: int = option(
        2048, "Decoded notes to keep in memory, in MiB; more goes to a file on disk.", minimum=0
    )
    data_cache_dir: str = option("", "Folder for that file. Default: --classifier_dir.", path=True)


_RULES = {
    **{field.name: [_PITCHES] for field in dataclasses.fields(ClassifierNotes)},
    "data_dir": [], "data_skip_bad": [], "pitch_width": [_PITCHES], "pitch_family": [_PITCHES],
    "data_split": [_PITCHES, effects.not_with("train_data_path")],
    "networks": [_WORDS],
    "test_fraction": [effects.not_with("test_dir")],
}  # fmt: skip


def _read(options: ClassifierNotes, test_of: Sequence[str] | None = None) -> LabelledAudio:
    """The clips to learn from; or those of --test_dir, given the labels of the others."""
    from eval.classifiers.labelled_audio import labelled_notes, read_words
    from gansynth_tf.notes.loading import load_notes

    values = absl_flags.FLAGS
    flag = "data_dir" if test_of is None else "test_dir"
    if values.task == "sc09":
        return read_words(values[flag].value, test_of, options.data_skip_bad, flag)
    if test_of is not None:
        options = dataclasses.replace(options, data_dir=values.test_dir, tfds_data_dir="", train_data_path="")
    try:
        return labelled_notes(load_notes(options, values.classifier_dir), values.pitch_family)
    except UserError as error:
        message = error.on_command_line.replace(f"--data_dir={options.data_dir}", f"--{flag}={options.data_dir}")
        raise UserError(message) from None


def _networks() -> list[str]:
    """The networks to train, each with a folder to go into.

    Raises:
      UserError: one is unknown or named twice, none is named, or there is a classifier in its folder.
    """
    values = absl_flags.FLAGS
    known = places.NETWORKS[values.task]
    chosen = [name.strip() for name in values.networks] if values.task == "sc09" else list(known)
    for name in chosen or [""]:
        if name not in known:
            raise UserError(f"--networks={name}: must be among {', '.join(known)}")
        if chosen.count(name) > 1:
            raise UserError(f"--networks={','.join(chosen)}: names {name} twice")
        folder = os.path.join(values.classifier_dir, name)
        if os.path.exists(os.path.join(folder, places.INFO_FILE)):
            raise UserError(f"--classifier_dir: {folder} holds a classifier already; name another folder")
    return chosen


def _check_fractions() -> None:
    """Raises UserError if the shares leave a part without any clip, however many there are."""
    values = absl_flags.FLAGS
    shares = {"validation_fraction": values.validation_fraction}
    if not values.test_dir:
        shares["test_fraction"] = values.test_fraction
    for name, share in shares.items():
        if share <= 0:
            raise UserError(f"--{name}={share}: must be above 0, as otherwise there are none for --{name}")
    if sum(shares.values()) >= 1:
        given = " ".join(f"--{name}={share}" for name, share in shares.items())
        raise UserError(f"{given}: must be below 1 together, to leave clips to learn from")


def _info(network: str, audio: LabelledAudio, options: ClassifierNotes) -> ClassifierInfo:
    if network != "pitch":
        return ClassifierInfo("sc09", network, audio.labels[0])
    families = audio.labels[1] if len(audio.labels) > 1 else ()
    width = absl_flags.FLAGS.pitch_width
    return ClassifierInfo("pitch", "pitch", audio.labels[0], families, options.audio_length, options.sample_rate, width)


def measure(
    classifier: Classifier, audio: LabelledAudio, chosen: np.ndarray, options: FitOptions, folder: str, stop: Stop
) -> ClassifierInfo:
    """Tests a classifier, writes its confusion matrix, and says what it is with its accuracy.

    Raises:
      Stopped: a signal came before the end; nothing is written.
    """
    from eval.classifiers import fit

    info = classifier.info
    truth, found = audio.classes[chosen], fit.answers(classifier, audio, chosen, options, stop)
    accuracy = float(np.mean(found[:, 0] == truth[:, 0]))
    matrix = confusion_matrix(truth[:, 0], found[:, 0], len(info.labels))
    confusion.write_csv(matrix, info.labels, os.path.join(folder, CONFUSION_TABLE))
    title = f"{info.network}: {100 * accuracy:.1f} % of {len(chosen)} right"
    confusion.write_picture(matrix, info.labels, os.path.join(folder, CONFUSION_PICTURE), title)
    print(f"{info.network}: {100 * accuracy:.2f} % of {len(chosen)} test clips right")
    if len(info.labels) <= 20:
        print(_table(matrix, info.labels))
    if info.families:
        known = truth[:, 1] != NO_FAMILY
        share = f"{100 * np.mean(found[known, 1] == truth[known, 1]):.2f} %" if known.any() else "none"
        print(f"{info.network}: {share} of {np.count_nonzero(known)} families right")
    return dataclasses.replace(info, test_accuracy=accuracy, test_size=len(chosen))


def _table(matrix: np.ndarray, labels: Sequence[str]) -> str:
    """The confusion matrix as text: a row for each class of the truth."""
    width = max(5, *(len(label) for label in labels)) + 1
    lines = ["truth".ljust(width) + "".join(label.rjust(width) for label in labels)]
    lines += [
        label.ljust(width) + "".join(str(count).rjust(width) for count in row)
        for label, row in zip(labels, matrix, strict=True)
    ]
    return "\n".join(lines)


def _prepare(folder: str) -> None:
    """Makes a folder for one classifier.

    Raises:
      UserError: it cannot be made.
    """
    with writing(f"--classifier_dir={folder}"):
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(weights := os.path.join(folder, places.WEIGHTS_FILE)):
            os.remove(weights)  # of a training that was cut off


def _train_one(
    info: ClassifierInfo,
    audio: LabelledAudio,
    parts: Parts,
    test: tuple[LabelledAudio, np.ndarray],
    options: FitOptions,
    stop: Stop,
    problems: Problems,
) -> None:
    """Trains and tests a network; a signal leaves the best of the epochs that are whole, without a test."""
    import keras

    from eval.classifiers import fit, registry
    from eval.classifiers.progress import Stopped

    folder = os.path.join(absl_flags.FLAGS.classifier_dir, info.network)
    start = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    classifier = registry.build(info, info.network)
    logging.info("training %s on %d clips, %d for validation", info.network, len(parts.train), len(parts.validation))
    history = fit.fit(classifier, audio, parts.train, parts.validation, options, folder, stop, problems)
    losses = history.get("val_loss", [])
    if not np.isfinite(losses).any():
        print(f"{info.network}: {stop.received} in the first epoch, of which nothing is kept")
        return
    (test_audio, chosen), validation_accuracy = test, None
    with contextlib.suppress(Stopped):
        # Of the weights that were saved: log_mel's are those of no epoch, as its norms were gathered again after it.
        heard = fit.answers(classifier, audio, parts.validation, options, stop, "validation")[:, 0]
        validation_accuracy = float(np.mean(heard == audio.classes[parts.validation, 0]))
        info = measure(classifier, test_audio, chosen, options, folder, stop)
    named = {
        "train": [audio.names[i] for i in parts.train],
        "validation": [audio.names[i] for i in parts.validation],
        "test": [test_audio.names[i] for i in chosen],
    }
    write_file(os.path.join(folder, SPLIT_FILE), json.dumps(named, indent=1))
    minutes = (time.monotonic() - start) / 60
    best = int(np.nanargmin(losses))
    registry.save_info(
        info, folder, version=__version__, options=dataclasses.asdict(options), minutes=round(minutes, 2),
        passes=len(losses), best_pass=best + 1, validation_accuracy=validation_accuracy,
        hash=classifier.hash(),
    )  # fmt: skip
    untested = "" if info.test_size else f", kept without a test on {stop.received}"
    print(f"{info.network}: {minutes:.1f} minutes, best of {len(losses)} epochs is {best + 1}{untested}: {folder}")


def main() -> None:
    """Reads the flags, trains and tests."""
    values = absl_flags.FLAGS
    flags.require(classifier_dir=values.classifier_dir, task=values.task or "")
    require_effect(_RULES)
    options, notes, networks = flags.from_flags(FitOptions), flags.from_flags(ClassifierNotes), _networks()
    _check_fractions()
    if values.task == "sc09":
        flags.require(data_dir=values.data_dir)
    for name in ("data_dir", "test_dir"):
        if values[name].value:
            find_audio_files(values[name].value, name)
    with output_folder(values.classifier_dir, "classifier_dir"):
        extras.load("matplotlib")
        from eval.classifiers import sizes
        from wavegan_tf.core.stop import Stop

        sizes.require_memory(values.task, options, notes, values.pitch_width, values.pitch_family)
        audio = _read(notes)
        parts = divide(audio, values.validation_fraction, values.test_fraction, bool(values.test_dir), options.seed)
        test = (audio, parts.test)
        if values.test_dir:
            other = _read(notes, audio.labels[0])
            test = (other, np.arange(len(other.names)))
        for network in networks:
            _prepare(os.path.join(values.classifier_dir, network))
        problems = Problems("training")
        with Stop() as stop:
            for number, network in enumerate(networks):
                _train_one(_info(network, audio, notes), audio, parts, test, options, stop, problems)
                if stop.received:
                    left = ", ".join(networks[number + 1 :])
                    logging.info("%s: stopping%s", stop.received, f"; not trained: {left}" if left else "")
                    break
        problems.check()


def define_flags() -> None:
    """Defines the command's flags."""
    absl_flags.DEFINE_enum("task", None, places.TASKS, "sc09: words in file names; pitch: notes.")
    flags.define_path("classifier_dir", "", "Where the classifiers go, a sub-folder for each.")
    absl_flags.DEFINE_list(
        "networks", list(places.NETWORKS["sc09"]),
        "For sc09: log_mel is the original's classifier, waveform takes the raw samples.",
    )  # fmt: skip
    flags.define_float("validation_fraction", 0.1, "Share of the clips to choose the best epoch by.", 0.0, 0.9)
    flags.define_float("test_fraction", 0.1, "Share of the clips to test on, which training never sees.", 0.0, 0.9)
    flags.define_path("test_dir", "", "Folder with clips to test on instead, wherever the others are from.")
    absl_flags.DEFINE_integer(
        "pitch_width", PITCH_WIDTH, "For pitch: filters of the first layer; 128 is Magenta's size.", 1, 1024
    )
    absl_flags.DEFINE_boolean("pitch_family", False, "For pitch: learn the families of the instruments as well.")
    flags.define_flags(FitOptions, "eval.classifiers.options")
    flags.define_flags(ClassifierNotes, "eval.train_classifier")


def run() -> None:
    """Entry point of eval_train_classifier."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
