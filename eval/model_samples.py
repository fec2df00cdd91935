"""Clips of an exported model to score."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import soxr

from eval.classifiers.labels import class_numbers
from eval.clips import nearest_int16
from eval.samples import BATCH, UNKNOWN, Batch, ClipFormat
from wavegan_tf.core.audio.cache import cache_key
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.model import GeneratorModel


class ModelSamples:
    """Clips of an exported generator, as its generate command would write them; as many of each label as of another."""

    def __init__(
        self,
        model_dir: str,
        clip_format: ClipFormat,
        n: int,
        seed: int,
        pitches: Sequence[int] | None = None,
        trust_model: bool = False,
    ):
        """Loads it and draws the latents.

        Args:
          model_dir: a version folder.
          clip_format: of the clips.
          n: how many.
          seed: of the latents.
          pitches: MIDI numbers that a GANSynth plays, in turn; None for all that it knows.
          trust_model: whether to run it even if it does more than compute.

        Raises:
          UserError: the model cannot be used, or none of the pitches is its own.
        """
        self._arguments = (model_dir, clip_format, n, seed, pitches, trust_model)
        self._model, self._format = GeneratorModel(model_dir, trust_model=trust_model), clip_format
        self.place, self.model, self.changed = model_dir, self._model.name, 0
        self.seed = seed
        self._rows = {"z": self._model.latents(n, seed)}
        known = self._model.pitches
        if known is not None:
            usable = [pitch for pitch in (known if pitches is None else pitches) if pitch in known]
            if not usable:
                raise UserError(
                    f"--model_dir={model_dir}: plays pitches {known[0]} to {known[-1]}, none of the real ones"
                )
            order = np.random.default_rng(seed).permutation(np.resize(np.array(usable, np.int32), n))
            self._rows["pitch"] = order.astype(np.int32)

        if self._model.labels is not None:
            every = np.resize(np.arange(len(self._model.labels), dtype=np.int32), n)
            self._rows["label"] = np.random.default_rng(seed).permutation(every)
        self._classes = self._known_classes()

    def _known_classes(self) -> np.ndarray:
        """Class of each clip by its pitch or label, int [n]; -1 where it is none of the format's."""
        classes = np.full(len(self), UNKNOWN)
        if "pitch" in self._rows and self._format.is_pitched:
            names = list(map(str, self._rows["pitch"].tolist()))
            numbers = {name: number for number, name in enumerate(self._format.labels)}
        elif self._model.labels is not None and not self._format.is_pitched:
            names = [self._model.labels[number] for number in self._rows["label"]]
            numbers = class_numbers(self._format.labels)
        else:
            return classes
        return np.array([numbers.get(name, UNKNOWN) for name in names])

    def __len__(self) -> int:
        return len(self._rows["z"])

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process goes how to load and draw the same."""
        return ModelSamples, self._arguments

    def identity(self) -> str:
        """By the model's files and the inputs."""
        model_dir, clip_format = self._arguments[:2]
        files = [os.path.join(folder, name) for folder, _, names in os.walk(model_dir) for name in names]
        inputs = {name: hashlib.sha256(rows.tobytes()).hexdigest() for name, rows in self._rows.items()}
        return cache_key(sorted(files), {**dataclasses.asdict(clip_format), "inputs": inputs})

    def batches(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """Generates them."""
        for number in numbers:
            chosen = slice(number * BATCH, (number + 1) * BATCH)
            rows = {name: values[chosen] for name, values in self._rows.items()}
            clips = [self._fit(clip) for clip in self._model.stream(rows, BATCH, "waveform_int16")]
            yield Batch(np.stack(clips), self._classes[chosen])

    def _fit(self, clip: np.ndarray) -> np.ndarray:
        """16-bit samples [t, c] of the model -> int16 [length] at the right rate."""
        clip = clip[:, 0] if clip.shape[1] == 1 else np.mean(clip, axis=1)
        if self._model.sample_rate != self._format.sample_rate or clip.dtype != np.int16:
            wave = clip.astype(np.float32) / 32768.0
            if self._model.sample_rate != self._format.sample_rate:
                wave = soxr.resample(wave, self._model.sample_rate, self._format.sample_rate, quality="HQ")
            clip = nearest_int16(wave)
        return self._format.fit(clip)
