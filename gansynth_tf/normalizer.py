"""Features to [-1, 1] and back: by given numbers, or by the range of each channel or each frequency in the data."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import tensorflow as tf

from gansynth_tf.representation import SIMPLE
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import Unreadable, read_arrays
from wavegan_tf.core.writing import npz, write_file, writing


@dataclasses.dataclass(frozen=True)
class Normalizer:
    """A scale and an offset for each channel, or for each frequency and channel.

    Attributes:
      scale: float64 [1, 1, 1 or f, 2 c]; the same for all channels of a sound.
      offset: likewise.
      clip: whether normalised features are clipped to [-1, 1].
    """

    scale: np.ndarray
    offset: np.ndarray
    clip: bool = True

    @property
    def per_frequency(self) -> bool:
        """True if there is a scale for each frequency."""
        return self.scale.shape[2] > 1

    def of_channels(self, num_channels: int) -> Normalizer:
        """That of one channel, for each of several."""
        scale, offset = (np.tile(part, num_channels) for part in (self.scale, self.offset))
        return dataclasses.replace(self, scale=scale, offset=offset)

    def normalize(self, x: tf.Tensor) -> tf.Tensor:
        """Features [b, t, f, 2 c] -> clip(scale x + offset, -1, 1)."""
        y = x * self.scale.astype(np.float32) + self.offset.astype(np.float32)
        return tf.clip_by_value(y, -1.0, 1.0) if self.clip else y

    def denormalize(self, y: tf.Tensor) -> tf.Tensor:
        """The inverse, which does not clip: (y - offset) / scale."""
        return (y - self.offset.astype(np.float32)) / self.scale.astype(np.float32)


def identity() -> Normalizer:
    """Leaves features as they are ("none")."""
    return Normalizer(np.ones([1, 1, 1, 2]), np.zeros([1, 1, 1, 2]), clip=False)


def prespecified(mag_a: float, mag_b: float, p_a: float, p_b: float) -> Normalizer:
    """By given numbers."""
    return of_rows(np.array([mag_a, mag_b, p_a, p_b]))


def of_rows(rows: np.ndarray) -> Normalizer:
    """From what `RangeStatistics.rows` gives: m_a, m_b, p_a and p_b, float64 [4], or [f, 4]."""
    rows = rows.reshape(-1, 4)
    return Normalizer(rows[None, None, :, 0::2], rows[None, None, :, 1::2])


class RangeStatistics:
    """Smallest and largest value of each frequency and channel, gathered batch by batch."""

    def __init__(self, low: np.ndarray | None = None, high: np.ndarray | None = None) -> None:
        """Starts with what was gathered before, float32 [f, 2] each, or with nothing."""
        self._low, self._high = low, high

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest values, float32 [f, 2] each."""
        assert self._low is not None and self._high is not None, "no batch was added"
        return self._low, self._high

    def merge(self, low: np.ndarray, high: np.ndarray) -> None:
        """Takes the bounds of other batches in, float32 [f, 2] each."""
        self._low = low if self._low is None else np.minimum(self._low, low)
        self._high = high if self._high is None else np.maximum(self._high, high)

    def add(self, batch: np.ndarray) -> None:
        """Takes features [b, t, f, 2] in."""
        self.merge(np.min(batch, axis=(0, 1)), np.max(batch, axis=(0, 1)))

    def rows(self, kind: str, margin: float) -> np.ndarray:
        """Scales and offsets that bring the range to [-margin, margin], as the original stores it.

        Args:
          kind: `SIMPLE` or `FREQ`.
          margin: largest normalised value.

        Returns:
          float64 [4], m_a, m_b, p_a and p_b, for `SIMPLE`; [f, 4] for `FREQ`. A constant frequency, for which the
          original has infinities, gets scale 1 and an offset that makes it 0.
        """
        low, high = self.bounds
        if kind == SIMPLE:
            low, high = np.min(low, axis=0, keepdims=True), np.max(high, axis=0, keepdims=True)
        # The original subtracts in float32 and goes on in float64.
        width, low = (high - low).astype(np.float64), low.astype(np.float64)
        constant = width == 0
        width = np.where(constant, 1.0, width)
        scale = np.where(constant, 1.0, margin * 2.0 / width)
        offset = np.where(constant, -low, margin * (-2.0 * low / width - 1.0))
        rows = np.stack([scale[:, 0], offset[:, 0], scale[:, 1], offset[:, 1]], axis=1)
        return rows[0] if kind == SIMPLE else rows


def save(path: str, rows: np.ndarray) -> None:
    """Writes what `RangeStatistics.rows` gives in the original's format, whole or not at all.

    Raises:
      UserError: it cannot be written.
    """
    with writing(path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    write_file(path, npz(normalizer=rows))


def load(path: str, kind: str, num_frequencies: int) -> Normalizer:
    """Reads a file of `save`'s, or of the original's.

    Args:
      path: npz with the array `normalizer`.
      kind: `SIMPLE` or `FREQ`.
      num_frequencies: of the data.

    Raises:
      UserError: the file cannot be read, or holds something else.
    """
    try:
        rows = read_arrays(path, ["normalizer"])[0].astype(np.float64)
    except (OSError, Unreadable) as error:
        raise UserError(f"{path}: cannot be read as a normaliser ({error})") from None
    expected = (4,) if kind == SIMPLE else (num_frequencies, 4)
    if rows.shape != expected:
        raise UserError(f"{path}: holds numbers of shape {list(rows.shape)}; {kind} has {list(expected)}")
    rows = rows.reshape(-1, 4).copy()
    for scale in (0, 2):
        pair = rows[:, scale : scale + 2]
        # A constant frequency in a file of the original's; what it was is not in there.
        pair[~np.isfinite(pair).all(axis=1)] = (1.0, 0.0)
    if np.any(rows[:, 0::2] == 0):
        raise UserError(f"{path}: holds a scale of 0")
    return of_rows(rows)
