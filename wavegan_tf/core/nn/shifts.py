"""Shifts in time by random amounts, and their adjoint: what the phase shuffle computes.

XLA cannot compile a padding that depends on the amount, and it compiles a slice anew for each start. So the shift and
its adjoint gather samples, and each is the other's gradient.
"""

from __future__ import annotations

import tensorflow as tf


def shift(x: tf.Tensor, phase: tf.Tensor, radius: int) -> tf.Tensor:
    """out[:, i] = x[:, i - phase], reflected at both ends.

    Args:
      x: [b, t, c], t > radius.
      phase: int32 in [-radius, radius], [1] for all examples or [b].
      radius: largest shift.
    """

    @tf.custom_gradient
    def forward(x: tf.Tensor):
        last = x.shape[1] - 1
        source = tf.abs(tf.range(x.shape[1]) - phase[:, None])
        return _samples(x, last - tf.abs(last - source)), lambda dy: unshift(dy, phase, radius)

    return forward(x)


def unshift(dy: tf.Tensor, phase: tf.Tensor, radius: int) -> tf.Tensor:
    """The adjoint of `shift`: puts each value back where it was taken from, adding where one was taken twice."""

    @tf.custom_gradient
    def forward(dy: tf.Tensor):
        last, amount = dy.shape[1] - 1, phase[:, None]

        def ends(start: int, stop: int) -> tf.Tensor:
            place = tf.range(start, stop)
            taken = _samples_or_zero(dy, place + amount)
            for reflected, exists in ((amount - place, place > 0), (2 * last - place + amount, place < last)):
                taken += _samples_or_zero(dy, tf.where(exists, reflected, -1))
            return taken

        # Away from the ends every sample was taken once, whatever the phase.
        start = min(radius + 1, dy.shape[1])
        stop = max(last - radius, start)
        parts = [ends(0, start), _samples(dy, tf.range(start, stop) + amount), ends(stop, dy.shape[1])]
        return tf.concat(parts, axis=1), lambda ddx: shift(ddx, phase, radius)

    return forward(dy)


def _samples(x: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Samples of [b, t, c] at indices [b, n], or at [1, n] for all examples."""
    if indices.shape[0] == 1:
        return tf.gather(x, indices[0], axis=1)
    return tf.gather(x, indices, axis=1, batch_dims=1)


def _samples_or_zero(x: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """As `_samples`, and zeros where an index is outside."""
    last = x.shape[1] - 1
    inside = tf.logical_and(indices >= 0, indices <= last)
    return tf.where(inside[..., None], _samples(x, tf.clip_by_value(indices, 0, last)), tf.zeros([], x.dtype))
