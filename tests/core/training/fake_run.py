"""A run whose iterations only count, for the loop around them."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Future

from wavegan_tf.core.progress import Progress
from wavegan_tf.core.stop import Stop
from wavegan_tf.core.training import loop
from wavegan_tf.core.training.options import LoopOptions
from wavegan_tf.core.workers.cluster import Cluster


class Clock:
    """Stands in for time.monotonic."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


class SilentProgress(Progress):
    def __init__(self):
        self.shown, self.closed, self.label = [], 0, "step"

    def update(self, step, values):
        self.shown.append((step, dict(values)))

    def close(self):
        self.closed += 1


class FakeCluster(Cluster):
    """One of two workers; `others` are what the other says each time, if it is there."""

    def __init__(self, others=None, chief=True):
        super().__init__()
        self.others, self.chief, self.said, self.busy = others, chief, [], False

    def exchange(self, value):
        self.said.append(value)
        if self.others is None:
            return [value]
        other = next(self.others)
        return [value, other] if self.chief else [other, value]

    @contextlib.contextmanager
    def finishing(self):
        self.busy = True
        yield
        self.busy = False


class Late(Future):
    """Metrics that are there, and that say when they are asked for."""

    def __init__(self, rows, asked):
        super().__init__()
        self.set_result(rows)
        self.asked = asked

    def result(self, timeout=None):
        self.asked()
        return super().result(timeout)


class FakeRun:
    """A run whose updates only count, advance a clock and now and then do something else.

    Attributes:
      told: what was called, in order: ("call", step, count), ("metrics", step), ("save", step), ("summary", step).
    """

    def __init__(self, clock=None, seconds=1.0, at=None, cluster=None, step_size=1, most=1):
        self.most, self.clock, self.seconds, self.at, self.step_size = most, clock, seconds, at or {}, step_size
        self.updates, self.saves, self.summaries, self.told = [], [], [], []
        self.progress = SilentProgress()
        self.cluster = cluster or FakeCluster()

    def iterate(self, step, count):
        self.told.append(("call", step, count))
        rows = [self.update(step + number * self.step_size) for number in range(count)]
        return Late(rows, lambda: self.told.append(("metrics", step)))

    def update(self, step):
        self.updates.append(step)
        if self.clock:
            self.clock.now += self.seconds
        value = self.at[step]() if step in self.at else None
        return {"D_loss": float(step), "G_loss": -2.0 * step} if value is None else value

    def save(self, step):
        assert self.cluster.busy, "the end of another worker would cut it short"
        self.saves.append(step)
        self.told.append(("save", step))

    def summarize(self, step, means):
        self.summaries.append((step, means))
        self.told.append(("summary", step))

    def room(self, options, step):
        return min(self.most, options.train_steps - step if options.train_steps else loop.NO_EVENT)

    def go(self, step=0, **values):
        options = LoopOptions(**values)
        summaries = loop.Schedule(options.train_summary_secs, at_start=True)
        with Stop(options.train_time_limit_secs) as stop:
            return self.run(options, step, stop, summaries)

    def run(self, options, step, stop, summaries):
        return loop.run(
            options,
            step=step,
            step_size=self.step_size,
            stop=stop,
            is_end=options.is_end,
            iterate=self.iterate,
            room=lambda step: self.room(options, step),
            is_summary_due=lambda _: summaries.due(),
            summarize=self.summarize,
            save=self.save,
            progress=self.progress,
            cluster=self.cluster,
        )
