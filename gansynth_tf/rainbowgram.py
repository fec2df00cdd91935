"""Pictures of sounds: brightness is magnitude, colour is instantaneous frequency (Engel et al. 2017, section 4.1)."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from gansynth_tf import phase
from gansynth_tf.features import Features

_RANGE_DB = 80.0
_WAVE_BINS = 512
_MAX_PIXELS = 256


def rainbowgrams(features: Features, data: tf.Tensor) -> np.ndarray:
    """Pictures of features, time from left to right and frequency from the bottom up; channels one above another.

    Args:
      features: of the data.
      data: float32 [b, *features.data_shape].

    Returns:
      uint8 [b, height, width, 3], the first channel at the top. Hue goes once round the circle from -1 to 1 half turns
      a frame; the brightest pixel of a sound is white's, and 80 dB less is black.
    """
    if not features.is_spectral:
        return wave_rainbowgrams(features.data_to_waves(data), features.sample_rate)
    data = features.apart(data)
    frequency = data[..., 1]
    if features.data_type == "phase":
        frequency = phase.instantaneous_frequency(frequency * math.pi)
    decibels = data[..., 0] * ((10.0 if features.data_type == "mel" else 20.0) / math.log(10.0))
    loudest = tf.reduce_max(tf.reshape(decibels, [-1, features.num_channels, *decibels.shape[1:]]), axis=(1, 2, 3))
    loudest = tf.repeat(loudest, features.num_channels)[:, None, None]
    brightness = tf.clip_by_value(1.0 + (decibels - loudest) / _RANGE_DB, 0.0, 1.0)
    hue = tf.math.floormod(frequency * 0.5 + 0.5, 1.0)
    colours = tf.image.hsv_to_rgb(tf.stack([hue, tf.ones_like(hue), brightness], axis=-1))
    pictures = tf.reverse(tf.transpose(colours, [0, 2, 1, 3]), [1])
    pictures = tf.reshape(pictures, [-1, features.num_channels * pictures.shape[1], *pictures.shape[2:]])
    return tf.cast(tf.round(pictures * 255.0), tf.uint8).numpy()


def wave_rainbowgrams(waves: tf.Tensor, sample_rate: int, bins: int = _WAVE_BINS) -> np.ndarray:
    """Pictures of waves [b, t, c] by frames of 2 * `bins` samples, a quarter of a frame apart; see `rainbowgrams`."""
    samples = waves.shape[1]
    frames = max(2, math.ceil((samples - 2 * bins) / (bins // 2)) + 1)
    features = Features("linear", (frames, bins), samples, sample_rate, num_channels=waves.shape[2])
    return rainbowgrams(features, features.waves_to_data(tf.convert_to_tensor(waves, tf.float32)))


def grid(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures in rows, each thinned out to at most 256 pixels along an axis.

    Args:
      pictures: uint8 [n, height, width, 3].
      columns: pictures in a row; divides n.

    Returns:
      uint8 [1, rows * height, columns * width, 3].
    """
    steps = [max(1, size // _MAX_PIXELS) for size in pictures.shape[1:3]]
    thin = pictures[:, :: steps[0], :: steps[1]]
    height, width = thin.shape[1:3]
    rows = thin.reshape(-1, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return rows.reshape(1, -1, columns * width, 3)
