"""The losses of WaveGAN and SpecGAN in one update, as the original wires them."""

from __future__ import annotations

import dataclasses

import keras
import tensorflow as tf

from wavegan_tf.core.nn import losses
from wavegan_tf.core.training.update import Metrics


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialLosses:
    """Losses of a generator z -> sample and a discriminator (sample, phases) -> logit, as the original wires them.

    Attributes:
      generator: called with `training=True` for both losses: its batch normalisation always moves.
      discriminator: the critic.
      loss: one of `options.LOSSES`.
      inner_scale: see `losses.gradient_penalty`.
    """

    generator: keras.Model
    discriminator: keras.Model
    loss: str
    inner_scale: float = 1.0

    @property
    def discriminator_passes(self) -> int:
        """Passes through the discriminator in its own update: real, fake, and interpolates for wgan-gp."""
        return 3 if self.loss == "wgan-gp" else 2

    @property
    def discriminator_metrics(self) -> tuple[str, ...]:
        """Names of what `discriminator_loss` reports."""
        return ("D_loss", "D_x", "D_G_z") + (("gradient_penalty",) if self.loss == "wgan-gp" else ())

    def discriminator_loss(self, real: tf.Tensor, draws: Metrics) -> tuple[tf.Tensor, Metrics]:
        """The discriminator's loss on `real` [b, ...] and fresh fakes, and what to report."""
        fake = tf.stop_gradient(self.generator(draws["z"], training=True))
        phases = draws["phases"]
        real_logits = self.discriminator(real, phases=phases[0])
        fake_logits = self.discriminator(fake, phases=phases[1])
        loss = losses.discriminator_loss(self.loss, real_logits, fake_logits)
        metrics = {"D_x": tf.reduce_mean(real_logits), "D_G_z": tf.reduce_mean(fake_logits)}
        if self.loss == "wgan-gp":
            penalty, _ = losses.gradient_penalty(
                lambda x: self.discriminator(x, phases=phases[2]), real, fake, draws["alpha"], self.inner_scale
            )
            loss += losses.GRADIENT_PENALTY_WEIGHT * penalty
            metrics["gradient_penalty"] = penalty
        return loss, {"D_loss": loss, **metrics}

    def generator_loss(self, draws: Metrics) -> tuple[tf.Tensor, Metrics]:
        """The generator's loss on fresh fakes, and what to report."""
        fake_logits = self.discriminator(self.generator(draws["z"], training=True), phases=draws["phases"][0])
        loss = losses.generator_loss(self.loss, fake_logits)
        return loss, {"G_loss": loss}
