"""When to log, save and stop."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.stop import Stop
from wavegan_tf.core.training.iterations import MOST, Rows
from wavegan_tf.core.training.options import PaceOptions
from wavegan_tf.core.workers.cluster import Cluster

# Room without end.
NO_EVENT = 1 << 62
# A call of short iterations takes about so long: a signal waits for it.
_CALL_SECS = 0.1


@dataclasses.dataclass
class Schedule:
    """Says every `seconds` that it is time; the first time at once if `at_start`."""

    seconds: float
    at_start: bool = False

    def __post_init__(self) -> None:
        self._next = time.monotonic() + (0 if self.at_start else self.seconds)

    def due(self) -> bool:
        """True if it is time; if so, the next time is `seconds` from now."""
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
        """The means, from which on it counts from zero."""
        means = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


class _Pace:
    """How many iterations to make in one call: several of short ones, so that Python costs them little."""

    def __init__(self) -> None:
        self._count, self._calls = 1, 0
        self._since = time.monotonic()

    def count(self, room: int) -> int:
        """Iterations for the next call, of which `room` can be made before something else is due."""
        return max(1, min(self._count, room))

    def called(self, count: int) -> None:
        """Takes the time of a call, which made `count` iterations."""
        now = time.monotonic()
        self._calls += 1
        # The first call compiles, and where a device computes beside Python, the second one waits for the first.
        if self._calls > 2:
            self._count = max(1, min(MOST, int(_CALL_SECS * count / max(now - self._since, 1e-9))))
        self._since = now


class _Metrics:
    """The metrics of each iteration, as they come in."""

    def __init__(self, progress: Progress, step_size: int) -> None:
        self._progress, self._step_size = progress, step_size
        self._coming: tuple[int, Future[Rows]] | None = None
        self.means = MeanMetrics()

    def expect(self, step: int, rows: Future[Rows]) -> None:
        """Takes in what has been coming until now, and notes what comes of the iterations after `step`."""
        coming, self._coming = self._coming, (step, rows)
        self._take(coming)

    def drain(self) -> None:
        """Takes in all that is coming."""
        coming, self._coming = self._coming, None
        self._take(coming)

    def _take(self, coming: tuple[int, Future[Rows]] | None) -> None:
        if coming is None:
            return
        step, rows = coming
        for values in rows.result():
            step += self._step_size
            _check_finite(f"{self._progress.label} {step}", values)
            self.means.add(values)
            self._progress.update(step, values)


def run(
    options: PaceOptions,
    *,
    step: int,
    stop: Stop,
    is_end: Callable[[int], bool],
    iterate: Callable[[int, int], Future[Rows]],
    room: Callable[[int], int],
    is_summary_due: Callable[[int], bool],
    summarize: Callable[[int, dict[str, float]], None],
    save: Callable[[int], None],
    progress: Progress,
    cluster: Cluster,
    step_size: int = 1,
) -> int:
    """Trains from `step` on until its end or until it is stopped, and saves then.

    Metrics are looked at while the next iterations are computed, and before anything is saved, summarised or over.

    Args:
      options: how often to save.
      step: what was done so far: generator updates, or examples.
      stop: entered by the caller.
      is_end: whether training is over after a step.
      iterate: (step, count) -> makes that many iterations after a step, and returns the metrics of each, which may come
        later.
      room: how many iterations can be made after a step before its end or a summary is due, at most.
      is_summary_due: whether it is time for a summary at a step.
      summarize: writes a summary at a step, given the mean metrics since the last one.
      save: saves a checkpoint at a step.
      progress: shows each step, and names what is counted.
      cluster: the workers, which save and stop together: by a signal to any of them, or by the clock of the chief.
      step_size: what one iteration adds to the step.

    Returns:
      The step it stopped at.

    Raises:
      UserError: a metric is not finite; nothing is saved then, and the last good checkpoint stays.
    """
    save_schedule = Schedule(options.train_save_secs)
    saved = summarized = step
    metrics, pace = _Metrics(progress, step_size), _Pace()
    is_any_signalled = False
    try:
        while not is_end(step):
            own = [bool(stop.received), stop.is_late, save_schedule.due(), pace.count(room(step))]
            wishes = cluster.exchange(own)
            is_any_signalled, (_, is_late, is_save_due, count) = any(wish[0] for wish in wishes), wishes[0]
            if is_save_due and step > saved:
                metrics.drain()
                with cluster.finishing():
                    save(step)
                saved = step
            if is_any_signalled or is_late:
                break
            metrics.expect(step, iterate(step, count))
            pace.called(count)
            step += count * step_size
            if is_summary_due(step):
                metrics.drain()
                summarize(step, metrics.means.take())
                summarized = step
        metrics.drain()
    finally:
        progress.close()
    if stop.received or is_any_signalled:
        logging.info("%s: stopping after %s %d", stop.received or "a signal to another worker", progress.label, step)
    # First what cannot be made again: a summary may fail.
    if step > saved:
        with cluster.finishing():
            save(step)
    if step > summarized:
        summarize(step, metrics.means.take())
    return step


def _check_finite(place: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise UserError(
                f"{place}: {name} is {value}; training has diverged and is stopped, the last checkpoint stays"
            )
