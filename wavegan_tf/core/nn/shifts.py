"""Shifts in time by random amounts, and their adjoint: what the phase shuffle computes.

XLA cannot compile a padding that depends on the amount, and it compiles a slice anew for each start. So the shift and
its adjoint gather samples, and each is the other's gradient. WaveGAN's training has 36 of them in the graph that
TensorFlow builds at every start, so they are written with few operations.
"""

from __future__ import annotations

import numpy as np
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
        source = tf.abs(np.arange(last + 1, dtype=np.int32) - _amount(phase))
        return _samples(x, last - tf.abs(last - source)), lambda dy: unshift(dy, phase, radius)

    return forward(x)


def unshift(dy: tf.Tensor, phase: tf.Tensor, radius: int) -> tf.Tensor:
    """The adjoint of `shift`: puts each value back where it was taken from, adding where one was taken twice."""

    @tf.custom_gradient
    def forward(dy: tf.Tensor):
        length, amount = dy.shape[1], _amount(phase)
        # Away from the ends every sample was taken once, whatever the phase.
        start = min(radius + 1, length)
        stop = max(length - 1 - radius, start)
        middle = _samples(dy, np.arange(start, stop, dtype=np.int32) + amount)
        parts = [_end(dy, amount, radius, 0, start), middle, _end(dy, amount, radius, stop, length)]
        return tf.concat(parts, axis=1), lambda ddx: shift(ddx, phase, radius)

    return forward(dy)


def _end(dy: tf.Tensor, amount: tf.Tensor, radius: int, start: int, stop: int) -> tf.Tensor:
    """Samples [start, stop) of the adjoint, one of its ends: what was taken from there, directly and by reflection."""
    last, place = dy.shape[1] - 1, np.arange(start, stop)
    # The two samples at which a reflection turns are in none of it: they get an origin outside, where there are zeros.
    reflected = (
        np.where(place > 0, -place, -radius - 1),
        np.where(place < last, 2 * last - place, last + radius + 1),
    )
    # Of the far end nothing comes, unless the input is hardly longer than a shift.
    within = [origins for origins in reflected if np.any((origins >= -radius) & (origins <= last + radius))]
    low, high, zeros = max(start - radius, 0), min(stop + radius, last + 1), 3 * radius + 1
    near = tf.pad(dy[:, low:high], [[0, 0], [zeros, zeros], [0, 0]])
    taken = [_samples(near, (origins + zeros - low).astype(np.int32) + amount) for origins in (place, *within)]
    return tf.add_n(taken)


def _amount(phase: tf.Tensor) -> tf.Tensor:
    """The phase as it is added to indices [n]: [1] for all examples, or [b, 1]."""
    return phase if phase.shape[0] == 1 else phase[:, None]


def _samples(x: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Samples of [b, t, c] at indices [b, n], or at [n] for all examples."""
    return tf.gather(x, indices, axis=1, batch_dims=len(indices.shape) - 1)
