"""wavegan_import_tf1: a training directory of the original TF1 code becomes one of ours."""

from __future__ import annotations

from wavegan_tf import api
from wavegan_tf.core import commands, flags


def main() -> None:
    """Reads the flags and imports."""
    commands.import_tf1(api.import_tf1_run)


def run() -> None:
    """Entry point of wavegan_import_tf1."""
    commands.define_import_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
