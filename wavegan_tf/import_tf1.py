"""wavegan_import_tf1: a training directory of the original TF1 code becomes one of ours."""

from __future__ import annotations

from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import flags
from wavegan_tf.core.dcgan import commands
from wavegan_tf.train import make_gan


def import_run(tf1_dir: str, train_dir: str) -> int:
    """Turns an original run into one of ours; see `commands.import_tf1_run`."""
    return commands.import_tf1_run(WaveGANConfig, tf1_dir, train_dir, make_gan)


def main() -> None:
    """Reads the flags and imports."""
    commands.import_tf1(import_run)


def run() -> None:
    """Entry point of wavegan_import_tf1."""
    commands.define_import_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
