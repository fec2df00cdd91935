"""wavegan_export: a SavedModel for TensorFlow Serving from a training directory."""

from __future__ import annotations

from absl import flags as absl_flags

from wavegan_tf import api
from wavegan_tf.core import commands, flags
from wavegan_tf.core.dcgan.commands import define_export_flags


def define_flags() -> None:
    """Defines the flags of the command."""
    define_export_flags()


def main() -> None:
    """Reads the flags and exports."""
    commands.export(api.export_model, weights=absl_flags.FLAGS.weights, normalize=absl_flags.FLAGS.normalize)


def run() -> None:
    """Entry point of wavegan_export."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
