"""Pitched notes as a stream of waveforms and one-hot pitches.

Their order is a pure function of (seed, example index): each epoch
is shuffled whole, and epochs follow one another without end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gansynth_tf.features import crop_or_pad
from wavegan_tf.core.audio.batches import ShuffleWindow, read_batches, rows_of, runs_of, shuffled
from wavegan_tf.core.audio.samples import Samples, read_samples
from wavegan_tf.core.draws import purpose_seed
from wavegan_tf.core.workers.cluster import digest, digest_of_audio


@dataclasses.dataclass(frozen=True)
class NoteStore:
    """Decoded notes.

    Attributes:
      names: of the notes.
      pitches: int64 [notes], MIDI numbers.
      lengths: int64 [notes], samples of each.
      samples: float32 [total, c] of all notes, on the CPU. Of a prepared set, what reads them.
      first_pitch: MIDI number of the first one-hot pitch.
      pitch_counts: float64 [num_pitches], by which pitches of fakes are drawn.
      audio_length: samples that a note is cropped or padded to.
      key: names the notes and how they were decoded.
      bad: (name, reason) of those that could not be used.
      left_out: how many others were not chosen, by the flag that decided.
      window: what is shuffled together; None for whole epochs.
    """

    names: Sequence[str]
    pitches: np.ndarray
    lengths: np.ndarray
    samples: Samples
    first_pitch: int
    pitch_counts: np.ndarray
    audio_length: int
    key: str
    bad: tuple[tuple[str, str], ...]
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    window: ShuffleWindow | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def facts(self) -> dict[str, Any]:
        """Names what is trained on; for `Cluster.agree`."""
        return {
            "number of notes": len(self),
            "pitches of the notes": digest(self.pitches, self.pitch_counts),
            "content of the notes": digest_of_audio(self.lengths, self.samples),
        }

    @functools.cached_property
    def _tables(self) -> tuple[tf.Tensor, ...]:
        # Outside of the graph that first asks for them.
        with tf.init_scope(), tf.device("CPU:0"):
            starts = np.cumsum(self.lengths) - self.lengths
            return tuple(tf.constant(table, tf.int64) for table in (starts, self.lengths, self.pitches))

    @tf.autograph.experimental.do_not_convert
    def wave(self, index: tf.Tensor) -> tf.Tensor:
        """The waveform of a note, float32 [audio_length, c]."""
        starts, lengths, _ = self._tables
        wave = read_samples(self.samples, starts[index], lengths[index])
        return crop_or_pad(wave[None], self.audio_length, self.samples.shape[1])[0]

    @tf.autograph.experimental.do_not_convert
    def first_samples(self, index: tf.Tensor) -> tf.Tensor:
        """The first of all samples of each of some notes, int64 [n]."""
        return tf.gather(self._tables[0], index)

    @tf.autograph.experimental.do_not_convert
    def one_hot(self, index: tf.Tensor) -> tf.Tensor:
        """The pitch of a note, float32 [num_pitches]."""
        return tf.one_hot(self._tables[2][index] - self.first_pitch, len(self.pitch_counts))


def note_batches(
    store: NoteStore,
    read: Callable[[tf.Tensor], Any],
    *,
    batch_size: int,
    seed: int,
    start_example: int = 0,
    worker: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """The endless stream of batches.

    Args:
      store: the notes.
      read: index of a note -> what a batch is to hold of it, such as `store.wave`.
      batch_size: notes in a batch of all workers together.
      seed: of the order.
      start_example: notes that were taken before, by all workers together; the stream goes on with the next.
      worker: this one reads its part of each batch, and only that.
      num_workers: the batches of all together are the same whatever it is.

    Returns:
      Batches of what `read` gives, [b / n, ...], then of one-hot pitches, float32 [b / n, num_pitches].

    Raises:
      UserError: the batch can't be divided among the workers.
    """
    first_epoch, skip = divmod(start_example, len(store))

    @tf.autograph.experimental.do_not_convert
    def order(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        notes, group = _order(store, seed, index)
        first = tf.where(index == first_epoch, tf.constant(skip, tf.int64), 0)
        return notes[first:], group[first:]

    passes = tf.data.Dataset.range(first_epoch, tf.int64.max).map(order).prefetch(1)
    return read_batches(
        rows_of(passes.flat_map(runs_of), store.samples, store.first_samples, batch_size),
        lambda index: (read(index), store.one_hot(index)),
        batch_size=batch_size,
        worker=worker,
        num_workers=num_workers,
    )


def _order(store: NoteStore, seed: int, epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The notes of an epoch in their order, int64 [notes], and the number of each one's window, int64 [notes]."""
    notes, seeds = tf.range(len(store), dtype=tf.int64), purpose_seed(seed, epoch, "notes/order")
    if store.window is None:
        return tf.random.experimental.stateless_shuffle(notes, seeds), tf.zeros_like(notes)
    windows = store.window.windows(1, purpose_seed(seed, epoch, "notes/windows"))[0]
    group = tf.gather(windows, store.window.shards(store.first_samples(notes)))
    order = shuffled(group, seeds)
    return tf.gather(notes, order), tf.gather(group, order)
