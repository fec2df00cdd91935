"""Pictures of sounds whose colours and brightness are known."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from gansynth_tf.features import Features
from gansynth_tf.rainbowgram import grid, rainbowgrams

SHAPE = (8, 16)


def picture_of(data_type, magnitude, second):
    """Of constant data, but for one bin."""
    data = np.zeros((1, *SHAPE, 2), np.float32)
    data[..., 0], data[..., 1] = magnitude, second
    return rainbowgrams(Features(data_type, SHAPE, 64, 16000), data)


@pytest.mark.parametrize("frequency", [-0.9, -0.5, 0.0, 0.3, 0.75])
def test_colour_is_the_frequency(frequency):
    picture = picture_of("linear", 0.0, frequency)
    assert picture.shape == (1, 16, 8, 3) and picture.dtype == np.uint8
    expected = np.round(255 * np.array(colorsys.hsv_to_rgb((frequency + 1) / 2, 1, 1)))
    assert np.abs(picture - expected).max() <= 1


@pytest.mark.parametrize(("data_type", "per_neper"), [("linear", 20 / np.log(10)), ("mel", 10 / np.log(10))])
def test_brightness_is_the_magnitude_in_decibels(data_type, per_neper):
    magnitude = np.zeros(SHAPE, np.float32)
    magnitude[2, 5], magnitude[3, 6] = -40 / per_neper, -100 / per_neper
    picture = picture_of(data_type, magnitude, 0.0)[0]
    assert picture[0, 0].max() == 255
    assert picture[16 - 1 - 5, 2].max() == pytest.approx(127.5, abs=1)  # 40 of 80 dB
    assert picture[16 - 1 - 6, 3].max() == 0


def test_phases_are_shown_as_frequencies():
    turning = np.broadcast_to(0.25 * np.arange(8, dtype=np.float32)[:, None], SHAPE)
    turning = turning - 2 * np.round(turning / 2)
    shown = picture_of("phase", 0.0, turning)
    expected = picture_of("linear", 0.0, 0.25)
    assert np.abs(shown[:, :, 1:].astype(int) - expected[:, :, 1:]).max() <= 1


def test_a_tone_in_a_waveform_is_a_line_at_its_frequency():
    features = Features("wave", (16000, 1), 16000, 16000)
    tone = np.sin(2 * np.pi * 2000 * np.arange(16000) / 16000).astype(np.float32)[None, :, None]
    picture = rainbowgrams(features, features.waves_to_data(tone))
    brightness = picture[0].max(axis=-1).mean(axis=1)
    assert picture.shape[1] == 512
    assert np.argmax(brightness[::-1]) == 2000 / 8000 * 512 - 1  # 0 Hz is skipped


def test_grid_puts_pictures_in_rows():
    pictures = np.arange(6 * 2 * 600 * 3).reshape(6, 2, 600, 3).astype(np.uint8)
    made = grid(pictures, 3)
    assert made.shape == (1, 2 * 2, 3 * 300, 3)
    np.testing.assert_array_equal(made[0, 2:, 300:600], pictures[4, :, ::2])
