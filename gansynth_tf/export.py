"""gansynth_export: a SavedModel for TensorFlow Serving from a run of gansynth_train, at any stage."""

from __future__ import annotations

from absl import flags as absl_flags

from gansynth_tf import api
from wavegan_tf.core import commands, flags


def main() -> None:
    """Reads the flags and exports."""
    values = absl_flags.FLAGS
    commands.export(
        api.export_model, "image", stage=values.stage, match_levels=values.match_levels,
        data_dir=values.data_dir,
    )  # fmt: skip


def run() -> None:
    """Entry point of gansynth_export."""
    commands.define_export_flags("models/notes/1")
    absl_flags.DEFINE_integer("stage", None, "Which stage to export. Default: the last.", 0)
    absl_flags.DEFINE_boolean(
        "match_levels", False,
        "Give each pitch the average level of its notes in the run's data, by a gain in the exported model.",
    )  # fmt: skip
    flags.define_path("data_dir", "", "With --match_levels: the folder of these notes, if the run's has moved.")
    flags.run(main)


if __name__ == "__main__":
    run()
