"""Where the clips of a waveform begin: the original's rules as functions of lengths and starts."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from wavegan_tf.core.audio.options import Slicing


def clip_counts(remaining: tf.Tensor, slicing: Slicing) -> tf.Tensor:
    """How many clips are cut from waveforms with `remaining` samples after the start; int64, any shape."""
    hop = tf.constant(slicing.hop, tf.int64)
    remaining = tf.maximum(tf.cast(remaining, tf.int64), 0)
    if slicing.pad_end:
        counts = (remaining + hop - 1) // hop
    else:
        counts = tf.maximum((remaining - slicing.slice_len) // hop + 1, 0)
    return tf.minimum(counts, 1) if slicing.first_slice else counts


def clip_positions(lengths: tf.Tensor, offsets: tf.Tensor, slicing: Slicing) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the clips of waveforms begin, in order.

    Args:
      lengths: int64 [n], samples of each waveform.
      offsets: int64 [n], the sample where its first clip begins.
      slicing: how to cut.

    Returns:
      Which waveform, and the sample within it: two int64 [clips]. A clip may reach beyond the end; zeros
      follow.
    """
    counts = clip_counts(lengths - offsets, slicing)
    index = tf.repeat(tf.range(tf.size(counts, tf.int64)), counts)
    within = tf.range(tf.size(index, tf.int64)) - tf.gather(tf.cumsum(counts, exclusive=True), index)
    return index, tf.gather(offsets, index) + within * slicing.hop


def expected_clips(lengths: np.ndarray, slicing: Slicing) -> float:
    """Clips in one epoch over files of these lengths, averaged over all random starts."""
    if not slicing.random_start:
        return float(np.sum(clip_counts(lengths, slicing).numpy()))
    # Without padding, a start s gives floor(m / hop) + 1 clips for m = length - slice_len - s >= 0, and with
    # padding the same for m = length - 1 - s. `upto(m)` sums that over 0..m.
    last = np.asarray(lengths, np.int64) - (1 if slicing.pad_end else slicing.slice_len)

    def upto(m: np.ndarray) -> np.ndarray:
        whole, rest = np.divmod(np.maximum(m + 1, 0), slicing.hop)
        return slicing.hop * whole * (whole + 1) // 2 + rest * (whole + 1)

    return float(np.sum(upto(last) - upto(last - slicing.slice_len)) / slicing.slice_len)
