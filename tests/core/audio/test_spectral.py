"""Transforms against NumPy and librosa; Griffin-Lim against librosa and by its convergence."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import tensorflow as tf

from tests.commands import DRUMS
from tests.originals import SPECGAN, assert_near
from wavegan_tf.core.audio import decode, spectral
from wavegan_tf.core.audio.options import INVERSIONS

LENGTH, STEP = 256, 128
WINDOW = np.hanning(LENGTH + 1)[:-1]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def magnitudes() -> tf.Tensor:
    """Of real speech: what the original code inverted to its waveforms."""
    golden = np.load(SPECGAN / "features.npz")
    spectra = spectral.stft(tf.constant(golden["x"][:, :, 0]), LENGTH, STEP)
    return tf.abs(spectra)


@pytest.mark.parametrize(("samples", "frames"), [(1024, 8), (1000, 8), (897, 8), (896, 7)])
def test_padded_transform_is_that_of_each_frame(samples, frames):
    x = noise(2, samples)
    found = spectral.stft(x, LENGTH, STEP, pad_end=True)
    padded = np.pad(x, [(0, 0), (0, LENGTH)])
    expected = [np.fft.rfft(padded[:, start : start + LENGTH] * WINDOW) for start in range(0, frames * STEP, STEP)]
    assert_near(found, np.stack(expected, axis=1))


def test_transform_without_padding_is_librosas():
    x = noise(2, 1000)
    expected = librosa.stft(x, n_fft=LENGTH, hop_length=STEP, center=False)
    assert_near(spectral.stft(x, LENGTH, STEP), np.swapaxes(expected, 1, 2))


def spectra(frames: int) -> np.ndarray:
    """Not the transform of any signal."""
    real, imaginary = noise(2, 2, frames, LENGTH // 2 + 1)
    return (real + 1j * imaginary).astype(np.complex64)


def test_plain_inverse_leaves_the_windows_in():
    values = spectra(5)
    expected = np.zeros([2, 4 * STEP + LENGTH])
    for frame in range(5):
        expected[:, frame * STEP : frame * STEP + LENGTH] += np.fft.irfft(values[:, frame]) * WINDOW
    assert_near(spectral.inverse_stft(values, LENGTH, STEP, compensate=False), expected)


def test_compensated_inverse_is_librosas():
    values = spectra(5)
    expected = librosa.istft(np.swapaxes(values, 1, 2), n_fft=LENGTH, hop_length=STEP, center=False)
    found = spectral.inverse_stft(values, LENGTH, STEP, compensate=True)
    assert found.shape == expected.shape
    # Where almost nothing was seen, rounding is upsampled: compare what each sample weighs.
    gain = np.zeros(expected.shape[1])
    for frame in range(5):
        gain[frame * STEP : frame * STEP + LENGTH] += WINDOW**2
    assert_near(found * gain, expected * gain)


def test_compensated_inverse_undoes_the_transform():
    x = noise(2, 1024)
    found = spectral.inverse_stft(spectral.stft(x, LENGTH, STEP), LENGTH, STEP, compensate=True)
    assert_near(found[:, 8:-8], x[:, 8:-8], 1e-4)
    assert_near(found[:, STEP:-STEP], x[:, STEP:-STEP], 1e-6)
    # With a least gain the edges fade instead, and what is inside stays as it is.
    faded = spectral.inverse_stft(spectral.stft(x, LENGTH, STEP), LENGTH, STEP, compensate=True, least_gain=0.5)
    fade = np.minimum(1.0, WINDOW[:STEP] ** 2 / 0.5)
    assert_near(faded[:, :STEP], x[:, :STEP] * fade, 1e-6)
    assert_near(faded[:, STEP:-STEP], x[:, STEP:-STEP], 1e-6)


@pytest.mark.parametrize(("method", "momentum"), [("exact", 0.0), ("fast", 0.99)])
def test_griffin_lim_is_librosas(magnitudes, method, momentum, monkeypatch):
    """But for the fade at the start, which librosa's has not, and where rounding is upsampled without it."""
    monkeypatch.setattr(spectral, "LEAST_GAIN", spectral.UNSEEN)
    found = spectral.griffin_lim(magnitudes, LENGTH, STEP, 8, method)
    for ours, values in zip(found, magnitudes, strict=True):
        theirs = librosa.griffinlim(
            values.numpy().T, n_iter=8, hop_length=STEP, n_fft=LENGTH, center=False, init=None, momentum=momentum
        )
        assert_near(ours[STEP:-STEP], theirs[STEP:-STEP], 1e-3)


def decibels(magnitudes, x) -> np.ndarray:
    return 20 * np.log10(spectral.spectral_convergence(magnitudes, x, LENGTH, STEP))


def test_better_inversions_converge_better(magnitudes):
    """Spectral convergence in dB, as README states it: each kind is better than the one before by decibels."""
    original, exact, fast = (
        decibels(magnitudes, spectral.griffin_lim(magnitudes, LENGTH, STEP, 16, method)) for method in INVERSIONS
    )
    assert (exact < original - 3).all() and (fast < exact - 2).all(), (original, exact, fast)


@pytest.mark.parametrize(("method", "momentum"), [("exact", 0.0), ("fast", 0.99)])
def test_the_fade_costs_little(method, momentum):
    """Drum hits begin with the first sample; to fade them in leaves less than 1 dB to librosa's convergence."""
    paths = sorted(DRUMS.glob("*.flac"))[:8]
    clips = [decode.decode(str(path), 16000, num_channels=1, normalize=True) for path in paths]
    clips = np.stack([np.pad(clip, [(0, 8192), (0, 0)])[:8192, 0] for clip in clips])
    magnitudes = tf.abs(spectral.stft(clips, LENGTH, STEP))
    ours = spectral.griffin_lim(magnitudes, LENGTH, STEP, 16, method)
    assert (np.abs(ours[:, :64]).max(axis=1) < np.abs(clips).max(axis=1)).all()
    theirs = [
        librosa.griffinlim(m.T, n_iter=16, hop_length=STEP, n_fft=LENGTH, center=False, init=None, momentum=momentum)
        for m in magnitudes.numpy()
    ]
    assert decibels(magnitudes, ours).mean() < decibels(magnitudes, np.stack(theirs)).mean() + 1.0


def test_exact_never_gets_worse(magnitudes):
    reached = [
        decibels(magnitudes, spectral.griffin_lim(magnitudes, LENGTH, STEP, n, "exact")) for n in range(0, 24, 3)
    ]
    assert (np.diff(reached, axis=0) < 0.01).all(), reached


@pytest.mark.parametrize("method", INVERSIONS)
def test_griffin_lim_of_a_batch_is_that_of_each_and_compiles(magnitudes, method):
    together = spectral.griffin_lim(magnitudes, LENGTH, STEP, 4, method)
    alone = [spectral.griffin_lim(values[None], LENGTH, STEP, 4, method) for values in magnitudes]
    assert_near(together, np.concatenate(alone), 1e-4)
    compiled = tf.function(spectral.griffin_lim, jit_compile=True, autograph=False)
    assert_near(compiled(magnitudes, LENGTH, STEP, tf.constant(4), method), together, 1e-3)


def test_griffin_lim_of_silence_is_silence():
    for method in INVERSIONS:
        x = spectral.griffin_lim(tf.zeros([1, 6, 129]), LENGTH, STEP, 3, method)
        np.testing.assert_array_equal(x, np.zeros([1, 5 * STEP + LENGTH]))


def test_spectral_convergence_is_a_relative_distance():
    x = noise(2, 1024)
    magnitudes = np.abs(spectral.stft(x, LENGTH, STEP))
    np.testing.assert_allclose(spectral.spectral_convergence(magnitudes, x, LENGTH, STEP), 0, atol=1e-6)
    np.testing.assert_allclose(spectral.spectral_convergence(magnitudes, x * 1.5, LENGTH, STEP), 0.5, rtol=1e-5)
    other = magnitudes + np.abs(noise(2, 7, 129))
    expected = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(magnitudes, other, strict=True)]
    np.testing.assert_allclose(spectral.spectral_convergence(other, x, LENGTH, STEP), expected, rtol=1e-5)


def test_unknown_method_is_named():
    with pytest.raises(ValueError, match="method='slow'"):
        spectral.griffin_lim(tf.zeros([1, 6, 129]), LENGTH, STEP, 3, "slow")
