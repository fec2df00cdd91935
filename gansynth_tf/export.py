"""gansynth_export: a SavedModel for TensorFlow Serving from a run of gansynth_train, at any stage."""

from __future__ import annotations

from absl import flags as absl_flags

from gansynth_tf import api
from wavegan_tf.core import commands, flags


def main() -> None:
    """Reads the flags and exports."""
    commands.export(api.export_model, "image", stage=absl_flags.FLAGS.stage)


def run() -> None:
    """Entry point of gansynth_export."""
    commands.define_export_flags("models/notes/1")
    absl_flags.DEFINE_integer("stage", None, "Which stage to export. Default: the last.", 0)
    flags.run(main)


if __name__ == "__main__":
    run()
