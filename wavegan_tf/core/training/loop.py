"""When to log, save and stop."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.stop import Stop
from wavegan_tf.core.training.options import PaceOptions
from wavegan_tf.core.workers.cluster import Cluster


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


def run(
    options: PaceOptions,
    *,
    step: int,
    stop: Stop,
    is_end: Callable[[int], bool],
    update: Callable[[int], Mapping[str, float]],
    is_summary_due: Callable[[int], bool],
    summarize: Callable[[int, dict[str, float]], None],
    save: Callable[[int], None],
    progress: Progress,
    cluster: Cluster,
    step_size: int = 1,
) -> int:
    """Trains from `step` on until its end or until it is stopped, and saves then.

    Args:
      options: how often to save.
      step: what was done so far: generator updates, or examples.
      stop: entered by the caller.
      is_end: whether training is over after a step.
      update: makes the updates after a step, and returns their metrics.
      is_summary_due: whether it is time for a summary at a step.
      summarize: writes a summary at a step, given the mean metrics since the last one.
      save: saves a checkpoint at a step.
      progress: shows each step, and names what is counted.
      cluster: the workers, which save and stop together: by a signal to any of them, or by the clock of the chief.
      step_size: what one call of `update` adds to the step.

    Returns:
      The step it stopped at.

    Raises:
      UserError: a metric is not finite; nothing is saved then, and the last good checkpoint stays.
    """
    save_schedule = Schedule(options.train_save_secs)
    saved = summarized = step
    means = MeanMetrics()
    is_any_signalled = False
    try:
        while not is_end(step):
            wishes = cluster.exchange([bool(stop.received), stop.is_late, save_schedule.due()])
            is_any_signalled, (_, is_late, is_save_due) = any(wish[0] for wish in wishes), wishes[0]
            if is_save_due and step > saved:
                with cluster.finishing():
                    save(step)
                saved = step
            if is_any_signalled or is_late:
                break
            values = update(step)
            step += step_size
            _check_finite(f"{progress.label} {step}", values)
            means.add(values)
            progress.update(step, values)
            if is_summary_due(step):
                summarize(step, means.take())
                summarized = step
    finally:
        progress.close()
    if stop.received or is_any_signalled:
        logging.info("%s: stopping after %s %d", stop.received or "a signal to another worker", progress.label, step)
    if step > summarized:
        summarize(step, means.take())
    if step > saved:
        with cluster.finishing():
            save(step)
    return step


def _check_finite(place: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise UserError(
                f"{place}: {name} is {value}; training has diverged and is stopped, the last checkpoint stays"
            )
