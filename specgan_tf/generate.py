"""specgan_generate: audio files from an exported SpecGAN, which is all it needs."""

from __future__ import annotations

from absl import flags as absl_flags

from wavegan_tf.core import flags
from wavegan_tf.core.options import LARGEST_INT
from wavegan_tf.core.serving import commands


def main() -> None:
    """Reads the flags and generates."""
    commands.main("specgan", ngl=absl_flags.FLAGS.specgan_ngl)


def run() -> None:
    """Entry point of specgan_generate."""
    commands.define_flags()
    commands.define_label()
    absl_flags.DEFINE_integer("specgan_ngl", None, "Iterations of Griffin-Lim. Default: as exported.", 0, LARGEST_INT)
    flags.run(main)


if __name__ == "__main__":
    run()
