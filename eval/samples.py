"""What is scored: a folder of audio, or what a SavedModel generates, as batches of 16-bit clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import soxr

from eval import features
from eval.inception_score import choose_files
from eval.labelled_audio import class_of
from gansynth_tf.note_files import Note, notes_of_paths
from wavegan_tf.core.audio_files import display_name, find_audio_files
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import ServedModel

BATCH = 32
UNKNOWN = -1
# Model -> signature and output of 16-bit samples.
_OUTPUTS = {"wavegan": "G_z_int16", "specgan": "G_z_int16", "gansynth": "audio_int16"}


@dataclasses.dataclass(frozen=True)
class ClipFormat:
    """What the clips of one score are.

    Attributes:
      length: samples.
      sample_rate: Hz.
      is_centred: zero-pad on both sides, as GANSynth's notes, and not at the end.
      labels: of the classes that file names may tell; MIDI numbers for notes, empty if there are none.
      is_pitched: whether the classes are pitches.
    """

    length: int = features.CLIP_LEN
    sample_rate: int = features.SAMPLE_RATE
    is_centred: bool = False
    labels: tuple[str, ...] = ()
    is_pitched: bool = False

    def fit(self, clip: np.ndarray) -> np.ndarray:
        """A clip [t] of the right length."""
        if self.is_centred and len(clip) < self.length:
            clip = np.pad(clip, (self.length - len(clip) - (self.length - len(clip)) // 2, 0))
        return features.fit_length(clip, self.length)

    def classes_of(self, paths: Sequence[str]) -> list[int]:
        """Classes that the files' names tell; -1 for one that tells none of these."""
        if not self.is_pitched:
            numbers = [class_of(path, self.labels) if self.labels else None for path in paths]
            return [UNKNOWN if number is None else number for number in numbers]
        pitches = [str(note.pitch) if isinstance(note, Note) else "" for note in notes_of_paths(paths)]
        return [self.labels.index(pitch) if pitch in self.labels else UNKNOWN for pitch in pitches]


class Batch(NamedTuple):
    """Clips int16 [b, t] and the classes int [b] that they are meant to be of, -1 where that is not known."""

    clips: np.ndarray
    classes: np.ndarray


class Samples(Protocol):
    """A set to score.

    Attributes:
      place: where it is from.
      model: "wavegan", "specgan", "gansynth", or "" if that is not known.
    """

    place: str
    model: str

    def __len__(self) -> int: ...

    def batches(self) -> Iterator[Batch]:
        """All clips, in an order that is always the same."""


class FolderSamples:
    """Audio files, in the order of the original's score.py."""

    def __init__(self, folder: str, clip_format: ClipFormat, n: int | None, flag: str, fix_length: bool = True):
        """Finds them.

        Args:
          folder: sub-folders included.
          clip_format: of the clips.
          n: how many to take; None for all.
          flag: that named the folder, for messages.
          fix_length: trim or zero-pad files of another length; else they are an error.

        Raises:
          UserError: there are fewer than n.
        """
        found = find_audio_files(folder, flag)
        if n is not None and n > len(found):
            raise UserError(f"--num_samples={n}: --{flag}={display_name(folder)} holds {len(found)} audio files")
        self.paths = choose_files(found, n)
        classes = dict(zip(found, clip_format.classes_of(found), strict=True))
        self.classes = [classes[path] for path in self.paths]
        self.place, self.model = folder, ""
        self._format, self._fix_length = clip_format, fix_length
        self.changed = 0

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self) -> Iterator[Batch]:
        """Decodes them; counts in `changed` those that were trimmed or padded.

        Raises:
          UserError: a file cannot be used.
        """
        self.changed = 0
        for start in range(0, len(self.paths), BATCH):
            chosen = self.paths[start : start + BATCH]
            clips = []
            for path in chosen:
                clip = features.read_clip(path, self._format.sample_rate)
                if len(clip) != self._format.length:
                    if not self._fix_length:
                        raise UserError(f"{path}: has {len(clip)} samples, not {self._format.length}")
                    self.changed += 1
                clips.append(self._format.fit(clip))
            yield Batch(np.stack(clips), np.array(self.classes[start : start + BATCH]))


class ModelSamples:
    """Clips of an exported generator, as its generate command would write them."""

    def __init__(
        self, model_dir: str, clip_format: ClipFormat, n: int, seed: int, pitches: Sequence[int] | None = None
    ):
        """Loads it and draws the latents.

        Args:
          model_dir: a version folder.
          clip_format: of the clips.
          n: how many.
          seed: of the latents.
          pitches: MIDI numbers that a GANSynth plays, in turn; None for all that it knows.

        Raises:
          UserError: the model cannot be used, or none of the pitches is its own.
        """
        self._model, self._format = ServedModel(model_dir, None), clip_format
        self.place, self.model = model_dir, str(self._model.metadata["model"])
        if self.model not in _OUTPUTS:
            raise UserError(f"--model_dir={model_dir}: holds a {self.model} model, known are {', '.join(_OUTPUTS)}")
        self.seed = seed
        self._rows = {"z": self._model.latents(n, seed)}
        if self.model == "gansynth":
            known = range(self._model.metadata["min_pitch"], self._model.metadata["max_pitch"] + 1)
            usable = [pitch for pitch in (known if pitches is None else pitches) if pitch in known]
            if not usable:
                raise UserError(
                    f"--model_dir={model_dir}: plays pitches {known[0]} to {known[-1]}, none of the real ones"
                )
            order = np.random.default_rng(seed).permutation(np.resize(np.array(usable, np.int32), n))
            self._rows["pitch"] = order.astype(np.int32)

    def __len__(self) -> int:
        return len(self._rows["z"])

    def batches(self) -> Iterator[Batch]:
        """Generates them."""
        pitches = self._rows.get("pitch")
        clips: list[np.ndarray] = []
        done = 0
        for clip in self._model.generate(self._rows, _OUTPUTS[self.model], BATCH, "pcm16"):
            clips.append(self._fit(clip))
            if len(clips) == BATCH or done + len(clips) == len(self):
                classes = np.full(len(clips), UNKNOWN)
                if pitches is not None and self._format.is_pitched:
                    names = map(str, pitches[done : done + len(clips)])
                    classes = np.array(
                        [self._format.labels.index(n) if n in self._format.labels else UNKNOWN for n in names]
                    )
                done += len(clips)
                yield Batch(np.stack(clips), classes)
                clips = []

    def _fit(self, clip: np.ndarray) -> np.ndarray:
        """16-bit samples [t] or [t, c] of the model -> int16 [length] at the right rate."""
        if clip.ndim == 2:
            clip = clip[:, 0] if clip.shape[1] == 1 else np.mean(clip, axis=1)
        if self._model.sample_rate != self._format.sample_rate or clip.dtype != np.int16:
            wave = clip.astype(np.float32) / 32768.0
            if self._model.sample_rate != self._format.sample_rate:
                wave = soxr.resample(wave, self._model.sample_rate, self._format.sample_rate, quality="HQ")
            clip = features.to_int16(wave)
        return self._format.fit(clip)
