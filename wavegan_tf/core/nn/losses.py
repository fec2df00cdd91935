"""The four adversarial objectives of the original WaveGAN code, and the gradient penalty.

Logits are float32 [b]; every loss is the mean over the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

GRADIENT_PENALTY_WEIGHT = 10.0
WGAN_CLIP = 0.01


def discriminator_loss(name: str, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Loss of the discriminator, without the gradient penalty of wgan-gp.

    dcgan: sigmoid cross-entropy (Goodfellow et al. 2014); lsgan: least squares to 1 and 0 (Mao et al. 2017), both
    halved as the original halves them; wgan, wgan-gp: Wasserstein (Arjovsky et al. 2017).
    """
    if name == "dcgan":
        fake = tf.nn.sigmoid_cross_entropy_with_logits(logits=fake_logits, labels=tf.zeros_like(fake_logits))
        real = tf.nn.sigmoid_cross_entropy_with_logits(logits=real_logits, labels=tf.ones_like(real_logits))
        return (tf.reduce_mean(fake) + tf.reduce_mean(real)) / 2.0
    if name == "lsgan":
        return (tf.reduce_mean((real_logits - 1.0) ** 2) + tf.reduce_mean(fake_logits**2)) / 2.0
    if name in ("wgan", "wgan-gp"):
        return tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)
    raise ValueError(f"unknown loss {name!r}")


def generator_loss(name: str, fake_logits: tf.Tensor) -> tf.Tensor:
    """Loss of the generator: the non-saturating form for dcgan."""
    if name == "dcgan":
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(logits=fake_logits, labels=tf.ones_like(fake_logits))
        )
    if name == "lsgan":
        return tf.reduce_mean((fake_logits - 1.0) ** 2)
    if name in ("wgan", "wgan-gp"):
        return -tf.reduce_mean(fake_logits)
    raise ValueError(f"unknown loss {name!r}")


def label_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy (nats) of logits [b, n] with labels int32 [b]."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    alpha: tf.Tensor,
    inner_scale: float = 1.0,
    target: float = 1.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """mean((||grad critic(x)||_2 / target - 1)^2) at x = real + alpha * (fake - real) (Gulrajani et al. 2017, eq. 3).

    Args:
      critic: [b, ...] -> logits [b].
      real: [b, ...].
      fake: the same shape.
      alpha: [b], in [0, 1).
      inner_scale: factor on the logits while their gradient is taken, divided out afterwards; keeps float16
        gradients from underflowing.
      target: the gradient norm at which the penalty is zero.

    Returns:
      The penalty without its weight, and the slopes [b].
    """
    alpha = tf.reshape(alpha, [-1] + [1] * (len(real.shape) - 1))
    interpolates = real + alpha * (fake - real)
    with tf.GradientTape() as tape:
        tape.watch(interpolates)
        logits = critic(interpolates) * inner_scale
    gradients = tape.gradient(logits, interpolates) / inner_scale
    squares = tf.reduce_sum(gradients**2, axis=list(range(1, len(real.shape))))
    # The root of zero, where a critic is flat, has no finite derivative.
    is_flat = tf.equal(squares, 0.0)
    slopes = tf.where(is_flat, 0.0, tf.sqrt(tf.where(is_flat, 1.0, squares)))
    return tf.reduce_mean((slopes / target - 1.0) ** 2), slopes
