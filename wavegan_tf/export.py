"""wavegan_export: a SavedModel for TensorFlow Serving from a training directory."""

from __future__ import annotations

from wavegan_tf import api
from wavegan_tf.core import commands, flags


def main() -> None:
    """Reads the flags and exports."""
    commands.export(api.export_model)


def run() -> None:
    """Entry point of wavegan_export."""
    commands.define_export_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
