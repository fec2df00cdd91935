"""wavegan_export: a SavedModel for TensorFlow Serving from a training directory."""

from __future__ import annotations

import keras

from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import flags
from wavegan_tf.core.dcgan import commands
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.serving import saved_model
from wavegan_tf.train import make_gan


def make_module(gan: Gan, network: keras.Model | saved_model.HalfPrecision) -> saved_model.LatentsModule:
    """The signatures of a generator to serve: z -> G_z float32 [n, slice_len, nch]."""
    return saved_model.LatentsModule(lambda z: {"G_z": network(z, training=False)}, network, gan.latent_dim)


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
