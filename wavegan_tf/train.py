"""wavegan_train: trains a WaveGAN on a folder of audio files, or continues a run."""

from __future__ import annotations

from wavegan_tf import api
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import flags
from wavegan_tf.core.dcgan import commands


def main() -> None:
    """Reads the flags and trains."""
    commands.train(WaveGANConfig, api.train)


def define_flags() -> None:
    """Defines this command's flags."""
    commands.define_train_flags(WaveGANConfig, "wavegan_tf.train")


def run() -> None:
    """Entry point of wavegan_train."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
