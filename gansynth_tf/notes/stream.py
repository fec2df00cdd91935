"""Pitched notes as a stream of waveforms and one-hot pitches.

Their order is a pure function of (seed, example index): each pass
is shuffled whole, and passes follow one another without end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from gansynth_tf.features import crop_or_pad
from gansynth_tf.notes.files import Note
from gansynth_tf.notes.records import FAMILIES, SOURCES
from wavegan_tf.core import effects, flags
from wavegan_tf.core.audio.batches import read_batches
from wavegan_tf.core.draws import purpose_seed
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.workers.cluster import digest, digest_of_audio

_SPLITS = ("train", "valid", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoteOptions(flags.Options):
    """Where the notes are, and which of them to take."""

    data_dir: str = flags.option(
        "",
        "Folder with NSynth's examples.json and audio/, or with audio files whose names tell the pitch; "
        "sub-folders included.",
        per_worker=True,
    )
    tfds_data_dir: str = flags.option(
        "", "TensorFlow Datasets' data_dir, where nsynth/gansynth_subset:2.3.* was prepared.", per_worker=True
    )
    train_data_path: str = flags.option(
        "", "TFRecord file of NSynth's, such as nsynth-train.tfrecord, or a pattern.", per_worker=True
    )
    data_split: str = flags.option(
        "train",
        "Which notes to take, with TensorFlow Datasets or beside an nsynth-gansynth_splits.csv.",
        choices=_SPLITS,
        effect=[effects.not_with("train_data_path")],
    )
    data_sources: str = flags.option(
        "acoustic",
        "Sources of the sound to take, with commas between; empty for all. A note that does not tell is taken.",
    )
    data_families: str = flags.option(
        "", "Families of instruments to take, likewise, such as brass,flute; empty for all."
    )
    data_velocities: str = flags.option("", "MIDI velocities to take, likewise, such as 75,100,127; empty for all.")
    data_min_pitch: int = flags.option(24, "Lowest MIDI pitch.", minimum=0, maximum=127, resume="fixed")
    data_max_pitch: int = flags.option(84, "Highest MIDI pitch.", minimum=0, maximum=127, resume="fixed")
    audio_length: int = flags.option(
        64000,
        "Samples of a note; longer ones lose their end, shorter ones are zero-padded.",
        minimum=1,
        maximum=10_000_000,
        resume="fixed",
    )
    sample_rate: int = flags.option(
        16000, "Samples per second; others are resampled.", minimum=1, maximum=768_000, resume="fixed"
    )
    data_normalize: bool = flags.option(False, "Scale each note to a peak of 1.", resume="fixed")
    data_skip_bad: bool = flags.option(
        True, "Report notes that cannot be used and go on, instead of stopping at the first."
    )
    data_cache_mb: int = flags.option(
        2048,
        "Decoded audio, and features, to keep in memory, each in MiB; more goes to files on disk.",
        minimum=0,
        per_worker=True,
    )
    data_cache_dir: str = flags.option(
        "", "Folder for these files; default: data_cache in --train_root_dir.", per_worker=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data_max_pitch < self.data_min_pitch:
            raise UserError(
                f"--data_max_pitch={self.data_max_pitch}: must be at least --data_min_pitch={self.data_min_pitch}"
            )
        for name, known in (("data_sources", SOURCES), ("data_families", FAMILIES)):
            for word in _words(getattr(self, name)):
                if word not in known:
                    raise UserError(f"--{name}={getattr(self, name)}: {word!r} is none of {', '.join(known)}")
        for word in _words(self.data_velocities):
            if not word.isdecimal() or int(word) > 127:
                raise UserError(f"--data_velocities={self.data_velocities}: {word!r} is not a velocity from 0 to 127")

    @property
    def num_pitches(self) -> int:
        """Length of a one-hot pitch."""
        return self.data_max_pitch - self.data_min_pitch + 1

    def reason_against(self, note: Note) -> str:
        """The flag by which a note is not one of those to take, with its value; empty if it is."""
        if not self.data_min_pitch <= note.pitch <= self.data_max_pitch:
            return f"--data_min_pitch={self.data_min_pitch} --data_max_pitch={self.data_max_pitch}"
        velocity = None if note.velocity is None else str(note.velocity)
        velocities = [str(int(word)) for word in _words(self.data_velocities)]
        for name, words, value in (
            ("data_sources", _words(self.data_sources), note.source),
            ("data_families", _words(self.data_families), note.family),
            ("data_velocities", velocities, velocity),
        ):
            if words and value is not None and value not in words:
                return f"--{name}={getattr(self, name)}"
        return ""


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


@dataclasses.dataclass(frozen=True)
class NoteStore:
    """Decoded notes.

    Attributes:
      names: of the notes.
      pitches: int64 [notes], MIDI numbers.
      lengths: int64 [notes], samples of each.
      samples: float32 [total, 1] of all notes, on the CPU.
      first_pitch: MIDI number of the first one-hot pitch.
      pitch_counts: float64 [num_pitches], by which pitches of fakes are drawn.
      audio_length: samples that a note is cropped or padded to.
      key: names the notes and how they were decoded.
      bad: (name, reason) of those that could not be used.
      left_out: how many others were not chosen, by the flag that decided.
    """

    names: tuple[str, ...]
    pitches: np.ndarray
    lengths: np.ndarray
    samples: tf.Tensor
    first_pitch: int
    pitch_counts: np.ndarray
    audio_length: int
    key: str
    bad: tuple[tuple[str, str], ...]
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)

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
        """The waveform of a note, float32 [audio_length, 1]."""
        starts, lengths, _ = self._tables
        # Not samples[a:b]: TensorFlow's strided slice crashes beyond 2**31 samples.
        wave = tf.slice(self.samples, [starts[index], 0], [lengths[index], 1])
        return crop_or_pad(wave[None], self.audio_length)[0]

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
    first_pass, skip = divmod(start_example, len(store))

    @tf.autograph.experimental.do_not_convert
    def order(index: tf.Tensor) -> tf.Tensor:
        seeds = purpose_seed(seed, index, "notes/order")
        notes = tf.random.experimental.stateless_shuffle(tf.range(len(store), dtype=tf.int64), seeds)
        return notes[tf.where(index == first_pass, tf.constant(skip, tf.int64), 0) :]

    passes = tf.data.Dataset.range(first_pass, tf.int64.max).map(order).prefetch(1)
    return read_batches(
        passes.flat_map(tf.data.Dataset.from_tensor_slices),
        lambda index: (read(index), store.one_hot(index)),
        batch_size=batch_size,
        worker=worker,
        num_workers=num_workers,
    )
