"""The losses of WaveGAN and SpecGAN in one update, as the original wires them."""

from __future__ import annotations

import dataclasses

import keras
import tensorflow as tf

from wavegan_tf.core.nn import losses
from wavegan_tf.core.training.update import Metrics

# Of the auxiliary classifier's cross entropy beside the adversarial loss, for both networks; GANSynth's.
LABEL_LOSS_WEIGHT = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialLosses:
    """Losses of a generator z -> sample and a discriminator (sample, phases) -> logit, as the original wires them.

    With labels the generator takes these beside z, and the discriminator gives logits of these beside its own. It
    learns them from real samples, and the generator to make samples that it takes for those of the label.

    Attributes:
      generator: called with `training=True` for both losses: its batch normalisation always moves.
      discriminator: the critic.
      loss: one of `options.LOSSES`.
      inner_scale: see `losses.gradient_penalty`.
      with_labels: whether the networks have labels.
    """

    generator: keras.Model
    discriminator: keras.Model
    loss: str
    inner_scale: float = 1.0
    with_labels: bool = False

    @property
    def discriminator_passes(self) -> int:
        """Passes through the discriminator in its own update: real, fake, and interpolates for wgan-gp."""
        return 3 if self.loss == "wgan-gp" else 2

    @property
    def discriminator_metrics(self) -> tuple[str, ...]:
        """Names of what `discriminator_loss` reports."""
        names = ("D_loss", "D_x", "D_G_z") + (("gradient_penalty",) if self.loss == "wgan-gp" else ())
        return names + (("D_label_loss",) if self.with_labels else ())

    def discriminator_loss(self, real: tf.Tensor, draws: Metrics) -> tuple[tf.Tensor, Metrics]:
        """The discriminator's loss on `real` [b, ...] and fresh fakes, and what to report.

        With labels, those in `draws` are the real samples'; fakes have the same, and so have wgan-gp's interpolates.
        """
        fake = tf.stop_gradient(self._fakes(draws))
        phases = draws["phases"]
        real_logits, label_logits = self._judge(real, phases[0])
        fake_logits, _ = self._judge(fake, phases[1])
        loss = losses.discriminator_loss(self.loss, real_logits, fake_logits)
        metrics = {"D_x": tf.reduce_mean(real_logits), "D_G_z": tf.reduce_mean(fake_logits)}
        if self.loss == "wgan-gp":
            penalty, _ = losses.gradient_penalty(
                lambda x: self._judge(x, phases[2])[0], real, fake, draws["alpha"], self.inner_scale
            )
            loss += losses.GRADIENT_PENALTY_WEIGHT * penalty
            metrics["gradient_penalty"] = penalty
        if label_logits is not None:
            metrics["D_label_loss"] = losses.label_loss(draws["labels"], label_logits)
            loss += LABEL_LOSS_WEIGHT * metrics["D_label_loss"]
        return loss, {"D_loss": loss, **metrics}

    def generator_loss(self, draws: Metrics) -> tuple[tf.Tensor, Metrics]:
        """The generator's loss on fresh fakes, and what to report."""
        fake_logits, label_logits = self._judge(self._fakes(draws), draws["phases"][0])
        loss = losses.generator_loss(self.loss, fake_logits)
        metrics = {}
        if label_logits is not None:
            metrics["G_label_loss"] = losses.label_loss(draws["labels"], label_logits)
            loss += LABEL_LOSS_WEIGHT * metrics["G_label_loss"]
        return loss, {"G_loss": loss, **metrics}

    def _fakes(self, draws: Metrics) -> tf.Tensor:
        return self.generator(draws["z"], *([draws["labels"]] if self.with_labels else []), training=True)

    def _judge(self, samples: tf.Tensor, phases: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Logits, and those of labels."""
        judged = self.discriminator(samples, phases=phases)
        return judged if self.with_labels else (judged, None)
