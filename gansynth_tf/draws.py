"""Latents, pitches and interpolation weights of training: pure functions of (seed, image id, purpose)."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from wavegan_tf.core.draws import purpose_seed


def normal_latents(count: int, latent_dim: int, seed: tf.Tensor) -> tf.Tensor:
    """Z ~ N(0, 1), float32 [count, latent_dim]."""
    return tf.random.stateless_normal([count, latent_dim], seed)


def random_pitches(count: int, pitch_counts: np.ndarray, seed: tf.Tensor) -> tf.Tensor:
    """One-hot pitches as often as they are in the data, float32 [count, len(pitch_counts)]."""
    logits = np.log(np.maximum(pitch_counts, 1e-30))[None].astype(np.float32)
    indices = tf.random.stateless_categorical(logits, count, seed)[0]
    return tf.one_hot(indices, len(pitch_counts))


def ordered_pitches(count: int, num_pitches: int) -> tf.Tensor:
    """One-hot pitches from the lowest upwards, each as often as the next (`make_ordered_one_hot_vectors`)."""
    repeats = -(-count // num_pitches)
    return tf.one_hot(tf.repeat(tf.range(num_pitches), repeats)[:count], num_pitches)


def interpolated_latents(rows: int, columns: int, latent_dim: int, seed: tf.Tensor) -> tf.Tensor:
    """Rows of latents on a straight line between two (`make_interpolated_latent_vectors`).

    Returns:
      float32 [rows * columns, latent_dim].
    """
    ends = tf.reshape(normal_latents(2 * rows, latent_dim, seed), [rows, 2, 1, latent_dim])
    places = tf.linspace(0.0, 1.0, columns)[None, :, None]
    return tf.reshape(ends[:, 0] + (ends[:, 1] - ends[:, 0]) * places, [rows * columns, latent_dim])


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoteDraws:
    """Draws everything random that one update of a network needs.

    Attributes:
      seed: the run's seed.
      batch_size: of the global batch.
      latent_dim: length of a latent vector.
      pitch_counts: how often each pitch is in the data.
    """

    seed: int
    batch_size: int
    latent_dim: int
    pitch_counts: np.ndarray

    def __call__(self, purpose: str, image_id: tf.Tensor | int) -> dict[str, tf.Tensor]:
        """Draws.

        Args:
          purpose: separates the discriminator's stream from the generator's.
          image_id: images that training has seen before this update.

        Returns:
          z [batch, latent_dim] ~ N(0, 1), one-hot pitches [batch, n] and alpha [batch] in [0, 1).
        """
        seeds = {name: purpose_seed(self.seed, image_id, f"{purpose}/{name}") for name in ("z", "pitches", "alpha")}
        return {
            "z": normal_latents(self.batch_size, self.latent_dim, seeds["z"]),
            "pitches": random_pitches(self.batch_size, self.pitch_counts, seeds["pitches"]),
            "alpha": tf.random.stateless_uniform([self.batch_size], seeds["alpha"]),
        }
