"""Timing: seconds by the clock and seconds of all processors, and the rows that they make up."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Timing:
    """Runs of one job.

    Attributes:
      wall: seconds by the clock of each run.
      cpu: seconds of all threads of the process, of each run.
      items: what each run makes, such as clips.
    """

    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    items: int = 1

    @property
    def least(self) -> float:
        """Seconds by the clock of the shortest run."""
        return min(self.wall)

    def described(self, unit: str) -> str:
        """In a cell of a table: the least seconds, and the rate where items are counted in `unit`."""
        text = f"{self.least:.3g} s ({min(self.cpu):.3g} CPU)"
        return text + (f", {self.items / self.least:.3g} {unit}/s" if unit else "")

    def as_json(self) -> dict[str, object]:
        """Least and median of both kinds of seconds, the number of runs, and the items of each."""
        seconds = {"wall": self.wall, "cpu": self.cpu}
        found = {name: {"least": min(all_), "median": statistics.median(all_)} for name, all_ in seconds.items()}
        return {**found, "runs": len(self.wall), "items": self.items}


@dataclasses.dataclass(frozen=True)
class Row:
    """One job.

    Attributes:
      job: its name, unique.
      ours: runs of ours.
      twin: of the same made otherwise.
      unit: of the items, in the plural; empty where they are not counted.
      note: what else is to be known.
    """

    job: str
    ours: Timing
    twin: Timing | None = None
    unit: str = ""
    note: str = ""

    def as_table(self) -> str:
        """A row of a Markdown table."""
        twin = self.twin.described(self.unit) if self.twin else ""
        return f"| {self.job} | {self.ours.described(self.unit)} | {twin} | {self.note} |"

    def as_json(self) -> dict[str, object]:
        """All of it."""
        timings = {"ours": self.ours.as_json(), "twin": self.twin.as_json() if self.twin else None}
        return {"job": self.job, **timings, "unit": self.unit, "note": self.note}


def timed(function: Callable[[], object], runs: int, items: int = 1) -> Timing:
    """Times `runs` calls, after one that compiles; `items` is what each makes."""
    function()
    wall, cpu = [], []
    for _ in range(runs):
        clock, processors = time.perf_counter(), time.process_time()
        function()
        wall.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - processors)
    return Timing(tuple(wall), tuple(cpu), items)


def wait_for(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> np.ndarray:
    """Calls a function of a tensor and waits for its value."""
    return function(x).numpy()


def peak_flops(runs: int) -> float:
    """Of a float32 matrix product of 2048 x 2048, operations a second."""
    import tensorflow as tf

    a = tf.random.normal([2048, 2048])
    product = tf.function(lambda: tf.reduce_sum(a @ a))
    return 2 * 2048**3 / timed(lambda: float(product()), 3 * runs).least
