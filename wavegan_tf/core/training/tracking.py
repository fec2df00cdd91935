"""Records of a run while it goes: TensorBoard, stats.jsonl and a line of progress."""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from wavegan_tf.core.files import require_writable_kind
from wavegan_tf.core.writing import EventFiles, Problems, append_lines, write_file, writing

_MAX_SHOWN = 3
# Sounds and pictures are shown where the steps have grown by so much: in a long training one summary sounds like the
# next, and all of them would fill a disk in time.
_GROWTH = 1.05


class Tracker:
    """Writes TensorBoard event files and stats.jsonl into the training directory.

    A line of stats.jsonl has the step, the time and the values given to `scalars`. Each tag is of one kind, because
    TensorBoard takes it for what it was first written as.

    Attributes:
      problems: what could not be written, which costs no training.
    """

    def __init__(self, directory: str, step: int):
        """Begins after `step`; later lines of stats.jsonl, from a run that was cut off, are dropped."""
        self._events = EventFiles(directory)
        self._path = os.path.join(directory, "stats.jsonl")
        self._kinds: dict[str, str] = {}
        self._step, self._is_shown = step, step == 0
        self.problems = Problems("training")
        with self.problems.going_on():
            self._drop_lines_after(step)

    def _drop_lines_after(self, step: int) -> None:
        if not os.path.exists(self._path):
            return
        kept = []
        with writing(self._path):
            require_writable_kind(self._path)
            with open(self._path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    try:
                        if line.endswith("\n") and json.loads(line)["step"] <= step:
                            kept.append(line)
                    except (ValueError, KeyError, TypeError, RecursionError):
                        continue  # A line that was being written when the process was killed.
        write_file(self._path, "".join(kept))

    def shows(self, step: int) -> bool:
        """True if the summary at a step has sounds and pictures: the first, and then whenever steps have grown by 5 %.

        It depends on the step of the summary before alone, or on that of the checkpoint that a run continues from.
        """
        if step != self._step:
            self._step, self._is_shown = step, self._step <= 0 or _interval(step) > _interval(self._step)
        return self._is_shown

    def _take(self, tag: str, kind: str) -> str:
        """The tag, if it is of no other kind.

        Raises:
          ValueError: it is; TensorBoard would not show this.
        """
        if self._kinds.setdefault(tag, kind) != kind:
            raise ValueError(f"{tag} is the tag of {self._kinds[tag]} already, {kind} need another")
        return tag

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes each value to TensorBoard and all of them as one line of stats.jsonl."""
        tags = [self._take(name, "scalars") for name in values]
        with self.problems.going_on(), self._events.at(step):
            for tag in tags:
                tf.summary.scalar(tag, values[tag])
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        with self.problems.going_on():
            append_lines(self._path, json.dumps({"step": step, "time": now, **values}) + "\n")

    def waveforms(self, step: int, name: str, audio: tf.Tensor, sample_rate: int) -> dict[str, float]:
        """Writes players for the first few of `audio` [b, t, c], at summaries that show them, and a histogram of RMS.

        Returns:
          The mean RMS of the first channel over the batch as `<name>_rms`, as the original logs it.
        """
        rms = tf.sqrt(tf.reduce_mean(audio[:, :, 0] ** 2, axis=1))
        self.sounds(step, name, audio, sample_rate)
        tag_of_rms = self._take(f"{name}_rms_batch", "histograms")
        with self.problems.going_on(), self._events.at(step):
            tf.summary.histogram(tag_of_rms, rms)
        return {f"{name}_rms": float(tf.reduce_mean(rms))}

    def sounds(self, step: int, name: str, audio: tf.Tensor, sample_rate: int) -> None:
        """Writes players for the first few of `audio` [b, t, c], at summaries that show them."""
        tag = self._take(name, "sounds")
        if self.shows(step):
            with self.problems.going_on(), self._events.at(step):
                sounds = tf.clip_by_value(audio[:_MAX_SHOWN], -1.0, 1.0)
                tf.summary.audio(tag, sounds, sample_rate, max_outputs=_MAX_SHOWN)

    def images(self, step: int, name: str, images: np.ndarray | tf.Tensor) -> None:
        """Writes the first few of pictures uint8 [n, height, width, 1 or 3], at summaries that show them."""
        tag = self._take(name, "pictures")
        if self.shows(step):
            with self.problems.going_on(), self._events.at(step):
                tf.summary.image(tag, images, max_outputs=_MAX_SHOWN)


def _interval(step: int) -> int:
    """The number of times that a step has grown by `_GROWTH`, from 1 on."""
    return math.floor(math.log(max(step, 1)) / math.log(_GROWTH))
