"""Log-mel features of clips, as the original's classifier and its similarity script compute them."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from eval.clips import SAMPLE_RATE
from wavegan_tf.core.audio import spectral

FRAME_STEP, MEL_BINS = 128, 128
CLASSIFIER_FRAME, SIMILARITY_FRAME = 1024, 2048

_LOWER_HERTZ, _UPPER_HERTZ = 40.0, 7800.0
_LOG_EPSILON = 1e-6


@functools.cache
def mel_matrix(frame_length: int) -> np.ndarray:
    """The mel matrix of both originals: 128 triangles between 40 and 7800 Hz, in TensorFlow's float32 arithmetic.

    Returns:
      float32 [frame_length / 2 + 1, 128].
    """
    with tf.init_scope():
        return tf.signal.linear_to_mel_weight_matrix(
            MEL_BINS, frame_length // 2 + 1, SAMPLE_RATE, _LOWER_HERTZ, _UPPER_HERTZ, tf.float32
        ).numpy()


def _log_mel(x: tf.Tensor, frame_length: int) -> tf.Tensor:
    magnitudes = tf.abs(spectral.stft(x, frame_length, FRAME_STEP, pad_end=True))
    return tf.math.log(tf.tensordot(magnitudes, mel_matrix(frame_length), 1) + _LOG_EPSILON)


def classifier_log_mel(x: tf.Tensor) -> tf.Tensor:
    """Input of the SC09 classifier (`model` of eval/inception/train.py).

    Args:
      x: float32 waveforms [b, t], full scale 1.0. Frames begin every 128 samples from sample 0; past the end are zeros.

    Returns:
      float32 [b, ceil(t / 128), 128]: time, mel; natural logarithm, at least log(1e-6).
    """
    return _log_mel(tf.convert_to_tensor(x, tf.float32), CLASSIFIER_FRAME)


def similarity_log_mel(x: tf.Tensor) -> tf.Tensor:
    """Features that nearest neighbours are sought in (eval/similarity/feats.py).

    The script feeds samples as they stand in a 16-bit file, up to 32767 and not up to 1. That is no constant offset,
    since log(m + 1e-6) flattens quiet sounds less, so distances of scaled waveforms do not compare.

    Args:
      x: int16 [b, 16384] (`fit_length`).

    Returns:
      float32 [b, 128, 128]: time, mel; natural logarithm.

    Raises:
      ValueError: x has another type.
    """
    if x.dtype not in (np.int16, tf.int16):
        raise ValueError(f"x has type {x.dtype}, must be int16: the features are of raw 16-bit values")
    return _log_mel(tf.cast(x, tf.float32), SIMILARITY_FRAME)


def pooled_log_mel(waves: tf.Tensor) -> tf.Tensor:
    """Features that NDB clusters: the classifier's log-mel spectrogram, averaged over boxes to 32 x 32 numbers.

    The paper clusters log spectrograms and does not say which. Whole ones are 16 384 numbers and more a clip, in
    which k-means finds little but noise; boxes keep the level over time in each band.

    Args:
      waves: float32 [b, t], full scale 1.0.

    Returns:
      float32 [b, 1024].
    """
    pooled = tf.image.resize(classifier_log_mel(waves)[..., None], [32, 32], method="area")
    return tf.reshape(pooled, [-1, 1024])
