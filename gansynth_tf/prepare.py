"""gansynth_prepare: decodes a folder of notes once, into shards that a GANSynth trains from."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags as absl_flags

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.notes.options import SPLITS, NoteChoiceOptions
from gansynth_tf.presets import CONFIGS
from wavegan_tf.core import effects, flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import MAX_SEED, Options, option
from wavegan_tf.core.preparation import filesystems
from wavegan_tf.core.preparation.options import PreparationOptions

if TYPE_CHECKING:
    from wavegan_tf.core.preparation.manifest import Manifest
    from wavegan_tf.core.preparation.plan import Plan

# Options of a training that decide what features are.
_OF_FEATURES = (
    "config", "data_type", "use_unwrap", "start_height", "start_width", "scale_mode", "scale_base", "num_resolutions",
    "num_channels",
)  # fmt: skip
_HELP = {"config": "Which row of the paper's table 1: values of other options, over which flags take precedence."}
_TYPES = typing.get_type_hints(GANSynthConfig)
_FIELDS = {field.name: field for field in dataclasses.fields(GANSynthConfig)}
FeatureOptions = dataclasses.make_dataclass(
    "FeatureOptions",
    [
        (
            name,
            _TYPES[name],
            dataclasses.field(
                default=_FIELDS[name].default,
                metadata={**_FIELDS[name].metadata, "help": _HELP.get(name, _FIELDS[name].metadata["help"])},
            ),
        )
        for name in _OF_FEATURES
    ],
    bases=(Options,),
    frozen=True,
    kw_only=True,
)
_ONLY_RANGES = [effects.only_with("ranges")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotePreparationOptions(PreparationOptions, NoteChoiceOptions, FeatureOptions):  # type: ignore[valid-type, misc]
    """Options of gansynth_prepare."""

    data_split: str = option(
        "train", "Which notes to take beside an nsynth-gansynth_splits.csv.", choices=SPLITS,
        effect=[effects.not_with("data_glob")],
    )  # fmt: skip
    ranges: bool = option(
        True, "Take the ranges of the data, too, which a training with a normaliser by range (simple or freq) needs."
    )
    normalizer_num_examples: int = option(1000, "Notes that these are taken from.", minimum=1, effect=_ONLY_RANGES)
    seed: int = option(0, "Seed of the order of these notes.", minimum=0, maximum=MAX_SEED, effect=_ONLY_RANGES)
    features: str = option(
        "",
        "Resolutions, from 1 to --num_resolutions with commas between, at which to prepare features, too; or all. They "
        "are what costs most on a CPU.",
    )

    @property
    def blocks(self) -> list[int]:
        """The resolutions of `features`.

        Raises:
          UserError: there is none of them.
        """
        if self.features == "all":
            return list(range(1, self.num_resolutions + 1))
        found = []
        for word in filter(None, self.features.split(",")):
            if not word.strip().isdecimal() or not 1 <= int(word) <= self.num_resolutions:
                raise UserError(
                    f"--features={self.features}: {word!r} is no resolution from 1 to "
                    f"--num_resolutions={self.num_resolutions}, nor all"
                )
            found.append(int(word))
        return sorted(set(found))

    def training(self) -> GANSynthConfig:
        """The options of a training from what is prepared."""
        chosen = [field.name for field in dataclasses.fields(NoteChoiceOptions)]
        values = {name: getattr(self, name) for name in (*_OF_FEATURES, *chosen)}
        values |= {
            "audio_length": self.audio_length, "data_split": self.data_split, "seed": self.seed,
            "normalizer_num_examples": self.normalizer_num_examples,
        }  # fmt: skip
        return GANSynthConfig(**values, data_prepared=filesystems.absolute(self.output_dir))


def prepare(options: NotePreparationOptions, beam: Sequence[str] = ()) -> Manifest:
    """Prepares a folder of notes; what an earlier start has finished is kept.

    Args:
      options: where the notes are, which to take, how they are decoded, and the folder to write.
      beam: options of Apache Beam, such as ["--runner=FlinkRunner"]; by default as many processes as there are cores.

    Returns:
      The manifest of what was written.

    Raises:
      UserError: there is nothing to prepare, something cannot be written, the folder holds something else, or Beam is
        not installed or fails.
    """
    options.require_places()
    options.blocks, options.training()  # noqa: B018 - a mistake in them shows before anything is read
    from wavegan_tf.core.preparation import manifest, preparing, processes

    processes.beam_arguments(beam)  # before files are listed, which may take long
    plan = plan_of(options)
    arguments = processes.beam_arguments(beam, plan.is_small and not options.blocks)
    with preparing.holding(options.output_dir):
        preparing.claim(plan)
        made = preparing.prepare(plan, arguments)
        for is_wanted, add in ((options.ranges, _ranges), (options.blocks, _features)):
            if not is_wanted:
                continue
            extras = add(options, made, arguments)
            if extras:
                made = dataclasses.replace(made, extras={**made.extras, **extras})
                manifest.write(options.output_dir, made)
    return made


def plan_of(options: NotePreparationOptions) -> Plan:
    """Lists the notes.

    Raises:
      UserError: none can be used.
    """
    from gansynth_tf.notes.files import Note, NoteList, list_notes, notes_of_paths
    from gansynth_tf.notes.loading import choose_notes, prepared_options
    from wavegan_tf.core.audio.files import stem_of
    from wavegan_tf.core.audio.options import Decoding
    from wavegan_tf.core.files import display_name
    from wavegan_tf.core.preparation import manifest, sources
    from wavegan_tf.core.preparation.listing import Files
    from wavegan_tf.core.preparation.plan import Plan

    if options.data_dir and not filesystems.is_remote(options.data_dir):
        listed = list_notes(options.data_dir, options.data_split, options.data_skip_bad)
        by_path, left_out = choose_notes(listed, options, options.data_split, options.data_dir)
        files = Files.of(map(sources.local, by_path))
    else:
        files, listed = sources.find(options, options.data_skip_bad).files, NoteList()
        for path, note in zip(files.paths, notes_of_paths(files.paths), strict=True):
            if isinstance(note, Note):
                listed.notes.append(note)
            else:
                listed.bad.append((display_name(stem_of(path)), str(note)))
        by_path, left_out = choose_notes(listed, options, options.data_split, options.data_dir or options.data_glob)
        files = files.chosen(np.flatnonzero([path in by_path for path in files.paths]))
    return Plan(
        kind=manifest.NOTES,
        folder=options.output_dir,
        options=prepared_options(options, options.data_split, options.num_channels),
        decoding=Decoding(options.sample_rate, options.num_channels, options.data_normalize),
        skip_bad=options.data_skip_bad,
        files=files,
        names=[note.name for note in by_path.values()],
        classes=np.array([note.pitch for note in by_path.values()], np.int32),
        skipped=listed.bad,
        left_out=left_out,
        num_shards=options.num_shards,
    )


def _settings(options: NotePreparationOptions, made: Manifest) -> dict[str, Any]:
    return {"config": dataclasses.asdict(options.training()), "key": made.key}


def _ranges(options: NotePreparationOptions, made: Manifest, arguments: Sequence[str]) -> dict[str, Any]:
    """The ranges of the data for the manifest, unless they are there."""
    from gansynth_tf.stages import features, prepared, preparing
    from wavegan_tf.core.preparation.results import Results

    config, settings = options.training(), _settings(options, made)
    depends_on = prepared.depends_on(config, features.range_key(config))
    if made.extras.get(prepared.RANGES, {}).get("settings") == depends_on:
        return {}
    results = Results(options.output_dir, "ranges", settings, preparing.count_range_batches(settings))
    results.run("gansynth_tf.stages.preparing:write_ranges", arguments)
    found = preparing.of_ranges(results.read(preparing.BOUNDS))
    results.remove()
    return {prepared.RANGES: {"settings": depends_on, **found}}


def _features(options: NotePreparationOptions, made: Manifest, arguments: Sequence[str]) -> dict[str, Any]:
    """The features of the notes for the manifest, beside those that are there."""
    from gansynth_tf.stages import features, prepared, preparing
    from wavegan_tf.core.preparation.results import Results

    config = options.training()
    depends_on = prepared.depends_on(config, features.feature_key(config))
    there = made.extras.get(prepared.FEATURES, {})
    there = {name: entry for name, entry in there.items() if entry.get("settings") == depends_on}
    blocks = [
        number for number in options.blocks
        if prepared.name_of(config.resolutions.resolutions(number)) not in there
    ]  # fmt: skip
    if not blocks:
        return {}
    folder = filesystems.absolute(options.output_dir)
    settings = {**_settings(options, made), "folder": folder, "blocks": blocks}
    settings["notes_per_file"] = preparing.notes_per_file(settings)
    filesystems.make_folder(filesystems.join(folder, prepared.FEATURE_FOLDER))
    files = -(-preparing.count_notes(settings) // settings["notes_per_file"])
    results = Results(options.output_dir, "features", settings, files)
    results.run("gansynth_tf.stages.preparing:write_features", arguments)
    found = preparing.of_features(settings, results.read(["files"]))
    results.remove()
    return {prepared.FEATURES: {**there, **found}}


def read_options() -> NotePreparationOptions:
    """The options of this command line; flags take precedence over --config.

    Raises:
      UserError: a value is impossible.
    """
    name = absl_flags.FLAGS.config
    if name not in CONFIGS:
        raise UserError(f"--config={name}: must be one of {', '.join(CONFIGS)}")
    return flags.from_flags(NotePreparationOptions, None, CONFIGS[name])


def main(beam: Sequence[str]) -> None:
    """Reads the flags and prepares."""
    prepare(read_options(), beam)


def run() -> None:
    """Entry point of gansynth_prepare."""
    flags.define_flags(NotePreparationOptions, "gansynth_tf.prepare")
    beam: list[str] = []
    flags.run(lambda: main(beam), beam)


if __name__ == "__main__":
    run()
