"""Scoring each new checkpoint of a run, and keeping the best: the original's `incept` mode.

What is scored is the SavedModel that exports.py makes of it. TensorFlow is imported when the watch begins, not by the
checks before it.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags as absl_flags
from absl import logging

from eval import exports, score_table
from wavegan_tf.core import effects, flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, temporary_beside
from wavegan_tf.core.folders import work_folder
from wavegan_tf.core.serving.metadata import METADATA_FILE, MODELS
from wavegan_tf.core.writing import EventFiles, Problems, writing

BEST_DIR = "best"
RULES = {
    name: [effects.only_with("watch_train_dir")]
    for name in ("best_metric", "watch_poll_secs", "watch_idle_secs", "watch_all")
}
# Metrics of which lower values are better.
_FALLING = ("fid", "ndb", "ndb_over_k", "js_divergence", "d_train", "pitch_entropy")

Lines = list[dict[str, Any]]


def define_flags() -> None:
    """Defines the flags of --watch_train_dir."""
    absl_flags.DEFINE_string("best_metric", "", "Keep what is best in this. Default: inception_score, or the first.")
    flags.define_float("watch_poll_secs", 1.0, "Seconds between two looks for a new checkpoint.", 0.01, 1e6)
    flags.define_float("watch_idle_secs", 0.0, "End after so many seconds without a new checkpoint; 0: wait on.", 0.0)
    absl_flags.DEFINE_boolean("watch_all", False, "Begin with the oldest checkpoint there is, not with the newest.")


def check(train_dir: str, model: str, metrics: Sequence[str]) -> None:
    """Checks what can be checked before anything is scored.

    Args:
      train_dir: the run.
      model: whose it is.
      metrics: that are to be computed.

    Raises:
      UserError: it is no run of a known model, or --best_metric is not among the metrics.
    """
    best = absl_flags.FLAGS.best_metric
    if best and best not in metrics:
        raise UserError(f"--best_metric={best}: is not among the scores; they are {', '.join(metrics)}")
    if model not in MODELS:
        raise UserError(f"--watch_train_dir={train_dir}: is of a {model} model, known are {', '.join(MODELS)}")
    if os.path.exists(os.path.join(train_dir, METADATA_FILE)):
        raise UserError(f"--watch_train_dir={train_dir}: is a SavedModel; name the run, or give it as --model_dir")


def is_better(metric: str, value: float | None, best: float | None) -> bool:
    """True if a value betters the best one so far; what is no finite number betters nothing."""
    if value is None or not math.isfinite(value):
        return False
    if best is None:
        return True
    return value < best if metric in _FALLING else value > best


def _value(lines: Lines, metric: str) -> tuple[str, float | None]:
    """The metric that decides, and its value, if it has one."""
    ours = [line for line in lines if line["of"] == "fake"]
    wanted = [line for line in ours if line["metric"] == (metric or "inception_score")]
    if not wanted and metric:
        known = ", ".join(line["metric"] for line in ours)
        raise UserError(f"--best_metric={metric}: is not among the scores; they are {known}")
    chosen = sorted(wanted or ours, key=lambda line: line["value"] is None)[0]  # the first that has a value
    return chosen["metric"], chosen["value"]


def _earlier(output_dir: str, train_dir: str) -> tuple[set[int], Lines]:
    """Steps that an earlier watch of this run has scored, and its records."""
    lines = [line for line in score_table.read(output_dir) if line.get("watched") == os.path.abspath(train_dir)]
    return {line["step"] for line in lines}, lines


class _Interrupted(BaseException):
    """A signal came while a checkpoint was scored, which can take hours."""


class _Stop(threading.Event):
    """Is set by a signal, which ends a score that is being computed at once."""

    def __init__(self) -> None:
        super().__init__()
        self._is_scoring = False

    def receive(self, *_: object) -> None:
        """Handles the signal."""
        self.set()
        if self._is_scoring:
            raise _Interrupted

    def wrapped(self, score: Callable[..., Lines]) -> Callable[..., Lines]:
        """`score`, which a signal interrupts."""

        def interruptible(*arguments: Any) -> Lines:
            self._is_scoring = True
            try:
                return score(*arguments)
            finally:
                self._is_scoring = False

        return interruptible


def watch(train_dir: str, model: str, output_dir: str, score: Callable[..., Lines], metric: str) -> None:
    """Scores checkpoints as they come, until SIGINT, SIGTERM or --watch_idle_secs; a signal ends a score at once.

    Each record has the step, TensorBoard's files go to --output_dir, and the best model to its folder `best/<step>`,
    where the one before is removed. A watch that is started again goes on: what is scored already is left alone. A
    checkpoint whose export fails is tried again as long as it is there.

    Args:
      train_dir: the run.
      model: whose it is.
      output_dir: for all of that.
      score: (SavedModel folder, step) -> records.
      metric: that decides which is best; "" for the inception score, or else the first.

    Raises:
      UserError: `metric` is not among the scores, the run is gone, or a checkpoint could not be exported until the end.
    """
    values, stop = absl_flags.FLAGS, _Stop()
    previous = {number: signal.signal(number, stop.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    watched = _Watched(train_dir, model, output_dir, stop.wrapped(score), metric)
    last = time.monotonic()
    try:
        while not stop.is_set():
            chosen = watched.next()
            if chosen is not None and watched.score(*chosen):
                last = time.monotonic()
                continue
            if values.watch_idle_secs and time.monotonic() - last > values.watch_idle_secs:
                watched.next()  # forgets a checkpoint that has gone while its export took all that time
                watched.failures.check()
                break
            stop.wait(values.watch_poll_secs)
    except _Interrupted:
        pass
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    found = "" if watched.best is None else f", best {watched.best:.4g}"
    logging.info("watched %s: %d checkpoints scored%s", train_dir, len(watched.done), found)
    watched.problems.check()


class _Watched:
    """The run that is watched.

    Attributes:
      done: steps that are scored.
      best: the best value so far.
      failures: checkpoints that could not be exported.
      problems: what could not be written beside the scores.
    """

    def __init__(self, train_dir: str, model: str, output_dir: str, score: Callable[..., Lines], metric: str):
        self._train_dir, self._model, self._output_dir = train_dir, model, output_dir
        self._score, self._metric = score, metric
        self._events, self.problems = EventFiles(output_dir), Problems("scoring")
        self.failures = exports.Failures(train_dir, absl_flags.FLAGS.watch_poll_secs)
        self._is_first = True
        self.done, lines = _earlier(output_dir, train_dir)
        self.best: float | None = None
        for step in sorted(self.done):
            name, value = _value([line for line in lines if line["step"] == step], metric)
            self.best = value if is_better(name, value, self.best) else self.best

    def next(self) -> exports.Checkpoint | None:
        """The checkpoint to score now, if there is one.

        Raises:
          UserError: the run's folder is gone.
        """
        found = exports.checkpoints_of(self._train_dir, self._model)
        fresh = [one for one in found if one[1] not in self.done]
        if not absl_flags.FLAGS.watch_all:
            # Like the original, only the newest; all of them on request.
            fresh = [one for one in fresh[-1:] if self._is_first or one[1] > max(self.done, default=-1)]
        self.failures.keep({step for _, step in fresh})
        return next((one for one in fresh if self.failures.is_due(one[1])), None)

    def score(self, arguments: tuple[str, ...], step: int) -> bool:
        """Exports and scores a checkpoint; False if it cannot be exported."""
        with work_folder(self._output_dir, f"exported-{step}") as parent:
            model_dir = os.path.join(parent, str(step))
            reason = exports.export(self._train_dir, self._model, arguments, model_dir)
            if reason:
                self.failures.note(step, reason)
            if reason is not None:
                return False
            lines = self._score(model_dir, step)
            self.done.add(step)
            self._is_first = False
            with self.problems.going_on():
                self._show(lines, step)
            name, value = _value(lines, self._metric)
            if is_better(name, value, self.best):
                kept = _keep(parent, self._output_dir)
                print(f"best so far: step {step}, {name} {value:.4g}: {os.path.join(kept, str(step))}")
                self.best = value
        return True

    def _show(self, lines: Lines, step: int) -> None:
        """Writes the scores for TensorBoard."""
        import tensorflow as tf

        with self._events.at(step):
            for line in lines:
                if line["value"] is None:
                    continue
                name = line["metric"] if line["of"] == "fake" else f"{line['of']}/{line['metric']}"
                if "classifier" in line:
                    name = f"{line['classifier']['name']}/{name}"
                tf.summary.scalar(name, line["value"])
                if line["spread"] is not None:
                    tf.summary.scalar(f"{name}_std", line["spread"])


def _keep(parent: str, output_dir: str) -> str:
    """Puts the folder of a SavedModel in the place of the best one so far, and returns where that is.

    Raises:
      UserError: that cannot be done; the one before stays.
    """
    kept = os.path.join(output_dir, BEST_DIR)
    with writing(display_name(kept)):
        before = temporary_beside(kept)
        if os.path.lexists(kept):
            if not os.path.isdir(kept):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), kept)
            os.rename(kept, before)
        try:
            os.rename(parent, kept)
        except OSError:
            with contextlib.suppress(OSError):
                os.rename(before, kept)
            raise
        shutil.rmtree(before, ignore_errors=True)
    return kept
