"""When to log, save and stop."""

from __future__ import annotations

import dataclasses
import math
import signal
import time
from collections.abc import Callable, Mapping
from types import FrameType

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import Options, option
from wavegan_tf.core.tracking import Progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopOptions(Options):
    """How long a run goes on and how often it writes."""

    train_batch_size: int = option(64, "Examples in the batch of one update, over all devices.", minimum=1)
    train_steps: int = option(0, "Stop after this many generator updates; 0 goes on until stopped.", minimum=0)
    train_time_limit_secs: float = option(
        0.0, "Stop after this many seconds of training in this process; 0 sets no limit.", minimum=0
    )
    train_save_secs: float = option(300.0, "Seconds between checkpoints (and previews).", minimum=0)
    train_summary_secs: float = option(120.0, "Seconds between summaries.", minimum=0)


class StopSignals:
    """While entered, SIGTERM and Ctrl-C ask for a stop after the current step; a second Ctrl-C interrupts at once."""

    def __init__(self) -> None:
        self.received: str | None = None

    def __enter__(self) -> StopSignals:
        self._previous = {s: signal.signal(s, self._receive) for s in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = signal.Signals(number).name


@dataclasses.dataclass
class Schedule:
    """Says every `seconds` that it is time; the first time at once if `at_start`."""

    seconds: float
    at_start: bool = False

    def __post_init__(self) -> None:
        self._next = time.monotonic() + (0 if self.at_start else self.seconds)

    def due(self) -> bool:
        """Whether it is time; if so, the next time is `seconds` from now."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self.seconds
        return True


class MeanMetrics:
    """Means of the metrics since the last summary."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, values: Mapping[str, float]) -> None:
        """Takes the metrics of one step in."""
        self._count += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        """The means; starts anew."""
        means = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        self.__init__()  # type: ignore[misc]
        return means


def run(
    options: LoopOptions,
    *,
    step: int,
    update: Callable[[int], Mapping[str, float]],
    summarize: Callable[[int, dict[str, float]], None],
    save: Callable[[int], None],
    progress: Progress,
    any_worker: Callable[[bool], bool] = bool,
) -> int:
    """Trains from `step` on until the options or a signal end it, and saves at the end.

    Args:
      options: when to do what.
      step: generator updates made so far.
      update: makes the updates of one step, given the steps made so far, and returns its metrics.
      summarize: writes a summary at a step, given the mean metrics since the last one.
      save: saves a checkpoint at a step.
      progress: shows each step.
      any_worker: whether a condition holds in any worker; workers must stop and save together.

    Returns:
      The step it stopped at.

    Raises:
      UserError: a metric is not finite; nothing is saved then, and the last good checkpoint stays.
    """
    save_schedule = Schedule(options.train_save_secs)
    summary_schedule = Schedule(options.train_summary_secs, at_start=True)
    started, saved, summarized = time.monotonic(), step, step
    means = MeanMetrics()

    def finished() -> bool:
        if options.train_steps and step >= options.train_steps:
            return True
        limit = options.train_time_limit_secs
        return any_worker(bool(signals.received) or bool(limit and time.monotonic() - started >= limit))

    with StopSignals() as signals:
        try:
            while not finished():
                values = update(step)
                step += 1
                _check_finite(step, values)
                means.add(values)
                progress.update(step, values)
                if summary_schedule.due():
                    summarize(step, means.take())
                    summarized = step
                if any_worker(save_schedule.due()):
                    save(step)
                    saved = step
        finally:
            progress.close()
        if signals.received:
            logging.info("%s: stopping after step %d", signals.received, step)
        if step > summarized:
            summarize(step, means.take())
        if step > saved:
            save(step)
    return step


def _check_finite(step: int, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise UserError(
                f"step {step}: {name} is {value}; training has diverged and is stopped, the last checkpoint stays"
            )
