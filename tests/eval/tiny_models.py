"""SavedModels of ours that are made in a moment."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from wavegan_tf.core.serving import saved_model

LENGTH, LATENT_DIM = 16384, 4


def write_model(folder: Path, channels: int = 1, sample_rate: int = 16000, seed: int = 0) -> str:
    """A SavedModel with WaveGAN's signatures, whose clips are noise of which each latent shapes the level."""
    dense = keras.layers.Dense(64, "tanh", kernel_initializer=keras.initializers.GlorotUniform(seed))
    network = keras.Sequential([keras.layers.Input([LATENT_DIM]), dense])
    noise = tf.random.stateless_normal([64, LENGTH * channels], [seed, 1], stddev=0.05)

    def generate(z: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"G_z": tf.reshape(tf.tanh(network(z) @ noise), [-1, LENGTH, channels])}

    module = saved_model.LatentsModule(generate, network, LATENT_DIM)
    metadata = {"model": "wavegan", "sample_rate": sample_rate, "latent_dim": LATENT_DIM}
    saved_model.export(module, str(folder), metadata)
    return str(folder)
