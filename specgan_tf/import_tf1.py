"""specgan_import_tf1: a training directory of the original TF1 code becomes one of ours."""

from __future__ import annotations

from absl import flags as absl_flags

from specgan_tf import api
from wavegan_tf.core import commands, flags


def main() -> None:
    """Reads the flags and imports."""
    path = absl_flags.FLAGS.data_moments_fp
    flags.require(data_moments_fp=path)
    commands.import_tf1(api.import_tf1_run, data_moments_fp=path)


def run() -> None:
    """Entry point of specgan_import_tf1."""
    commands.define_import_flags()
    flags.define_path("data_moments_fp", "", "Moments that the original was trained with (its pickle, or npz).")
    flags.run(main)


if __name__ == "__main__":
    run()
