"""Waveforms <-> clipped, normalised log-magnitude spectrograms (section 3.1 of the paper; train_specgan.py)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from specgan_tf.geometry import PAPER, Framing, Moments
from wavegan_tf.core.audio import spectral

LOG_EPSILON = 1e-6

# Standard deviations below this (in nepers, 0.00009 dB) are rounding noise of a constant bin: dividing by them would
# blow it up.
_MIN_STD = 1e-5
# A magnitude of e^35 is no sound, but its square still fits float32; generators without tanh can ask for more.
_MAX_LOG_MAGNITUDE = 35.0


def log_magnitudes(x: tf.Tensor, framing: Framing = PAPER) -> tf.Tensor:
    """Natural logarithm of the spectral magnitudes, of each channel by itself.

    Args:
      x: waveforms [b, t, c] in [-1, 1].
      framing: by the paper's, frames of 256 samples every 128.

    Returns:
      float32 [b, t / 128, 129, c], at least log(1e-6).
    """
    channels = x.shape[2]
    spectra = spectral.stft(_merged(tf.transpose(x, [0, 2, 1])), framing.window_len, framing.hop_len, pad_end=True)
    return tf.transpose(_split(tf.math.log(tf.abs(spectra) + LOG_EPSILON), channels), [0, 2, 3, 1])


def _merged(x: tf.Tensor) -> tf.Tensor:
    """[b, c, ...] -> [b c, ...]."""
    return tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], axis=0))


def _split(x: tf.Tensor, channels: int) -> tf.Tensor:
    """[b c, ...] -> [b, c, ...]."""
    return tf.reshape(x, tf.concat([[-1, channels], tf.shape(x)[1:]], axis=0))


def waveforms_to_spectrograms(
    x: tf.Tensor, moments: Moments, clip_nstd: float = 3.0, framing: Framing = PAPER
) -> tf.Tensor:
    """Input of SpecGAN's discriminator (`t_to_f` in the original).

    Args:
      x: waveforms [b, t, c] in [-1, 1].
      moments: of the training data.
      clip_nstd: standard deviations that become 1; what lies beyond is clipped.
      framing: of the spectrograms.

    Returns:
      float32 [b, t / 128, 128, c] in [-1, 1]: time, frequency. A bin whose moments are constant is 0.
    """
    std = np.where(moments.std > _MIN_STD, moments.std, np.inf)[:-1, None].astype(np.float32)
    normalized = (log_magnitudes(x, framing)[:, :, :-1] - moments.mean[:-1, None]) / std / clip_nstd
    return tf.clip_by_value(normalized, -1.0, 1.0)


def spectrograms_to_magnitudes(spectrograms: tf.Tensor, moments: Moments, clip_nstd: float = 3.0) -> tf.Tensor:
    """Undoes the normalisation; the Nyquist bin comes back as its mean.

    Args:
      spectrograms: float32 [b, frames, 128, c].
      moments: of the training data.
      clip_nstd: as in `waveforms_to_spectrograms`.

    Returns:
      float32 [b, frames, 129, c].
    """
    normalized = tf.pad(spectrograms, [[0, 0], [0, 0], [0, 1], [0, 0]])
    logs = normalized * clip_nstd * moments.std[:, None] + moments.mean[:, None]
    return tf.exp(tf.minimum(logs, _MAX_LOG_MAGNITUDE))


def spectrograms_to_waveforms(
    spectrograms: tf.Tensor,
    moments: Moments,
    clip_nstd: float = 3.0,
    iterations: int | tf.Tensor = 16,
    inversion: str = "original",
    framing: Framing = PAPER,
    samples: int | None = None,
) -> tf.Tensor:
    """Makes spectrograms audible by Griffin-Lim (`f_to_t` in the original), each channel by itself.

    Args:
      spectrograms: float32 [b, frames, 128, c].
      moments: of the training data.
      clip_nstd: as in `waveforms_to_spectrograms`.
      iterations: of Griffin-Lim.
      inversion: one of `spectral.INVERSIONS`.
      framing: of the spectrograms.
      samples: of the waveforms; None for as many as frames begin with.

    Returns:
      float32 [b, frames * 128, c]; not bounded to [-1, 1].
    """
    magnitudes = spectrograms_to_magnitudes(spectrograms, moments, clip_nstd)
    by_channel = _merged(tf.transpose(magnitudes, [0, 3, 1, 2]))
    x = spectral.griffin_lim(by_channel, framing.window_len, framing.hop_len, iterations, inversion)
    x = x[:, : spectrograms.shape[1] * framing.hop_len if samples is None else samples]
    return tf.transpose(_split(x, spectrograms.shape[3]), [0, 2, 1])


def spectrograms_to_pictures(spectrograms: tf.Tensor) -> tf.Tensor:
    """Grey pictures, time rightwards and frequency upwards (`f_to_img` in the original), channels one below the other.

    Args:
      spectrograms: float32 [b, frames, 128, c]; -1 becomes black, 1 white.

    Returns:
      uint8 [b, 128 c, frames, 1].
    """
    grey = tf.cast(tf.clip_by_value((spectrograms + 1.0) * 128.0, 0.0, 255.0), tf.uint8)
    by_channel = tf.reverse(tf.transpose(grey, [0, 3, 2, 1]), axis=[2])
    _, frames, bins, channels = spectrograms.shape
    return tf.reshape(by_channel, [-1, channels * bins, frames, 1])
