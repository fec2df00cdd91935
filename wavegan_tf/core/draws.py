"""Random numbers of training as pure functions of (seed, step, purpose).

A run that stops and continues draws the same numbers; replicas take rows of one draw for the global batch, so that no
two of them see the same latents and the number of replicas changes nothing. The draws are made on the CPU and outside
XLA, whose streams differ.
"""

from __future__ import annotations

import zlib

import tensorflow as tf

from wavegan_tf.core.options import MAX_SEED


def purpose_seed(seed: int, step: tf.Tensor | int, purpose: str) -> tf.Tensor:
    """An int32 [2] seed for TensorFlow's stateless random functions.

    Args:
      seed: the run's seed, 0 to MAX_SEED.
      step: which update.
      purpose: what the numbers are for; different purposes give independent streams.

    Raises:
      ValueError: the seed is out of range.
    """
    if not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed {seed} is not in 0 to {MAX_SEED}")
    key = tf.constant([seed, zlib.crc32(purpose.encode()) & 0x7FFFFFFF], tf.int32)
    return tf.random.experimental.stateless_fold_in(key, tf.cast(step, tf.int32))


def uniform_latents(count: tf.Tensor | int, latent_dim: int, seed: tf.Tensor) -> tf.Tensor:
    """Z ~ U[-1, 1), float32 [count, latent_dim]; the latents of WaveGAN and SpecGAN."""
    return tf.random.stateless_uniform([count, latent_dim], seed, -1.0, 1.0)

