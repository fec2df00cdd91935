"""specgan_import_tf1: a training directory of the original TF1 code becomes one of ours."""

from __future__ import annotations

import os

import keras
from absl import flags as absl_flags

from specgan_tf import moments
from specgan_tf.config import SpecGANConfig
from specgan_tf.train import make_gan
from wavegan_tf.core import flags
from wavegan_tf.core.audio.clips import ClipStore
from wavegan_tf.core.dcgan import commands
from wavegan_tf.core.dcgan.model import Gan


def import_run(tf1_dir: str, train_dir: str, data_moments_fp: str) -> int:
    """Turns an original run into one of ours; see `commands.import_tf1_run`.

    Args:
      tf1_dir: holds args.txt and the checkpoint, which does not have the moments.
      train_dir: to be made; must hold no run yet.
      data_moments_fp: the moments that it was trained with.
    """
    stored = moments.load(data_moments_fp)

    def make(config: SpecGANConfig, policy: keras.DTypePolicy, train_dir: str, store: ClipStore | None) -> Gan:
        moments.save(stored, os.path.join(train_dir, moments.MOMENTS_FILE))
        return make_gan(config, policy, train_dir, store)

    # Where its moments were on another machine says nothing here.
    return commands.import_tf1_run(SpecGANConfig, tf1_dir, train_dir, make, left_out=["data_moments_fp"])


def main() -> None:
    """Reads the flags and imports."""
    path = absl_flags.FLAGS.data_moments_fp
    flags.require(data_moments_fp=path)
    commands.import_tf1(lambda tf1_dir, train_dir: import_run(tf1_dir, train_dir, path))


def run() -> None:
    """Entry point of specgan_import_tf1."""
    commands.define_import_flags()
    absl_flags.DEFINE_string("data_moments_fp", "", "Moments that the original was trained with (its pickle, or npz).")
    flags.run(main)


if __name__ == "__main__":
    run()
