"""gansynth_import_tf1: a train_root_dir of Magenta's GANSynth, at any stage, becomes a run of ours."""

from __future__ import annotations

from absl import flags as absl_flags

from gansynth_tf import api
from wavegan_tf.core import commands, flags


def main() -> None:
    """Reads the flags and imports."""
    values = absl_flags.FLAGS
    commands.import_tf1(api.import_tf1_run, "image", stage=values.stage, data_min_pitch=values.data_min_pitch)


def run() -> None:
    """Entry point of gansynth_import_tf1."""
    commands.define_import_flags("experiment.json and folders stage_000NN")
    absl_flags.DEFINE_integer("stage", None, "Which stage to import. Default: the last.", 0)
    absl_flags.DEFINE_integer(
        "data_min_pitch", api.MAGENTAS_LOWEST_PITCH, "MIDI number of the model's lowest pitch.", 0, 127
    )
    flags.run(main)


if __name__ == "__main__":
    run()
