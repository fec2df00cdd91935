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
    label_weight: float = 10.0

    @property
    def discriminator_passes(self) -> int:
        """Passes through the discriminator in its own update: real, fake, and interpolates for wgan-gp."""
        return 3 if self.loss == "wgan-gp" else 2

    @property
    def discriminator_metrics(self) -> tuple[str, ...]:
        """Names of what `discriminator_loss` reports."""
        return ("D_loss", "D_x", "D_G_z") + (("gradient_penalty",) if self.loss == "wgan-gp" else ()) + (("D_class",) if self.discriminator.classes is not None else ())

    def discriminator_loss(self, real: tf.Tensor, draws: Metrics) -> tuple[tf.Tensor, Metrics]:
        """The discriminator's loss on `real` [b, ...] and fresh fakes, and what to report."""
        labels = draws.get("labels")
        fake = tf.stop_gradient(self.generator(draws["z"], labels, training=True))
        phases = draws["phases"]
        real_logits, classes = self._judge(real, phases[0], labels)
        fake_logits, _ = self._judge(fake, phases[1], labels)
        loss = losses.discriminator_loss(self.loss, real_logits, fake_logits)
        metrics = {"D_x": tf.reduce_mean(real_logits), "D_G_z": tf.reduce_mean(fake_logits)}
        if self.loss == "wgan-gp":
            penalty, _ = losses.gradient_penalty(
                lambda x: self._judge(x, phases[2], labels)[0], real, fake, draws["alpha"], self.inner_scale
            )
            loss += losses.GRADIENT_PENALTY_WEIGHT * penalty
            metrics["gradient_penalty"] = penalty
        if classes is not None:
            metrics["D_class"] = losses.label_loss(labels, classes)
            loss += self.label_weight * metrics["D_class"]
        return loss, {"D_loss": loss, **metrics}

    def _judge(self, x, phases, labels):
        judged = self.discriminator(x, phases=phases, labels=labels)
        return judged if isinstance(judged, (tuple, list)) else (judged, None)

    def generator_loss(self, draws: Metrics) -> tuple[tf.Tensor, Metrics]:
        """The generator's loss on fresh fakes, and what to report."""
        labels = draws.get("labels")
        fake_logits, classes = self._judge(self.generator(draws["z"], labels, training=True), draws["phases"][0], labels)
        loss = losses.generator_loss(self.loss, fake_logits)
        metrics = {}
        if classes is not None:
            metrics["G_class"] = losses.label_loss(labels, classes)
            loss += self.label_weight * metrics["G_class"]
        return loss, {"G_loss": loss, **metrics}
