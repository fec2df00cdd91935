"""Scoring each new checkpoint of a run, and keeping the best: the original's `incept` mode.

The run is exported by its own command, in a process of its own, and what is scored is the SavedModel. TensorFlow is
imported when the watch begins, not by the checks before it.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags as absl_flags
from absl import logging

from eval import score_table
from wavegan_tf.core import effects, flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.metadata import METADATA_FILE

BEST_DIR = "best"
RULES = {
    name: [effects.only_with("watch_train_dir")]
    for name in ("best_metric", "watch_poll_secs", "watch_idle_secs", "watch_all")
}
_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # the folder that they are in
_MODELS = ("wavegan", "specgan", "gansynth")
# Exit codes of a process that a signal has stopped.
_STOPPED = (128 + signal.SIGINT, -signal.SIGINT, -signal.SIGTERM)
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
    if model not in _MODELS:
        raise UserError(f"--watch_train_dir={train_dir}: is of a {model} model, known are {', '.join(_MODELS)}")
    if os.path.exists(os.path.join(train_dir, METADATA_FILE)):
        raise UserError(f"--watch_train_dir={train_dir}: is a SavedModel; name the run, or give it as --model_dir")


def checkpoints_of(train_dir: str, model: str) -> list[tuple[tuple[str, ...], int]]:
    """Export flags and step of each checkpoint there is, oldest first; GANSynth has some for each stage."""
    from wavegan_tf.core.training import checkpoints

    if model != "gansynth":
        return [((f"--step={step}",), step) for step in sorted(checkpoints.steps(train_dir))]
    found: list[tuple[tuple[str, ...], int]] = []
    for name in sorted(os.listdir(train_dir)):
        if name.startswith("stage_") and name[6:].isdigit():
            steps = sorted(checkpoints.steps(os.path.join(train_dir, name)))
            found += [((f"--stage={int(name[6:])}", f"--step={step}"), step) for step in steps]
    return found


def is_better(metric: str, value: float | None, best: float | None) -> bool:
    """True if a value betters the best one so far; what is no finite number betters nothing."""
    if value is None or not math.isfinite(value):
        return False
    if best is None:
        return True
    return value < best if metric in _FALLING else value > best


def _export(train_dir: str, model: str, arguments: tuple[str, ...], export_dir: str) -> bool:
    """Runs the model's export command; False if the checkpoint has gone meanwhile.

    Raises:
      UserError: it failed, and the checkpoint is still there.
    """
    places = {"train_dir": train_dir, "export_dir": export_dir}
    given = [f"--{name}={os.path.abspath(path)}" for name, path in places.items()]
    # Python looks for modules in the current folder first, which may be the run, or anybody's.
    command = [sys.executable, "-m", f"{model}_tf.export", *given, *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, cwd=_PACKAGES)
    if done.returncode == 0:
        return True
    if done.returncode in _STOPPED:
        return False  # as this process was, by the same Ctrl-C
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    reason = lines[-1].removeprefix("error: ") if lines else f"{model}_export ended with {done.returncode}"
    if arguments in [found for found, _ in checkpoints_of(train_dir, model)]:
        raise UserError(f"--watch_train_dir={train_dir}: cannot be exported ({reason})")
    logging.warning("not scored: %s", reason)
    return False


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
    where the one before is removed. A watch that is started again goes on: what is scored already is left alone.

    Args:
      train_dir: the run.
      model: whose it is.
      output_dir: for all of that.
      score: (SavedModel folder, step) -> records.
      metric: that decides which is best; "" for the inception score, or else the first.

    Raises:
      UserError: `metric` is not among the scores.
    """
    import tensorflow as tf

    values, stop = absl_flags.FLAGS, _Stop()
    score = stop.wrapped(score)
    previous = {number: signal.signal(number, stop.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    done, lines = _earlier(output_dir, train_dir)
    best: float | None = None
    for step in sorted(done):
        name, value = _value([line for line in lines if line["step"] == step], metric)
        best = value if is_better(name, value, best) else best
    writer = tf.summary.create_file_writer(output_dir)
    last, is_first = time.monotonic(), True
    try:
        while not stop.is_set():
            fresh = [found for found in checkpoints_of(train_dir, model) if found[1] not in done]
            # Like the original, only the newest; all of them on request.
            fresh = fresh[:1] if values.watch_all else fresh[-1:]
            if fresh and (is_first or fresh[0][1] > max(done, default=-1) or values.watch_all):
                arguments, step = fresh[0]
                done.add(step)
                best = _score_one(train_dir, model, output_dir, arguments, step, score, metric, best, writer)
                last, is_first = time.monotonic(), False
                continue
            if values.watch_idle_secs and time.monotonic() - last > values.watch_idle_secs:
                break
            stop.wait(values.watch_poll_secs)
    except _Interrupted:
        done.discard(step)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    found = "" if best is None else f", best {best:.4g}"
    logging.info("watched %s: %d checkpoints scored%s", train_dir, len(done), found)


def _score_one(
    train_dir: str, model: str, output_dir: str, arguments: tuple[str, ...], step: int,
    score: Callable[..., Lines], metric: str, best: float | None, writer: Any,
) -> float | None:  # fmt: skip
    """Exports and scores one checkpoint; returns the best value so far."""
    import tensorflow as tf

    parent = os.path.join(output_dir, f".exported-{step}")
    shutil.rmtree(parent, ignore_errors=True)
    model_dir = os.path.join(parent, str(step))
    if not _export(train_dir, model, arguments, model_dir):
        return best
    try:
        lines = score(model_dir, step)
        with writer.as_default(step=step):
            for line in lines:
                if line["value"] is None:
                    continue
                name = line["metric"] if line["of"] == "fake" else f"{line['of']}/{line['metric']}"
                if "classifier" in line:
                    name = f"{line['classifier']['name']}/{name}"
                tf.summary.scalar(name, line["value"])
                if line["spread"] is not None:
                    tf.summary.scalar(f"{name}_std", line["spread"])
        writer.flush()
        name, value = _value(lines, metric)
        if is_better(name, value, best):
            kept = os.path.join(output_dir, BEST_DIR)
            shutil.rmtree(kept, ignore_errors=True)
            os.rename(parent, kept)
            print(f"best so far: step {step}, {name} {value:.4g}: {os.path.join(kept, str(step))}")
            best = value
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    return best
