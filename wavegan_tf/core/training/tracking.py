"""Records of a run while it goes: TensorBoard, stats.jsonl and a line of progress."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import replacing

_MAX_SHOWN = 3


class Tracker:
    """Writes TensorBoard event files and stats.jsonl into the training directory.

    A line of stats.jsonl has the step, the time and the values given to `scalars`. Each tag is of one kind, because
    TensorBoard takes it for what it was first written as.
    """

    def __init__(self, directory: str, step: int):
        """Opens the files; lines of stats.jsonl after `step`, from a run that was cut off, are dropped."""
        self._directory = directory
        self._writer = tf.summary.create_file_writer(directory)
        self._path = os.path.join(directory, "stats.jsonl")
        self._kinds: dict[str, str] = {}
        self._drop_lines_after(step)

    def _drop_lines_after(self, step: int) -> None:
        if not os.path.exists(self._path):
            return
        kept = []
        with open(self._path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    if line.endswith("\n") and json.loads(line)["step"] <= step:
                        kept.append(line)
                except (ValueError, KeyError, TypeError):
                    continue  # A line that was being written when the process was killed.
        with replacing(self._path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.writelines(kept)

    @contextlib.contextmanager
    def _writing(self, step: int) -> Iterator[None]:
        try:
            with self._writer.as_default(step=step):
                yield
        except tf.errors.ResourceExhaustedError:
            raise UserError(f"{self._directory}: summaries cannot be written, the disk is full") from None

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
        with self._writing(step):
            for name, value in values.items():
                tf.summary.scalar(self._take(name, "scalars"), value)
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "time": now, **values}) + "\n")

    def waveforms(self, step: int, name: str, audio: tf.Tensor, sample_rate: int) -> dict[str, float]:
        """Writes players for the first few of `audio` [b, t, c] and a histogram of RMS over the batch.

        Returns:
          The mean RMS of the first channel as `<name>_rms`, as the original logs it.
        """
        rms = tf.sqrt(tf.reduce_mean(audio[:, :, 0] ** 2, axis=1))
        with self._writing(step):
            sounds = tf.clip_by_value(audio, -1.0, 1.0)
            tf.summary.audio(self._take(name, "sounds"), sounds, sample_rate, max_outputs=_MAX_SHOWN)
            tf.summary.histogram(self._take(f"{name}_rms_batch", "histograms"), rms)
        return {f"{name}_rms": float(tf.reduce_mean(rms))}

    def images(self, step: int, name: str, images: np.ndarray | tf.Tensor) -> None:
        """Writes the first few of pictures uint8 [n, height, width, 1 or 3]."""
        with self._writing(step):
            tf.summary.image(self._take(name, "pictures"), images, max_outputs=_MAX_SHOWN)

    def flush(self) -> None:
        """Makes sure that what was written is on disk.

        Raises:
          UserError: the disk is full.
        """
        with self._writing(0):
            self._writer.flush()
