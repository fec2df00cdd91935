"""Sets of clips to score, as batches of 16-bit samples, and those of folders."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from eval.classifiers.labels import classes_of
from eval.clips import CLIP_LEN, SAMPLE_RATE, fit_length, read_clip
from gansynth_tf.notes.files import Note, notes_of_paths
from wavegan_tf.core.audio.cache import cache_key
from wavegan_tf.core.audio.files import find_audio_files
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name

BATCH = 32
UNKNOWN = -1


@dataclasses.dataclass(frozen=True)
class ClipFormat:
    """Format of the clips of one score.

    Attributes:
      length: samples.
      sample_rate: Hz.
      is_centred: zero-pad on both sides, as GANSynth's notes, and not at the end.
      labels: of the classes that file names may encode; MIDI numbers for notes, empty if there are none.
      is_pitched: whether the classes are pitches.
    """

    length: int = CLIP_LEN
    sample_rate: int = SAMPLE_RATE
    is_centred: bool = False
    labels: tuple[str, ...] = ()
    is_pitched: bool = False

    def fit(self, clip: np.ndarray) -> np.ndarray:
        """A clip [t] of the right length."""
        if self.is_centred and len(clip) < self.length:
            clip = np.pad(clip, (self.length - len(clip) - (self.length - len(clip)) // 2, 0))
        return fit_length(clip, self.length)

    def classes_of(self, paths: Sequence[str]) -> list[int]:
        """Classes that the files' names encode; -1 for one that encodes none of these."""
        if not self.is_pitched:
            numbers = classes_of(paths, self.labels) if self.labels else [None] * len(paths)
            return [UNKNOWN if number is None else number for number in numbers]
        pitches = [str(note.pitch) if isinstance(note, Note) else "" for note in notes_of_paths(paths)]
        return [self.labels.index(pitch) if pitch in self.labels else UNKNOWN for pitch in pitches]


class Batch(NamedTuple):
    """Clips of a set.

    Attributes:
      clips: int16 [b, t].
      classes: int [b], that they are meant to be of, -1 where that is not known.
      changed: how many of them had another length.
    """

    clips: np.ndarray
    classes: np.ndarray
    changed: int = 0


class Samples(Protocol):
    """A set to score.

    Attributes:
      place: where it is from.
      model: "wavegan", "specgan", "gansynth", or "" if that is not known.
      changed: clips that had another length, once they have been gathered.
    """

    place: str
    model: str
    changed: int

    def __len__(self) -> int: ...

    def identity(self) -> str:
        """Names the clips: another if any of them may be another."""

    def batches(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """Batches by number: 0 is the first `BATCH` clips of an order that is always the same, and so on."""


def num_batches(samples: Samples) -> int:
    """Batches that all clips of a set make."""
    return -(-len(samples) // BATCH)


def choose_files(paths: Sequence[str], n: int | None = None) -> list[str]:
    """The files that are scored, in the order that decides who falls into which group.

    The paths are sorted, shuffled by Python's generator from seed 0, and the first n are taken. This is Python 3's
    shuffle, and that of the Python 3 that the original's requirements need; Python 2 orders otherwise.

    Args:
      paths: of audio files, in any order.
      n: how many; None for all.

    Raises:
      UserError: there are fewer than n, or n is not positive.
    """
    n = len(paths) if n is None else n
    if not 0 < n <= len(paths):
        raise UserError(f"{n} samples asked for, {len(paths)} audio files found; ask for 1 to {len(paths)}")
    shuffled = sorted(paths)
    random.Random(0).shuffle(shuffled)
    return shuffled[:n]


def find_clips(folder: str, n: int | None, flag: str) -> list[str]:
    """All audio files of a folder, sub-folders included, of which n are to be scored.

    Args:
      folder: where to look.
      n: how many there must be at least; None for one.
      flag: that named the folder, for messages.

    Raises:
      UserError: the folder holds no audio, or fewer than n files.
    """
    found = find_audio_files(folder, flag)
    if n is not None and n > len(found):
        raise UserError(f"--num_samples={n}: --{flag}={display_name(folder)} holds {len(found)} audio files")
    return found


class FolderSamples:
    """Audio files of a folder, in the order of `choose_files`."""

    def __init__(
        self, folder: str, found: Sequence[str], clip_format: ClipFormat, n: int | None = None, fix_length: bool = True
    ):
        """Chooses the files; nothing is read yet.

        Args:
          folder: where they are.
          found: all of its files, from `find_clips`.
          clip_format: of the clips.
          n: how many to take; None for all.
          fix_length: trim or zero-pad files of another length; else they are an error.
        """
        self.paths = choose_files(found, n)
        classes = dict(zip(found, clip_format.classes_of(found), strict=True))
        self.classes = [classes[path] for path in self.paths]
        self.place, self.model = folder, ""
        self._format, self._fix_length = clip_format, fix_length
        self.changed = 0

    def __len__(self) -> int:
        return len(self.paths)

    def identity(self) -> str:
        """By the files' names, sizes and times."""
        options = {**dataclasses.asdict(self._format), "fix_length": self._fix_length, "classes": self.classes}
        return cache_key(self.paths, options)

    def batches(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """Decodes them.

        Raises:
          UserError: a file cannot be used.
        """
        for start in (number * BATCH for number in numbers):
            chosen, changed = self.paths[start : start + BATCH], 0
            clips = []
            for path in chosen:
                clip = read_clip(path, self._format.sample_rate)
                if len(clip) != self._format.length:
                    if not self._fix_length:
                        raise UserError(f"{path}: has {len(clip)} samples, not {self._format.length}")
                    changed += 1
                clips.append(self._format.fit(clip))
            yield Batch(np.stack(clips), np.array(self.classes[start : start + BATCH]), changed)
