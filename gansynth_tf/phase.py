"""Phase of spectra and its derivative in time, the instantaneous frequency (section 2 of the paper)."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

_PI = math.pi
# Rounds halves towards zero: a jump of exactly half a turn keeps its sign.
_NEARLY_HALF = np.nextafter(np.float32(0.5), np.float32(0.0))


def _parts(x: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The first element along an axis, and the differences x[1:] - x[:-1]."""
    length = x.shape[axis]
    first, later = tf.split(x, [1, length - 1], axis)
    return first, later - tf.split(x, [length - 1, 1], axis)[0]


def _wrap(half_turns: tf.Tensor) -> tf.Tensor:
    """Made smaller than 1 by multiples of 2; 1 and -1 stay."""
    return half_turns - 2.0 * tf.round(half_turns * _NEARLY_HALF)


def _bounded(turned: tf.Tensor, use_unwrap: bool) -> tf.Tensor:
    """Half turns a frame, wrapped as `instantaneous_frequency` says."""
    if use_unwrap:
        return _wrap(turned)
    turned = tf.where(turned > 1.0, turned - 2.0, turned)
    return tf.where(turned < -1.0, turned + 2.0, turned)


def unwrap(phase: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Phase (rad) without jumps of more than pi, the same shape; as the original's `unwrap`."""
    _, jumps = _parts(phase, axis)
    paddings = [[0, 0] for _ in phase.shape]
    paddings[axis] = [1, 0]
    return phase + tf.pad(tf.cumsum(_wrap(jumps * (1.0 / _PI)) * _PI - jumps, axis), paddings)


def wrap_frames(frequency: tf.Tensor, time_axis: int = -2, use_unwrap: bool = True) -> tf.Tensor:
    """Result of `instantaneous_frequency` for a phase that turns by so much from frame to frame.

    Args:
      frequency: half turns a frame, without bounds.
      time_axis: of the frames; the first is a phase and stays as it is.
      use_unwrap: see there.
    """
    first, turned = tf.split(frequency, [1, frequency.shape[time_axis] - 1], time_axis)
    return tf.concat([first, _bounded(turned, use_unwrap)], time_axis)


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
    first, turned = _parts(phase * (1.0 / _PI), time_axis)
    return tf.concat([first, _bounded(turned, use_unwrap)], time_axis)


def wrapped_phase(frequency: tf.Tensor, time_axis: int = -2) -> tf.Tensor:
    """Undoes `instantaneous_frequency` to the last bit but for whole turns: half turns a frame -> [0, 2 pi) rad."""
    half_turns = tf.cumsum(tf.cast(frequency, tf.float64), time_axis)
    return tf.cast(tf.math.floormod(half_turns, 2.0), frequency.dtype) * _PI


def polar_to_complex(magnitude: tf.Tensor, phase: tf.Tensor) -> tf.Tensor:
    """Magnitude * exp(i phase), complex64."""
    return tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
