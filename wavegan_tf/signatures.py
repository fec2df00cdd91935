"""Signatures of an exported WaveGAN."""

from __future__ import annotations

import keras

from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.serving import saved_model


def make_module(gan: Gan, network: keras.Model | saved_model.HalfPrecision) -> saved_model.LatentsModule:
    """The signatures of a generator to serve: z -> G_z float32 [n, slice_len, nch]."""
    return saved_model.LatentsModule(lambda z: {"G_z": network(z, training=False)}, network, gan.latent_dim)
