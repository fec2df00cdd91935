"""Signatures of an exported WaveGAN."""

from __future__ import annotations

import keras
import tensorflow as tf

from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.serving import saved_model


def make_module(
    gan: Gan, network: keras.Model | saved_model.HalfPrecision, normalize: bool = False
) -> saved_model.LatentsModule:
    """The signatures of a generator to serve: z, and label if it knows labels -> G_z [n, slice_len, nch].

    With `normalize` each waveform is divided by its peak.
    """

    def generate(*given: tf.Tensor) -> dict[str, tf.Tensor]:
        waveforms = network(*given, training=False)
        return {"G_z": saved_model.normalize_peaks(waveforms) if normalize else waveforms}

    return saved_model.LatentsModule(generate, network, gan.latent_dim, len(gan.labels))
