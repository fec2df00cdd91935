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
    values = absl_flags.FLAGS
    commands.export(
        api.export_model, weights=values.weights, normalize=values.normalize, fade_out_ms=values.fade_out_ms
    )


def run() -> None:
    """Entry point of wavegan_export."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
