"""wavegan_export: a SavedModel for TensorFlow Serving from a training directory."""

from __future__ import annotations

import keras

from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import commands, flags, gan_options, serving
from wavegan_tf.core.gan import Gan
from wavegan_tf.train import make_gan


def make_module(gan: Gan, network: keras.Model | serving.HalfPrecision) -> serving.LatentsModule:
    """The signatures of a generator to serve: z -> G_z float32 [n, slice_len, nch]."""
    return serving.LatentsModule(lambda z: {"G_z": network(z, training=False)}, network, gan.latent_dim)


def export(train_dir: str, export_dir: str, step: int | None = None, float16: bool = False) -> int:
    """Exports the generator of a run; see `commands.export_run`."""
    config = gan_options.load_run(WaveGANConfig, train_dir)
    return commands.export_run(config, train_dir, export_dir, step, make_gan, make_module, float16)


def main() -> None:
    """Reads the flags and exports."""
    commands.export(export)


def run() -> None:
    """Entry point of wavegan_export."""
    commands.define_export_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
