"""A line that shows how far a long job is."""

from __future__ import annotations

import contextlib
import datetime
import sys
import time
from collections.abc import Mapping
from typing import TextIO

# Seconds between two texts of the line: where each takes the place of the one before, and in a file.
_REWRITTEN_SECS, _PRINTED_SECS = 0.5, 30.0


class Progress:
    """One line that says how far a run is: rewritten in place on a terminal and in notebooks, else printed at times.

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
        self._terminal, self._notebook = self._stream.isatty(), _is_notebook(self._stream)
        self._interval = _REWRITTEN_SECS if self._terminal or self._notebook else _PRINTED_SECS
        self._width = 0
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
            self._print(f"\r\x1b[K{text}")
        elif self._notebook:
            # A notebook goes back to the start of the line, but knows no sequence that erases it.
            self._print(f"\r{text:{self._width}}")
            self._width = len(text)
        else:
            self._print(text + "\n")

    def _print(self, text: str) -> None:
        # A terminal that is gone, or a pipe whose reader has ended, is no reason to end a long job.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def say(self, text: str) -> None:
        """Writes a line that stays, above the one of progress."""
        self._print(f"\r\x1b[K{text}\n" if self._terminal else f"{text}\n")

    def close(self) -> None:
        """Leaves a line of the last step standing."""
        if self._unshown:
            self._show(*self._unshown)
        if (self._terminal or self._notebook) and self._windows:
            self._print("\n")


def _is_notebook(stream: TextIO) -> bool:
    """True for what a cell of a notebook writes to, which is no terminal."""
    return type(stream).__module__.partition(".")[0] == "ipykernel" and not stream.isatty()
