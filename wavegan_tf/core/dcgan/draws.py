"""Random numbers of one update of WaveGAN and SpecGAN."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from wavegan_tf.core.draws import purpose_seed, uniform_latents


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdateDraws:
    """Draws everything random that one update of a discriminator or a generator needs.

    Attributes:
      seed: the run's seed.
      batch_size: of the global batch.
      latent_dim: length of a latent vector.
      phase_shuffles: shuffles in one pass through the discriminator, 0 for none.
      phase_radius: largest shift.
      phase_per_example: one shift for each example instead of one for the batch.
      label_shares: of each label among those that are drawn; none of a run without labels.
    """

    seed: int
    batch_size: int
    latent_dim: int
    phase_shuffles: int = 0
    phase_radius: int = 0
    phase_per_example: bool = False
    label_shares: tuple[float, ...] = ()

    def __call__(self, purpose: str, step: tf.Tensor | int, passes: int) -> dict[str, tf.Tensor]:
        """Draws.

        Args:
          purpose: separates the discriminator's stream from the generator's.
          step: which update of that kind.
          passes: passes through the discriminator in this update.

        Returns:
          z [batch, latent_dim] in [-1, 1), alpha [batch] in [0, 1), and phases int32 [passes, shuffles, 1 or batch]
          in [-radius, radius]; of a run with labels, labels int32 [batch].
        """
        shifts = self.batch_size if self.phase_per_example else 1
        labels_seed = purpose_seed(self.seed, step, f"{purpose}/labels")
        return {
            **({"labels": self._labels(labels_seed)} if self.label_shares else {}),
            "z": uniform_latents(self.batch_size, self.latent_dim, purpose_seed(self.seed, step, f"{purpose}/z")),
            "alpha": tf.random.stateless_uniform([self.batch_size], purpose_seed(self.seed, step, f"{purpose}/alpha")),
            "phases": tf.random.stateless_uniform(
                [passes, self.phase_shuffles, shifts],
                purpose_seed(self.seed, step, f"{purpose}/phases"),
                -self.phase_radius,
                self.phase_radius + 1,
                tf.int32,
            ),
        }

    def _labels(self, seed: tf.Tensor) -> tf.Tensor:
        """Labels int32 [batch], as often as their shares say."""
        # Float64, and the last limit left out, so that no draw lies beyond it.
        limits = tf.constant(np.cumsum(self.label_shares)[:-1], tf.float64)
        drawn = tf.random.stateless_uniform([self.batch_size], seed, dtype=tf.float64)
        return tf.searchsorted(limits, drawn, side="right")


def rows(tensors: dict[str, tf.Tensor], start: int, stop: int, axis: int = 0) -> dict[str, tf.Tensor]:
    """The part that belongs to examples start to stop of the batch.

    Args:
      tensors: `UpdateDraws`'s result, or those of several updates stacked, and clips beside them.
      start: first example.
      stop: end of the examples.
      axis: of the batch, but for the phases, where it is the last one.
    """
    examples = (*[slice(None)] * axis, slice(start, stop))
    found = {name: value[examples] for name, value in tensors.items() if name != "phases"}
    phases = tensors["phases"]
    return {**found, "phases": phases if phases.shape[-1] == 1 else phases[..., start:stop]}
