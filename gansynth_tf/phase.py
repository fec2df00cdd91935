"""Phase of spectra and its derivative in time, the instantaneous frequency (section 2 of the paper)."""

from __future__ import annotations

import math

import tensorflow as tf

_PI = math.pi


def _differences(x: tf.Tensor, axis: int) -> tf.Tensor:
    """x[1:] - x[:-1] along an axis."""
    length = x.shape[axis]
    later, earlier = tf.split(x, [1, length - 1], axis)[1], tf.split(x, [length - 1, 1], axis)[0]
    return later - earlier


def _wrapped_differences(phase: tf.Tensor, axis: int) -> tf.Tensor:
    """Jumps from one element to the next, made smaller by multiples of 2 pi; pi itself keeps the sign of the jump."""
    jumps = _differences(phase, axis)
    wrapped = tf.math.floormod(jumps + _PI, 2.0 * _PI) - _PI
    return tf.where((wrapped == -_PI) & (jumps > 0), tf.constant(_PI, phase.dtype), wrapped)


def unwrap(phase: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Phase (rad) without jumps of more than pi, the same shape; as the original's `unwrap`."""
    corrections = tf.cumsum(_wrapped_differences(phase, axis) - _differences(phase, axis), axis)
    paddings = [[0, 0] for _ in phase.shape]
    paddings[axis] = [1, 0]
    return phase + tf.pad(corrections, paddings)


def instantaneous_frequency(phase: tf.Tensor, time_axis: int = -2, use_unwrap: bool = True) -> tf.Tensor:
    """How far the phase turns from frame to frame.

    Args:
      phase: rad, [b, t, f] or any other shape.
      time_axis: axis of t.
      use_unwrap: give the differences of the unwrapped phase, as the original; else wrap each difference by at most one
        turn, as it does on request. The two differ where a jump is larger than 3 pi, as on the mel axis. The
        original's first way loses precision with every frame; taking the differences before they are summed up, as
        here, does not.

    Returns:
      The shape of `phase`, in half turns (pi rad) a frame; the first frame is the phase itself over pi.
    """
    if use_unwrap:
        turned = _wrapped_differences(phase, time_axis)
    else:
        turned = _differences(phase, time_axis)
        turned = tf.where(turned > _PI, turned - 2.0 * _PI, turned)
        turned = tf.where(turned < -_PI, turned + 2.0 * _PI, turned)
    first = tf.split(phase, [1, phase.shape[time_axis] - 1], time_axis)[0]
    return tf.concat([first, turned], time_axis) / _PI


def accumulated_phase(frequency: tf.Tensor, time_axis: int = -2) -> tf.Tensor:
    """Undoes `instantaneous_frequency` but for whole turns: half turns a frame -> unwrapped rad."""
    return tf.cumsum(frequency * _PI, time_axis)


def wrapped_phase(frequency: tf.Tensor, time_axis: int = -2) -> tf.Tensor:
    """`accumulated_phase` to the last bit but for whole turns, in [0, 2 pi)."""
    half_turns = tf.cumsum(tf.cast(frequency, tf.float64), time_axis)
    return tf.cast(tf.math.floormod(half_turns, 2.0), frequency.dtype) * _PI


def polar_to_complex(magnitude: tf.Tensor, phase: tf.Tensor) -> tf.Tensor:
    """Magnitude * exp(i phase), complex64."""
    return tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
