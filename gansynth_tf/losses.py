"""GANSynth's objective: Wasserstein with gradient penalty and drift, the auxiliary pitch classifier, and consistency.

Losses are in Magenta's terms and units (model.py, train_util.py): scores without unit, cross entropies in nats.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from gansynth_tf.features import Features
from gansynth_tf.networks import ProgressiveDiscriminator, ProgressiveGenerator
from gansynth_tf.resolution import StageData
from wavegan_tf.core.nn import losses
from wavegan_tf.core.training.update import Metrics


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weights of the parts, by the original's names.

    Attributes:
      gradient_penalty_target: gradient norm at which the penalty is zero.
      gradient_penalty_weight: of the gradient penalty.
      real_score_penalty_weight: of the mean squared score of real data, which keeps scores from drifting.
      generator_ac_loss_weight: of the pitch of fakes, for the generator.
      discriminator_ac_loss_weight: of the pitch of real data, for the discriminator.
      gen_gl_consistency_loss_weight: of the consistency of fakes at the last stage.
    """

    gradient_penalty_target: float = 1.0
    gradient_penalty_weight: float = 10.0
    real_score_penalty_weight: float = 0.001
    generator_ac_loss_weight: float = 10.0
    discriminator_ac_loss_weight: float = 10.0
    gen_gl_consistency_loss_weight: float = 0.0


def pitch_loss(pitches: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy (nats) of pitch logits [b, n] with one-hot pitches [b, n]; 0 for a row of zeros."""
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=tf.stop_gradient(pitches), logits=logits))


def consistency_loss(features: Features, data: tf.Tensor) -> tf.Tensor:
    """How far spectra are from those of any sound: the change of magnitudes on the way to a waveform and back.

    Args:
      features: of the data; spectral.
      data: full-size features [b, t, f, 2 c].

    Returns:
      Mean of squares, each channel relative to the largest magnitude of both, or to 1 if that is larger
      (`_compute_gl_consistency_loss`).
    """
    spectra = features.data_to_spectra(data)
    magnitudes = tf.abs(spectra)
    rebuilt = tf.abs(features.waves_to_spectra(features.spectra_to_waves(spectra)))
    largest = [tf.reduce_max(part, axis=(1, 2), keepdims=True) for part in (magnitudes, rebuilt)]
    return tf.reduce_mean(tf.square((magnitudes - rebuilt) / tf.maximum(1.0, tf.maximum(*largest))))


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANSynthLosses:
    """Losses of both networks at a stage. Scores and pitch logits of an image come from one pass.

    Attributes:
      generator: (z, pitches, progress) -> images.
      discriminator: (images, progress) -> scores and pitch logits.
      data: between data and images.
      weights: of the parts.
      consistency: full-size features -> consistency loss, where the generator has to mind it.
      inner_scale: see `losses.gradient_penalty`; for slopes at full size, which are smaller than those at the stage's.
    """

    generator: ProgressiveGenerator
    discriminator: ProgressiveDiscriminator
    data: StageData
    weights: LossWeights
    consistency: Callable[[tf.Tensor], tf.Tensor] | None = None
    inner_scale: float = 1.0

    def generator_loss(self, draws: Metrics, progress: tf.Tensor) -> tuple[tf.Tensor, Metrics]:
        """The generator's loss on fresh latents and pitches, and what to report.

        Args:
          draws: z [b, latent_dim] and pitches, one-hot [b, n].
          progress: scalar.
        """
        data = self._fakes(draws, progress)
        scores, logits = self._judge(data, progress)
        score_loss, pitch = -tf.reduce_mean(scores), pitch_loss(draws["pitches"], logits)
        loss = score_loss + self.weights.generator_ac_loss_weight * pitch
        metrics = {"wasserstein_generator_loss": score_loss, "fake_ac_loss": pitch}
        if self.consistency is not None and self.weights.gen_gl_consistency_loss_weight > 0:
            metrics["fake_gl_loss"] = self.consistency(self.data.to_features(data))
            loss += self.weights.gen_gl_consistency_loss_weight * metrics["fake_gl_loss"]
        return loss, {"G_loss": loss, **metrics}

    def discriminator_loss(
        self, real: tf.Tensor, pitches: tf.Tensor, draws: Metrics, progress: tf.Tensor
    ) -> tuple[tf.Tensor, Metrics]:
        """The discriminator's loss, and what to report.

        Args:
          real: features of real notes, downsampled to the stage's resolution.
          pitches: theirs, one-hot [b, n].
          draws: z [b, latent_dim] and pitches [b, n] of the fakes, and alpha [b] of the interpolates.
          progress: scalar.
        """
        weights = self.weights
        real = self.data.blend(real, progress)
        fake = tf.stop_gradient(self._fakes(draws, progress))
        real_scores, logits = self._judge(real, progress)
        fake_scores, _ = self._judge(fake, progress)
        score_loss = tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)
        penalty, _ = losses.gradient_penalty(
            lambda data: self._judge(data, progress)[0],
            real,
            fake,
            draws["alpha"],
            self.inner_scale * self.data.gradient_factor,
            target=weights.gradient_penalty_target / self.data.gradient_factor,
        )
        drift, pitch = tf.reduce_mean(tf.square(real_scores)), pitch_loss(pitches, logits)
        loss = (
            score_loss
            + weights.gradient_penalty_weight * penalty
            + weights.real_score_penalty_weight * drift
            + weights.discriminator_ac_loss_weight * pitch
        )
        return loss, {
            "D_loss": loss, "wasserstein_discriminator_loss": score_loss, "gradient_penalty": penalty,
            "real_score_penalty": drift, "real_ac_loss": pitch,
        }  # fmt: skip

    def _fakes(self, draws: Metrics, progress: tf.Tensor) -> tf.Tensor:
        return self.data.to_data(self.generator(draws["z"], draws["pitches"], progress=progress, training=True))

    def _judge(self, data: tf.Tensor, progress: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self.discriminator(self.data.to_images(data), progress=progress, training=True)
