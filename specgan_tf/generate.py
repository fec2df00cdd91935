"""specgan_generate: audio files from an exported SpecGAN, which is all it needs."""

from __future__ import annotations

import tensorflow as tf
from absl import flags as absl_flags

from wavegan_tf.core import flags
from wavegan_tf.core.serving import generation


def main() -> None:
    """Reads the flags and generates."""
    ngl = absl_flags.FLAGS.specgan_ngl
    if ngl is None:
        generation.main("specgan")
    else:
        generation.main("specgan", "inversion", ngl=tf.constant(ngl, tf.int32))


def run() -> None:
    """Entry point of specgan_generate."""
    generation.define_flags()
    absl_flags.DEFINE_integer("specgan_ngl", None, "Iterations of Griffin-Lim. Default: as exported.", 0, tf.int32.max)
    flags.run(main)


if __name__ == "__main__":
    run()
