"""What a run shows while it goes: TensorBoard, stats.jsonl and a line of progress."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TextIO

import numpy as np
import tensorflow as tf

from wavegan_tf.core.errors import UserError

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
        with open(f"{self._path}.tmp", "w", encoding="utf-8") as file:
            file.writelines(kept)
        os.replace(f"{self._path}.tmp", self._path)

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


class Progress:
    """One line that says how far a run is: rewritten in place on a terminal, else printed now and then.

    Attributes:
      label: stands before the step, such as "step" or "stage 0 image".
    """

    def __init__(
        self,
        start: int,
        total: int,
        clips_per_step: int = 0,
        stream: TextIO | None = None,
        label: str = "step",
        rate: str = "updates/s",
    ):
        """Starts the clock.

        Args:
          start: step at which this process starts.
          total: step at which the run ends, 0 if it does not.
          clips_per_step: real clips that one step takes from the data; 0 leaves their rate out.
          stream: where to write; standard error by default.
          label: see the attributes.
          rate: unit of steps a second.
        """
        self.label = label
        self._total, self._clips, self._unit = total, clips_per_step, rate
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._interval = 0.5 if self._terminal else 30.0
        self._rate, self._windows = 0.0, 0
        self._since, self._since_step = time.monotonic(), start
        self._next = 0.0
        self._unshown: tuple[int, Mapping[str, float]] | None = None

    def update(self, step: int, values: Mapping[str, float]) -> None:
        """Shows `step` and its losses if it is time to."""
        self._unshown = (step, values)
        if time.monotonic() >= self._next:
            self._show(step, values)

    def _show(self, step: int, values: Mapping[str, float]) -> None:
        now = time.monotonic()
        elapsed = now - self._since
        if step > self._since_step and elapsed > 0:
            current = (step - self._since_step) / elapsed
            self._windows += 1
            # The first updates compile: they say little about the rate to come.
            self._rate = current if self._windows <= 2 else 0.7 * self._rate + 0.3 * current
        self._since, self._since_step, self._next = now, step, now + self._interval
        self._unshown = None
        self._write(self.line(step, values))

    def line(self, step: int, values: Mapping[str, float]) -> str:
        """The line for `step`: progress, losses, steps and real clips a second, time to go."""
        parts = [f"{self.label} {step}" + (f"/{self._total}" if self._total else "")]
        parts += [f"{name} {values[name]:.4g}" for name in ("progress", "D_loss", "G_loss") if name in values]
        parts.append(f"{self._rate:.3g} {self._unit}")
        if self._clips:
            parts.append(f"{self._rate * self._clips:.4g} clips/s")
        if self._total and self._rate:
            left = datetime.timedelta(seconds=round(max(self._total - step, 0) / self._rate))
            parts.append(f"ETA {left}")
        return "  ".join(parts)

    def _write(self, text: str) -> None:
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text}")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Writes a line that stays, above the one of progress."""
        self._stream.write(f"\r\x1b[K{text}\n" if self._terminal else f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leaves a line of the last step standing."""
        if self._unshown:
            self._show(*self._unshown)
        if self._terminal and self._windows:
            self._stream.write("\n")
            self._stream.flush()
