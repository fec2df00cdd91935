"""A stage as the original computes it: each image upsampled to the data's size and back, one pass a head."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from gansynth_tf.boxes import box_downscale, box_upscale
from gansynth_tf.losses import LossWeights
from gansynth_tf.networks import ProgressiveDiscriminator, ProgressiveGenerator
from gansynth_tf.normalizer import Normalizer
from gansynth_tf.progressive import generator_alpha
from gansynth_tf.schedule import ResolutionSchedule


@dataclasses.dataclass(frozen=True, kw_only=True)
class FullSizeLosses:
    """The losses of a stage; `real` are full-size features, and progress is a Python number."""

    generator: ProgressiveGenerator
    discriminator: ProgressiveDiscriminator
    resolutions: ResolutionSchedule
    normalizer: Normalizer
    weights: LossWeights

    @property
    def _scales(self):
        return self.resolutions.scales(self.generator.num_blocks)

    def fakes(self, draws, progress):
        images = self.generator(draws["z"], draws["pitches"], progress=progress)
        return self.normalizer.denormalize(box_upscale(images, self._scales))

    def blend(self, real, progress):
        total = tf.zeros_like(real)
        for block in range(1, self.generator.num_blocks + 1):
            scales = self.resolutions.scales(block)
            total += generator_alpha(block, progress) * box_upscale(box_downscale(real, scales), scales)
        return total

    def judge(self, data, progress):
        return self.discriminator(box_downscale(self.normalizer.normalize(data), self._scales), progress=progress)

    def _pitch_loss(self, data, pitches, progress):
        logits = self.judge(data, progress)[1]
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(pitches, logits))

    def generator_loss(self, draws, progress):
        data = self.fakes(draws, progress)
        pitch = self._pitch_loss(data, draws["pitches"], progress)
        return -tf.reduce_mean(self.judge(data, progress)[0]) + self.weights.generator_ac_loss_weight * pitch

    def discriminator_loss(self, real, pitches, draws, progress):
        weights = self.weights
        real, fake = self.blend(real, progress), tf.stop_gradient(self.fakes(draws, progress))
        mixed = real + draws["alpha"][:, None, None, None] * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(mixed)
            scores = self.judge(mixed, progress)[0]
        slopes = tf.sqrt(tf.reduce_sum(tape.gradient(scores, mixed) ** 2, axis=[1, 2, 3]))
        penalty = tf.reduce_mean((slopes / weights.gradient_penalty_target - 1.0) ** 2)
        real_scores, fake_scores = self.judge(real, progress)[0], self.judge(fake, progress)[0]
        return (
            tf.reduce_mean(fake_scores)
            - tf.reduce_mean(real_scores)
            + weights.gradient_penalty_weight * penalty
            + weights.real_score_penalty_weight * tf.reduce_mean(real_scores**2)
            + weights.discriminator_ac_loss_weight * self._pitch_loss(real, pitches, progress)
        )
