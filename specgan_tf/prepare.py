"""audio_prepare: decodes a folder of audio files once, into shards that WaveGAN and SpecGAN train from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import logging

from specgan_tf.config import SpectrogramOptions
from wavegan_tf.core import effects, flags
from wavegan_tf.core.audio.options import LabelRuleOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import MAX_SEED, option
from wavegan_tf.core.preparation.options import PreparationOptions

if TYPE_CHECKING:
    from wavegan_tf.core.preparation.manifest import Manifest
    from wavegan_tf.core.preparation.plan import Plan

_ONLY_MOMENTS = [effects.only_with("moments")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AudioPreparationOptions(PreparationOptions, LabelRuleOptions, SpectrogramOptions):
    """Options of audio_prepare."""

    moments: bool = option(
        True,
        "Compute SpecGAN's moments, too, of the clips that the flags of slices and --seed cut, in the frames of "
        "--specgan_window_len and --specgan_hop_len.",
    )
    seed: int = option(
        0, "Seed of the random starts of these clips.", minimum=0, maximum=MAX_SEED, effect=_ONLY_MOMENTS
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.moments:
            self.require_frames()


def prepare(options: AudioPreparationOptions, beam: Sequence[str] = ()) -> Manifest:
    """Prepares a folder of audio files; what an earlier start has finished is kept.

    Args:
      options: where the files are, how they are decoded, and the folder to write.
      beam: options of Apache Beam, such as ["--runner=FlinkRunner"]; by default as many processes as there are cores.

    Returns:
      The manifest of what was written.

    Raises:
      UserError: there is nothing to prepare, something cannot be written, the folder holds something else, or Beam is
        not installed or fails.
    """
    options.require_places()
    if options.data_labels == "csv" and not options.data_labels_file:
        raise UserError("--data_labels=csv: requires --data_labels_file")
    from wavegan_tf.core.preparation import preparing, processes

    processes.beam_arguments(beam)  # before files are listed, which may take long
    plan = plan_of(options)
    arguments = processes.beam_arguments(beam, plan.is_small)
    with preparing.holding(options.output_dir):
        preparing.claim(plan)
        made = preparing.prepare(plan, arguments)
        if options.moments:
            made = _with_moments(options, made, arguments)
    return made


def plan_of(options: AudioPreparationOptions) -> Plan:
    """Lists the files and their labels.

    Raises:
      UserError: there are none, or they cannot be labelled.
    """
    from wavegan_tf.core.audio.labels import Labelling
    from wavegan_tf.core.files import display_name
    from wavegan_tf.core.preparation import manifest, sources
    from wavegan_tf.core.preparation.listing import Within
    from wavegan_tf.core.preparation.options import decoding_options
    from wavegan_tf.core.preparation.plan import Plan

    found = sources.find(options, options.data_skip_bad)
    files = found.files
    labels: dict[str, Any] = {}
    if options.data_labels != "none":
        rule = Labelling(options.data_labels, options.data_labels_file)
        label_names, numbers = rule.number(found.root, files.paths, options.data_skip_bad)
        without = [display_name(files.paths[place]) for place in np.flatnonzero(numbers < 0)]
        if without:
            files = files.chosen(np.flatnonzero(numbers >= 0))
        labels = {
            "classes": numbers[numbers >= 0],
            "labels": label_names,
            "skipped": [(name, f"has no label by --data_labels={options.data_labels}") for name in without],
        }
    return Plan(
        kind=manifest.AUDIO,
        folder=options.output_dir,
        options={**decoding_options(options), "data_labels": options.data_labels},
        decoding=options.decoding(),
        skip_bad=options.data_skip_bad,
        files=files,
        names=Within(found.root, files.paths),
        num_shards=options.num_shards,
        **labels,
    )


def _with_moments(options: AudioPreparationOptions, made: Manifest, arguments: Sequence[str]) -> Manifest:
    """Adds SpecGAN's moments to a manifest, unless they are there or there are no clips to take them of."""
    from specgan_tf import moments, prepared_moments
    from wavegan_tf.core.preparation import filesystems, manifest
    from wavegan_tf.core.preparation.results import Results

    settings = moments.settings_of(options, options.seed)
    before = made.extras.get(moments.EXTRA)
    if before and before["settings"] == settings:
        return made
    given = {**settings, "folder": filesystems.absolute(options.output_dir), "key": made.key}
    count = prepared_moments.count_batches(given)
    if not count:
        logging.info("no moments: no file is as long as a clip of %d samples", options.data_slice_len)
        return made
    results = Results(options.output_dir, "moments", given, count)
    results.run("specgan_tf.prepared_moments:write_sums", arguments)
    found = prepared_moments.of_parts(results.read(prepared_moments.PARTS))
    values = {"settings": settings, "mean": found.mean.tolist(), "std": found.std.tolist()}
    made = dataclasses.replace(made, extras={**made.extras, moments.EXTRA: values})
    manifest.write(options.output_dir, made)
    results.remove()
    logging.info("moments of %d batches of clips are in the manifest", count)
    return made


def main(beam: Sequence[str]) -> None:
    """Reads the flags and prepares."""
    prepare(flags.from_flags(AudioPreparationOptions), beam)


def run() -> None:
    """Entry point of audio_prepare."""
    flags.define_flags(AudioPreparationOptions, "specgan_tf.prepare")
    beam: list[str] = []
    flags.run(lambda: main(beam), beam)


if __name__ == "__main__":
    run()
