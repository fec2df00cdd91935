"""specgan_train: trains a SpecGAN on a folder of audio files, or continues a run."""

from __future__ import annotations

from specgan_tf import api
from specgan_tf.config import SpecGANConfig
from wavegan_tf.core import flags
from wavegan_tf.core.dcgan import commands


def main() -> None:
    """Reads the flags and trains."""
    commands.train(SpecGANConfig, api.train)


def define_flags() -> None:
    """Defines this command's flags."""
    commands.define_train_flags(SpecGANConfig, "specgan_tf.train")


def run() -> None:
    """Entry point of specgan_train."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
