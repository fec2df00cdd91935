"""Waveforms <-> clipped, normalised log-magnitude spectrograms (section 3.1 of the paper; train_specgan.py)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from specgan_tf.geometry import FRAME_LENGTH, FRAME_STEP, Moments
from wavegan_tf.core.audio import spectral

LOG_EPSILON = 1e-6

# Standard deviations below this (in nepers, 0.00009 dB) are rounding noise of a constant bin: dividing by them would
# blow it up.
_MIN_STD = 1e-5
# A magnitude of e^35 is no sound, but its square still fits float32; generators without tanh can ask for more.
_MAX_LOG_MAGNITUDE = 35.0


def log_magnitudes(x: tf.Tensor) -> tf.Tensor:
    """Natural logarithm of the spectral magnitudes.

    Args:
      x: waveforms [b, t, 1] in [-1, 1].

    Returns:
      float32 [b, t / 128, 129], at least log(1e-6).
    """
    spectra = spectral.stft(x[:, :, 0], FRAME_LENGTH, FRAME_STEP, pad_end=True)
    return tf.math.log(tf.abs(spectra) + LOG_EPSILON)


def waveforms_to_spectrograms(x: tf.Tensor, moments: Moments, clip_nstd: float = 3.0) -> tf.Tensor:
    """Input of SpecGAN's discriminator (`t_to_f` in the original).

    Args:
      x: waveforms [b, t, 1] in [-1, 1].
      moments: of the training data.
      clip_nstd: standard deviations that become 1; what lies beyond is clipped.

    Returns:
      float32 [b, t / 128, 128, 1] in [-1, 1]: time, frequency. A bin whose moments are constant is 0.
    """
    std = np.where(moments.std > _MIN_STD, moments.std, np.inf)[:-1].astype(np.float32)
    normalized = (log_magnitudes(x)[:, :, :-1] - moments.mean[:-1]) / std / clip_nstd
    return tf.clip_by_value(normalized, -1.0, 1.0)[..., None]


def spectrograms_to_magnitudes(spectrograms: tf.Tensor, moments: Moments, clip_nstd: float = 3.0) -> tf.Tensor:
    """Undoes the normalisation; the Nyquist bin comes back as its mean.

    Args:
      spectrograms: float32 [b, frames, 128, 1].
      moments: of the training data.
      clip_nstd: as in `waveforms_to_spectrograms`.

    Returns:
      float32 [b, frames, 129].
    """
    normalized = tf.pad(spectrograms[..., 0], [[0, 0], [0, 0], [0, 1]])
    logs = normalized * clip_nstd * moments.std + moments.mean
    return tf.exp(tf.minimum(logs, _MAX_LOG_MAGNITUDE))


def spectrograms_to_waveforms(
    spectrograms: tf.Tensor,
    moments: Moments,
    clip_nstd: float = 3.0,
    iterations: int | tf.Tensor = 16,
    inversion: str = "original",
) -> tf.Tensor:
    """Makes spectrograms audible by Griffin-Lim (`f_to_t` in the original).

    Args:
      spectrograms: float32 [b, frames, 128, 1].
      moments: of the training data.
      clip_nstd: as in `waveforms_to_spectrograms`.
      iterations: of Griffin-Lim.
      inversion: one of `spectral.INVERSIONS`.

    Returns:
      float32 [b, frames * 128, 1]; not bounded to [-1, 1].
    """
    magnitudes = spectrograms_to_magnitudes(spectrograms, moments, clip_nstd)
    x = spectral.griffin_lim(magnitudes, FRAME_LENGTH, FRAME_STEP, iterations, inversion)
    return x[:, : spectrograms.shape[1] * FRAME_STEP, None]


def spectrograms_to_pictures(spectrograms: tf.Tensor) -> tf.Tensor:
    """Grey pictures, time rightwards and frequency upwards (`f_to_img` in the original).

    Args:
      spectrograms: float32 [b, frames, 128, 1]; -1 becomes black, 1 white.

    Returns:
      uint8 [b, 128, frames, 1].
    """
    grey = tf.cast(tf.clip_by_value((spectrograms + 1.0) * 128.0, 0.0, 255.0), tf.uint8)
    return tf.reverse(tf.transpose(grey, [0, 2, 1, 3]), axis=[1])
