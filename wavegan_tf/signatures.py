"""Signatures of an exported WaveGAN."""

from __future__ import annotations

import keras
import tensorflow as tf

from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.serving.finishing import Finish


def make_module(
    gan: Gan, network: keras.Model | saved_model.HalfPrecision, sample_rate: int, finish: Finish
) -> saved_model.LatentsModule:
    """The signatures of a generator to serve: z, and label if it knows labels -> G_z [n, slice_len, nch].

    `finish` makes the clips, at `sample_rate`, of what the generator gives.
    """

    def generate(*given: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"G_z": finish.apply(network(*given, training=False), sample_rate)}

    return saved_model.LatentsModule(generate, network, gan.latent_dim, len(gan.labels))
