"""wavegan_generate: audio files from an exported WaveGAN, which is all it needs."""

from __future__ import annotations

from wavegan_tf.core import flags
from wavegan_tf.core.serving import commands


def main() -> None:
    """Reads the flags and generates."""
    commands.main("wavegan")


def run() -> None:
    """Entry point of wavegan_generate."""
    commands.define_flags()
    commands.define_label()
    flags.run(main)


if __name__ == "__main__":
    run()
