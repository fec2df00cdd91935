"""The parts that one model brings to a training run; WaveGAN and SpecGAN differ in nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.training import tracking

# Name of the averaged generator in checkpoints.
AVERAGE = "generator_ema"


def _unchanged(x: tf.Tensor) -> tf.Tensor:
    return x


def _nothing_more(step: int, tracker: tracking.Tracker, clips: tf.Tensor, real: tf.Tensor, fake: tf.Tensor) -> None:
    pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gan:
    """Networks, settings, and the way from clips to what the discriminator sees and back.

    Attributes:
      generator: latents [b, latent_dim] -> samples.
      average: the moving average of the generator's weights; None if there is none.
      average_decay: of that average, at each update.
      discriminator: (samples, phases) -> logits [b]; `num_phase_shuffles` says how many shifts it takes.
      labels: names of the labels; none of a model without, whose networks take none.
      loss: one of `options.LOSSES`.
      learning_rate: of both optimisers; 0 for the original's with this loss.
      decay: the generator update at which the learning rate is zero, and over how many before it falls; None for none.
      latent_dim: length of a latent vector.
      critic_updates: discriminator updates for each generator update.
      phase_radius: largest shift of a phase shuffle, 0 for none.
      phase_per_example: one shift for each example instead of one for the batch.
      to_sample: clips [b, t, c] -> what the discriminator sees.
      to_audio: samples -> waveforms [b, t, c].
      preview_gap: samples of silence after each clip of the preview.
      summarize: further summaries at a step, of clips [b, t, c], of them as samples, and of generated samples.
    """

    generator: keras.Model
    discriminator: keras.Model
    average: keras.Model | None = None
    average_decay: float = 0.0
    labels: tuple[str, ...] = ()
    loss: str
    learning_rate: float = 0.0
    decay: tuple[int, int] | None = None
    latent_dim: int
    critic_updates: int
    phase_radius: int
    phase_per_example: bool
    to_sample: Callable[[tf.Tensor], tf.Tensor] = _unchanged
    to_audio: Callable[[tf.Tensor], tf.Tensor] = _unchanged
    preview_gap: int
    summarize: Callable[[int, tracking.Tracker, tf.Tensor, tf.Tensor, tf.Tensor], None] = _nothing_more

    @property
    def sampler(self) -> keras.Model:
        """The network that is heard: the average if there is one, else the generator."""
        return self.generator if self.average is None else self.average


def settings(config: GanOptions) -> dict[str, Any]:
    """The attributes of a `Gan` that are options of both models."""
    decay_steps = config.train_learning_rate_decay_steps
    return {
        "loss": config.own("loss"),
        "learning_rate": config.train_learning_rate,
        "decay": (config.train_steps, decay_steps) if decay_steps else None,
        "average_decay": config.train_ema_decay,
        "latent_dim": config.own("latent_dim"),
        "critic_updates": config.own("disc_nupdates"),
        "phase_radius": config.own("disc_phaseshuffle"),
        "phase_per_example": config.own("disc_phaseshuffle_per_example"),
    }
