"""Audio files as the 16-bit clips that are scored."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE, CLIP_LEN = 16_000, 16_384


def read_clip(path: str, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """One file as the 16-bit mono samples that the originals read with SciPy.

    A 16-bit file at that rate gives the numbers that stand in it. Where the original's score.py refuses, other rates
    are resampled and channels averaged; other sample formats are rounded to 16 bits.

    Returns:
      int16 [t].

    Raises:
      AudioError: the file cannot be used; a metric that skipped files in silence would be another metric.
    """
    from wavegan_tf.core.audio import decode  # not before a clip is read: a command's checks do without decoders

    return nearest_int16(decode.decode(path, sample_rate, normalize=False)[:, 0])


def nearest_int16(samples: np.ndarray) -> np.ndarray:
    """Samples, full scale 1.0, to the nearest 16-bit ones; what is beyond full scale is clipped."""
    samples = np.asarray(samples, np.promote_types(samples.dtype, np.float32))  # half precision has no 32767
    return np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)


def fit_length(clip: np.ndarray, length: int = CLIP_LEN) -> np.ndarray:
    """The first `length` samples of [t], with zeros at the end where there are fewer."""
    return np.pad(clip[:length], (0, max(0, length - len(clip))))
