"""Decoded audio and the rules by which clips are cut from it."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from wavegan_tf.core.audio.batches import ShuffleWindow
from wavegan_tf.core.audio.options import Slicing
from wavegan_tf.core.audio.slicing import expected_clips
from wavegan_tf.core.audio.store import AudioStore
from wavegan_tf.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class ClipSummary:
    """Audio that was found.

    Attributes:
      files: usable files.
      clips: in one epoch, on average over the random starts.
      seconds: of audio in the usable files.
      skipped: files that could not be used.
    """

    files: int
    clips: float
    seconds: float
    skipped: int


@dataclasses.dataclass(frozen=True)
class ClipStore:
    """Decoded audio and the rules by which clips are cut from it.

    Attributes:
      audio: the files.
      slicing: the rules.
      sample_rate: Hz.
      labels: names of the labels; none of audio without.
      file_labels: int64 [files], number of each file's label; empty without labels.
      is_balanced: an epoch has as many clips of each label as there are of the most frequent one.
      window: what is shuffled together; None for whole epochs.
    """

    audio: AudioStore
    slicing: Slicing
    sample_rate: int
    labels: tuple[str, ...] = ()
    file_labels: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    is_balanced: bool = False
    window: ShuffleWindow | None = None

    @functools.cached_property
    def clips_per_epoch(self) -> float:
        """Clips in one epoch, on average over the random starts."""
        return expected_clips(self.audio.lengths, self.slicing)

    @functools.cached_property
    def label_clips(self) -> np.ndarray:
        """Clips of each label in one epoch, on average over the random starts and before balancing: float [labels]."""
        lengths = (self.audio.lengths[self.file_labels == number] for number in range(len(self.labels)))
        return np.array([expected_clips(of_label, self.slicing) for of_label in lengths])

    @property
    def label_shares(self) -> tuple[float, ...]:
        """Share of each label among the clips of the stream."""
        clips = np.where(self.label_clips > 0, 1.0, 0.0) if self.is_balanced else self.label_clips
        return tuple(clips / clips.sum())

    @property
    def summary(self) -> ClipSummary:
        """For the line at the start of a run."""
        seconds = self.audio.samples.shape[0] / self.sample_rate
        return ClipSummary(len(self.audio.files), self.clips_per_epoch, seconds, len(self.audio.skipped))


def require_clips(store: ClipStore, shown: str, is_new: bool) -> None:
    """Checks that there are clips.

    Args:
      store: the audio.
      shown: where it is, for messages.
      is_new: whether each label must have some, as in a run that is not continued.

    Raises:
      UserError: none can be cut, or none of a label.
    """
    if store.clips_per_epoch <= 0:
        raise UserError(
            f"{shown}: the longest file has {store.audio.lengths.max()} samples, a clip "
            f"{store.slicing.slice_len}; --data_pad_end or --data_first_slice pads with zeros"
        )
    if store.labels and is_new:
        _require_clips_of_labels(store)


def _require_clips_of_labels(store: ClipStore) -> None:
    """Raises UserError if no clip can be cut of a label."""
    empty = [name for name, clips in zip(store.labels, store.label_clips, strict=True) if clips <= 0]
    if empty:
        raise UserError(
            f"--data_labels: {empty[0]!r} has no file that can be used and is as long as a clip of "
            f"{store.slicing.slice_len} samples; --data_pad_end or --data_first_slice pads with zeros"
        )
