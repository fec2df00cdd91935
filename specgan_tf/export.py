"""specgan_export: a SavedModel for TensorFlow Serving from a training directory.

Beside the signatures of `serving.LatentsModule`, whose waveforms come with the normalised spectrograms G_z_norm
[n, frames, 128, 1], it has

- `spectrogram`: z -> G_z_norm and G_z_norm_uint8 [n, 128, frames, 1], a picture, without Griffin-Lim;
- `inversion`: z and ngl -> G_z after ngl iterations of Griffin-Lim.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import flags as absl_flags

from specgan_tf import features, moments
from specgan_tf.config import SpecGANConfig
from specgan_tf.train import make_gan
from wavegan_tf.core import flags
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.dcgan import commands
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.serving import saved_model


class SpecGANModule(saved_model.LatentsModule):
    """The signatures of a SpecGAN."""

    def __init__(
        self,
        gan: Gan,
        network: keras.Model | saved_model.HalfPrecision,
        config: SpecGANConfig,
        stored: features.Moments,
    ):
        """Defines the signatures.

        Args:
          gan: the model.
          network: its generator, to be served.
          config: says how spectrograms become sound.
          stored: moments of the training data.
        """

        # One function that all signatures call, so that the file holds the network's graph once.
        z_spec = tf.TensorSpec([None, gan.latent_dim], tf.float32, name="z")
        draw = tf.function(lambda z: network(z, training=False), input_signature=[z_spec])

        def invert(spectrograms: tf.Tensor, ngl: int | tf.Tensor) -> tf.Tensor:
            return features.spectrograms_to_waveforms(
                spectrograms, stored, config.specgan_clip_nstd, ngl, config.specgan_inversion
            )

        def generate(z: tf.Tensor) -> dict[str, tf.Tensor]:
            spectrograms = draw(z)
            return {"G_z": invert(spectrograms, config.specgan_ngl), "G_z_norm": spectrograms}

        super().__init__(generate, network, gan.latent_dim)

        def spectrogram(z: tf.Tensor) -> dict[str, tf.Tensor]:
            spectrograms = draw(z)
            return {"G_z_norm": spectrograms, "G_z_norm_uint8": features.spectrograms_to_pictures(spectrograms)}

        one, ngl_spec = np.zeros([1, gan.latent_dim], np.float32), tf.TensorSpec([], tf.int32, name="ngl")
        self.add("spectrogram", spectrogram, [z_spec], [one])
        self.add(
            "inversion",
            lambda z, ngl: {"G_z": invert(draw(z), ngl)},
            [z_spec, ngl_spec],
            [one, np.int32(config.specgan_ngl)],
        )


def export(
    train_dir: str, export_dir: str, step: int | None = None, float16: bool = False, **changes: Any
) -> int:
    """Exports the generator of a run; see `commands.export_run`.

    Args:
      train_dir: the run.
      export_dir: the version folder to write.
      step: which checkpoint; None is the newest.
      float16: whether to store the weights as float16.
      **changes: options that are to differ from the run's.
    """
    config = dataclasses.replace(gan_options.load_run(SpecGANConfig, train_dir), data_moments_fp="", **changes)
    stored = moments.of_run(config, train_dir, None)
    return commands.export_run(
        config, train_dir, export_dir, step, make_gan,
        lambda gan, network: SpecGANModule(gan, network, config, stored), float16,
        clip_nstd=config.specgan_clip_nstd, ngl=config.specgan_ngl, inversion=config.specgan_inversion,
        moments={"mean": stored.mean.tolist(), "std": stored.std.tolist()},
    )  # fmt: skip


def main() -> None:
    """Reads the flags and exports."""
    values = absl_flags.FLAGS
    names = ("specgan_ngl", "specgan_inversion")
    changes = {name: values[name].value for name in names if values[name].value is not None}
    commands.export(lambda *arguments: export(*arguments, **changes))


def run() -> None:
    """Entry point of specgan_export."""
    commands.define_export_flags()
    absl_flags.DEFINE_integer("specgan_ngl", None, "Iterations of Griffin-Lim. Default: the run's.", 0, tf.int32.max)
    absl_flags.DEFINE_enum("specgan_inversion", None, INVERSIONS, "Kind of Griffin-Lim. Default: the run's.")
    flags.run(main)


if __name__ == "__main__":
    run()
