"""Signatures of an exported SpecGAN.

In addition to the signatures of `saved_model.LatentsModule`, whose waveforms come with the normalised spectrograms
G_z_norm [n, frames, 128, 1], it has

- `spectrogram`: z -> G_z_norm and G_z_norm_uint8 [n, 128, frames, 1], a picture, without Griffin-Lim;
- `inversion`: z and ngl -> G_z after ngl iterations of Griffin-Lim.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from specgan_tf import features
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.serving import saved_model


class SpecGANModule(saved_model.LatentsModule):
    """The signatures of a SpecGAN."""

    def __init__(
        self,
        gan: Gan,
        network: keras.Model | saved_model.HalfPrecision,
        config: SpecGANConfig,
        stored: Moments,
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
        self.waveforms["waveform_ngl"] = {"signature": "inversion", "output": "G_z"}
