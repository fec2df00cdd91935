"""wavegan_generate: audio files from an exported WaveGAN, which is all it needs."""

from __future__ import annotations

from wavegan_tf.core import flags
from wavegan_tf.core.serving import generation


def run() -> None:
    """Entry point of wavegan_generate."""
    generation.define_flags()
    flags.run(lambda: generation.main("wavegan"))


if __name__ == "__main__":
    run()
