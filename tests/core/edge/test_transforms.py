"""Transforms in real arithmetic against those with complex numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from wavegan_tf.core.audio import spectral
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.edge import transforms


def spectra(frames: int, length: int) -> np.ndarray:
    rng = np.random.default_rng(length + frames)
    return rng.normal(size=[frames, length // 2 + 1]) + 1j * rng.normal(size=[frames, length // 2 + 1])


@pytest.mark.parametrize("length", [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_inverse_rfft(length, frames):
    x = spectra(frames, length)
    real, imaginary = (tf.constant(part, tf.float32) for part in (x.real, x.imag))
    found = transforms.inverse_rfft(real, imaginary, length).numpy()
    expected = np.fft.irfft(x, axis=1)
    assert found.dtype == np.float32 and found.shape == (frames, length)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(("length", "step"), [(4, 1), (8, 2), (8, 4), (8, 8), (6, 2), (256, 128), (2048, 512)])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_overlap_add_and_the_window_of_the_inverse(length, step, frames):
    x = np.random.default_rng(0).normal(size=[frames, length]).astype(np.float32)
    found = transforms.overlap_add(tf.constant(x), step)
    np.testing.assert_allclose(found, tf.signal.overlap_and_add(x, step), rtol=0, atol=1e-6)
    if step < length:
        expected = tf.signal.inverse_stft_window_fn(step)(length, tf.float32)
        np.testing.assert_allclose(transforms.synthesis_window(length, step), expected, rtol=0, atol=1e-6)


def twins(method: str, iterations: int, frames: int, length: int, step: int) -> float:
    """RMS of the difference of the two forms of Griffin-Lim, relative to the signal."""
    magnitudes = np.exp(np.random.default_rng(frames).normal(size=[frames, length // 2 + 1])).astype(np.float32)
    found = transforms.griffin_lim(tf.constant(magnitudes), length, step, iterations, method).numpy()
    expected = spectral.griffin_lim(tf.constant(magnitudes)[None], length, step, iterations, method)[0].numpy()
    assert found.shape == expected.shape and np.std(expected) > 0.01
    return float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


SIZES = [(2, 256, 128), (128, 256, 128), (5, 16, 8), (9, 16, 4), (3, 4, 2)]


@pytest.mark.parametrize("method", INVERSIONS)
@pytest.mark.parametrize("iterations", [0, 1, 2, 16])
@pytest.mark.parametrize(("frames", "length", "step"), SIZES)
def test_griffin_lim(method, iterations, frames, length, step):
    """With many iterations some digits are lost: where a bin nearly vanishes, its phase is rounding."""
    assert twins(method, iterations, frames, length, step) < (2e-6 if iterations < 2 else 1e-3)


@pytest.mark.parametrize("method", INVERSIONS)
def test_griffin_lim_of_one_frame(method):
    """Without iterations: of a symmetric signal, half the bins vanish."""
    assert twins(method, 0, 1, 256, 128) < 2e-6


def test_griffin_lim_knows_its_methods():
    with pytest.raises(ValueError, match="^method='x': must be one of original, exact, fast"):
        transforms.griffin_lim(tf.ones([2, 129]), 256, 128, 1, "x")
