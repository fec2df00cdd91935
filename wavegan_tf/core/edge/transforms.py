"""Inverse Fourier transforms and Griffin-Lim in real arithmetic, as products: TensorFlow Lite has no complex numbers.

Each is the slow twin of a form with complex numbers, to which tests hold it. Shapes are known, and the batch is one.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from wavegan_tf.core.audio import spectral
from wavegan_tf.core.audio.options import INVERSIONS


def inverse_rfft(real: tf.Tensor, imaginary: tf.Tensor, length: int) -> tf.Tensor:
    """Signals from half their spectra, as `tf.signal.irfft`, in two short transforms with a rotation between.

    With k = b p + q and m = r + a s, where a b = length, the rotation exp(2 pi i k m / length) is the product of
    exp(2 pi i p r / a), exp(2 pi i q r / length) and exp(2 pi i q s / b).

    Args:
      real: float32 [t, length / 2 + 1].
      imaginary: likewise; the first and the last column do not count.
      length: of the signals, a power of two from 2 on.

    Returns:
      float32 [t, length].
    """
    frames, a = real.shape[0], 1 << (length.bit_length() - 1) // 2
    b, rows = length // a, a // 2 + 1
    # All but the ends stand for their mirror images too.
    weights = np.r_[1.0, np.full(length // 2 - 1, 2.0), 1.0].astype(np.float32)
    filling = [[0, 0], [0, rows * b - (length // 2 + 1)]]
    parts = [tf.reshape(tf.pad(part * weights, filling), [frames, rows, b]) for part in (real, imaginary)]
    x = tf.transpose(tf.concat(parts, axis=1), [0, 2, 1])  # [t, q, p of both parts]
    first = _rotations(np.arange(rows), np.arange(a), a)
    matrix = np.block([[first.real, first.imag], [-first.imag, first.real]])
    x = tf.reshape(_product(tf.reshape(x, [frames * b, 2 * rows]), matrix), [frames, b, 2 * a])
    between = _rotations(np.arange(b), np.arange(a), length)
    cos, sin = between.real.astype(np.float32), between.imag.astype(np.float32)
    x, y = x[..., :a], x[..., a:]
    x = tf.concat([x * cos - y * sin, x * sin + y * cos], axis=1)  # [t, q of both parts, r]
    last = _rotations(np.arange(b), np.arange(b), b) / length
    x = tf.reshape(tf.transpose(x, [0, 2, 1]), [frames * a, 2 * b])
    x = tf.reshape(_product(x, np.concatenate([last.real, -last.imag])), [frames, a, b])  # [t, r, s]
    return tf.reshape(tf.transpose(x, [0, 2, 1]), [frames, length])


def overlap_add(frames: tf.Tensor, step: int) -> tf.Tensor:
    """Frames [t, n], each `step` samples after the one before, added up: [(t - 1) step + n]; `step` must divide n."""
    count, length = frames.shape
    parts = length // step
    pieces = [
        tf.pad(frames[:, part * step : (part + 1) * step], [[part, parts - 1 - part], [0, 0]]) for part in range(parts)
    ]
    return tf.reshape(tf.add_n(pieces), [(count + parts - 1) * step])


def synthesis_window(length: int, step: int) -> np.ndarray:
    """`tf.signal.inverse_stft_window_fn` of a Hann window, float32 [length]; `step` must divide `length`."""
    window = _window(length)
    gain = np.sum(np.reshape(window**2, [-1, step]), axis=0)
    return (window / np.tile(gain, length // step)).astype(np.float32)


def griffin_lim(
    magnitudes: tf.Tensor, frame_length: int, frame_step: int, iterations: int, method: str = "original"
) -> tf.Tensor:
    """`spectral.griffin_lim` of one spectrogram.

    Args:
      magnitudes: float32 [t, frame_length / 2 + 1], not negative.
      frame_length: samples in a frame, even.
      frame_step: samples from one frame to the next; must divide `frame_length`.
      iterations: see there.
      method: see there.

    Returns:
      float32 [(t - 1) * frame_step + frame_length].
    """
    if method not in INVERSIONS:
        raise ValueError(f"method={method!r}: must be one of {', '.join(INVERSIONS)}")
    frames, parts = magnitudes.shape[0], frame_length // frame_step
    forward, inverse = _transforms(frame_length)
    gain = None if method == "original" else _gain(frames, frame_length, frame_step)
    step_back = spectral.FAST_MOMENTUM / (1.0 + spectral.FAST_MOMENTUM) if method == "fast" else 0.0

    def invert(spectra: tf.Tensor) -> tf.Tensor:
        x = overlap_add(_product(spectra, inverse), frame_step)
        return x if gain is None else x * gain

    def improve(i: tf.Tensor, spectra: tf.Tensor, previous: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        blocks = tf.reshape(invert(spectra), [frames + parts - 1, frame_step])
        overlapping = tf.concat([blocks[part : part + frames] for part in range(parts)], axis=1)
        rebuilt = _product(overlapping, forward)
        ahead = rebuilt - step_back * previous if step_back else rebuilt
        real, imaginary = tf.split(ahead, 2, axis=1)
        scale = magnitudes / tf.maximum(tf.sqrt(real * real + imaginary * imaginary), 1e-8)
        return i + 1, tf.concat([real * scale, imaginary * scale], axis=1), (rebuilt if step_back else previous)

    start = tf.pad(magnitudes, [[0, 0], [0, magnitudes.shape[1]]])
    previous = tf.zeros_like(start) if step_back else tf.zeros([])
    _, spectra, _ = tf.while_loop(lambda i, *_: i < iterations, improve, [tf.constant(0), start, previous])
    return invert(spectra)


def _rotations(first: np.ndarray, second: np.ndarray, length: int) -> np.ndarray:
    """exp(2 pi i k m / length) for all k of `first` and m of `second`, complex128."""
    return np.exp(2j * np.pi * (np.outer(first, second) % length) / length)


def _product(x: tf.Tensor, matrix: np.ndarray) -> tf.Tensor:
    return tf.matmul(x, matrix.astype(np.float32))


def _window(length: int) -> np.ndarray:
    """The periodic Hann window, float64 [length]."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)


def _transforms(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices of a windowed frame's transform, [n, 2 (n / 2 + 1)], real parts first, and of its windowed inverse."""
    window, rotations = _window(length), _rotations(np.arange(length), np.arange(length // 2 + 1), length)
    parts = np.concatenate([rotations.real, -rotations.imag], axis=1) * window[:, None]
    weights = np.tile(np.r_[1.0, np.full(length // 2 - 1, 2.0), 1.0], 2)
    return parts, (parts * weights / length).T


def _gain(frames: int, length: int, step: int) -> np.ndarray:
    """Factors for the overlap-added frames; see `spectral.inverse_stft`."""
    squares = np.zeros((frames - 1) * step + length)
    for frame in range(frames):
        squares[frame * step : frame * step + length] += _window(length) ** 2
    gain = np.where(squares > spectral.UNSEEN, 1.0 / np.maximum(squares, spectral.LEAST_GAIN), 0.0)
    return gain.astype(np.float32)
