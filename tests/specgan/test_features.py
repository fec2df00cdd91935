"""Spectrograms and back, against the original code, librosa and the definitions."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import tensorflow as tf

from specgan_tf import features, moments
from specgan_tf.geometry import Framing, Moments
from tests.originals import SPECGAN, assert_near


@pytest.fixture(scope="module")
def golden():
    return np.load(SPECGAN / "features.npz")


@pytest.fixture(scope="module")
def stored(golden):
    return Moments(golden["moments_mean"], golden["moments_std"])


def test_spectrograms_are_the_originals(golden, stored):
    # Logarithms of tiny magnitudes differ most: the originals' README expects 2e-4.
    assert_near(features.waveforms_to_spectrograms(golden["x"], stored), golden["X_norm"], 1e-5)


@pytest.mark.parametrize(("iterations", "tolerance"), [(0, 1e-5), (1, 2e-5), (16, 1e-4)])
def test_waveforms_are_the_originals(golden, stored, iterations, tolerance):
    expected = golden[f"waveform_ngl{iterations}"]
    spectrograms = tf.constant(golden["X_norm"][: len(expected)])
    assert_near(features.spectrograms_to_waveforms(spectrograms, stored, 3.0, iterations), expected, tolerance)


def test_both_ways_compile_under_xla(golden, stored):
    forward = tf.function(lambda x: features.waveforms_to_spectrograms(x, stored), jit_compile=True, autograph=False)
    assert_near(forward(golden["x"]), golden["X_norm"], 2e-4)
    back = tf.function(lambda x: features.spectrograms_to_waveforms(x, stored), jit_compile=True, autograph=False)
    assert_near(back(tf.constant(golden["X_norm"])), golden["waveform_ngl16"], 2e-4)


def test_pictures_are_the_originals(golden):
    np.testing.assert_array_equal(features.spectrograms_to_pictures(golden["X_norm"]), golden["img_uint8"])


def test_pictures_of_longer_spectrograms_and_beyond_the_range():
    spectrograms = np.random.default_rng(0).uniform(-1.5, 1.5, [2, 256, 128, 1]).astype(np.float32)
    pictures = features.spectrograms_to_pictures(spectrograms).numpy()
    assert pictures.dtype == np.uint8 and pictures.shape == (2, 128, 256, 1)
    expected = np.clip((spectrograms[1, 200, 100, 0] + 1) * 128, 0, 255).astype(np.uint8)
    assert pictures[1, 127 - 100, 200, 0] == expected  # frame 200, bin 100 from the bottom


@pytest.mark.parametrize("samples", [16384, 32768])
def test_log_magnitudes_are_librosas(samples):
    x = np.random.default_rng(1).normal(size=[2, samples, 1]).astype(np.float32)
    padded = np.pad(x[:, :, 0], [(0, 0), (0, 128)])  # the last frame reaches beyond the end
    expected = np.log(np.abs(librosa.stft(padded, n_fft=256, hop_length=128, center=False)) + 1e-6)
    found = features.log_magnitudes(x)
    assert found.shape == (2, samples // 128, 129, 1)
    found = found[..., 0]
    np.testing.assert_allclose(found, np.swapaxes(expected, 1, 2), atol=2e-3)
    assert np.mean(np.abs(found - np.swapaxes(expected, 1, 2))) < 1e-5


@pytest.mark.parametrize("framing", [Framing(704, 352), Framing(706, 353), Framing(128, 32)])
@pytest.mark.parametrize("samples", [706, 7060, 7061])
def test_any_frames_of_any_channels_are_librosas(framing, samples):
    x = np.random.default_rng(1).normal(size=[2, samples, 2]).astype(np.float32)
    window, hop = framing.window_len, framing.hop_len
    padded = np.pad(np.moveaxis(x, 2, 1), [(0, 0), (0, 0), (0, window)])
    spectra = librosa.stft(padded, n_fft=window, hop_length=hop, center=False)[..., : framing.frames(samples)]
    expected = np.transpose(np.log(np.abs(spectra) + 1e-6), [0, 3, 2, 1])
    found = features.log_magnitudes(x, framing)
    assert found.shape == (2, framing.frames(samples), framing.num_bins, 2)
    assert np.mean(np.abs(found - expected)[:, :-1]) < 1e-5
    # Of two samples where the window begins, float32 has few digits.
    np.testing.assert_allclose(found[:, -1], expected[:, -1], atol=2e-3)
    # Both ways: channels stay apart, and clips come back at their length.
    stored = Moments(*(np.full(framing.num_bins, value, np.float32) for value in (-1.0, 1.0)))
    spectrograms = features.waveforms_to_spectrograms(x, stored, 3.0, framing)
    heard = features.spectrograms_to_waveforms(spectrograms, stored, 3.0, 3, "exact", framing, samples).numpy()
    assert heard.shape == (2, samples, 2)
    for channel in range(2):
        alone = features.spectrograms_to_waveforms(
            spectrograms[..., channel : channel + 1], stored, 3.0, 3, "exact", framing, samples
        )
        np.testing.assert_allclose(heard[..., channel], alone[..., 0], atol=1e-4)
    pictures = features.spectrograms_to_pictures(spectrograms).numpy()
    low = features.spectrograms_to_pictures(spectrograms[..., 1:]).numpy()
    assert pictures.shape == (2, 2 * framing.seen_bins, framing.frames(samples), 1)
    np.testing.assert_array_equal(pictures[:, framing.seen_bins :], low)


def test_silence_is_the_floor():
    found = features.log_magnitudes(np.zeros([1, 16384, 1], np.float32))
    np.testing.assert_array_equal(found, np.full([1, 128, 129, 1], np.log(np.float32(1e-6))))


@pytest.mark.parametrize("clip_nstd", [1.5, 3.0, 10.0])
def test_normalisation_is_undone_but_for_clipping(golden, stored, clip_nstd):
    spectrograms = features.waveforms_to_spectrograms(golden["x"], stored, clip_nstd).numpy()
    standardised = (features.log_magnitudes(golden["x"]).numpy()[:, :, :128, 0] - stored.mean[:-1]) / stored.std[:-1]
    np.testing.assert_allclose(spectrograms[..., 0], np.clip(standardised / clip_nstd, -1, 1), rtol=1e-5, atol=1e-6)
    magnitudes = features.spectrograms_to_magnitudes(tf.constant(spectrograms), stored, clip_nstd).numpy()[..., 0]
    kept = np.abs(spectrograms[..., 0]) < 1
    exact = np.exp(features.log_magnitudes(golden["x"]).numpy())[:, :, :128, 0]
    np.testing.assert_allclose(magnitudes[:, :, :128][kept], exact[kept], rtol=1e-4)
    # The bin that networks do not see comes back as its mean.
    np.testing.assert_allclose(magnitudes[:, :, 128], np.exp(stored.mean[128]), rtol=1e-6)


@pytest.mark.parametrize("std", [0.0, 1e-9])
def test_a_constant_bin_is_zero_and_comes_back_as_its_mean(golden, stored, std):
    constant = Moments(stored.mean, np.where(np.arange(129) % 2, std, stored.std).astype(np.float32))
    spectrograms = features.waveforms_to_spectrograms(golden["x"], constant).numpy()
    assert np.isfinite(spectrograms).all()
    np.testing.assert_array_equal(spectrograms[:, :, 1::2], 0)
    np.testing.assert_array_equal(
        spectrograms[:, :, ::2], features.waveforms_to_spectrograms(golden["x"], stored)[:, :, ::2]
    )
    magnitudes = features.spectrograms_to_magnitudes(tf.constant(spectrograms), constant).numpy()[..., 0]
    expected = np.broadcast_to(np.exp(stored.mean[1::2]), [2, 128, 64])
    np.testing.assert_allclose(magnitudes[:, :, 1::2], expected, rtol=1e-6)


def test_spectrograms_of_silent_data_are_zero():
    silence = np.zeros([2, 16384, 1], np.float32)
    stored = moments.of_batches([silence])
    np.testing.assert_array_equal(stored.std, np.zeros(129))
    np.testing.assert_array_equal(features.waveforms_to_spectrograms(silence, stored), np.zeros([2, 128, 128, 1]))


def test_what_a_generator_without_tanh_asks_for_stays_finite(stored):
    """At 1000 standard deviations the exponential alone would be infinite."""
    spectrograms = tf.fill([1, 128, 128, 1], 1000.0)
    for inversion in ("original", "exact", "fast"):
        x = features.spectrograms_to_waveforms(spectrograms, stored, 3.0, 4, inversion).numpy()
        assert np.isfinite(x).all() and np.abs(x).max() > 1e6


@pytest.mark.parametrize("inversion", ["original", "exact", "fast"])
def test_real_speech_survives_the_way_there_and_back(golden, stored, inversion):
    """Heard with numbers: level in each of 32 stretches, and tone in each octave."""
    spectrograms = features.waveforms_to_spectrograms(golden["x"], stored)
    heard = features.spectrograms_to_waveforms(spectrograms, stored, 3.0, 16, inversion).numpy()[0, :, 0]
    x = golden["x"][0, :, 0]
    assert heard.shape == x.shape

    def levels(values):
        return 10 * np.log10(np.maximum(np.mean(values.reshape(32, -1) ** 2, axis=1), 1e-4))

    def octaves(values):
        power = np.abs(np.fft.rfft(values)) ** 2
        return 10 * np.log10([power[2**k : 2 ** (k + 1)].sum() for k in range(7, 13)])

    # The windows that the original leaves in take about 1.2 dB.
    assert np.abs(levels(heard) - levels(x)).mean() < (2.5 if inversion == "original" else 1.0)
    assert np.abs(octaves(heard) - octaves(x)).max() < (4.0 if inversion == "original" else 2.0)
