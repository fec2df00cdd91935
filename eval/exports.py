"""Checkpoints of a run that is watched, and their exports, each by the model's own command in a process of its own."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import time

from absl import logging

from wavegan_tf.core.commands import in_a_process
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.writing import why

# Exit codes of a process that a signal has stopped.
_STOPPED = (128 + signal.SIGINT, -signal.SIGINT, -signal.SIGTERM)
# Between two tries to export a checkpoint.
_MOST_PAUSE_SECS = 60.0

# Export flags and step of a checkpoint.
Checkpoint = tuple[tuple[str, ...], int]


def checkpoints_of(train_dir: str, model: str) -> list[Checkpoint]:
    """Export flags and step of each checkpoint there is, oldest first; GANSynth has some for each stage.

    Raises:
      UserError: the run's folder is gone.
    """
    from wavegan_tf.core.training import checkpoints

    try:
        names = sorted(os.listdir(train_dir))
    except OSError as error:
        raise UserError(f"--watch_train_dir={train_dir}: cannot be read any more ({why(error)})") from None
    if model != "gansynth":
        return [((f"--step={step}",), step) for step in sorted(checkpoints.steps(train_dir))]
    found: list[Checkpoint] = []
    for name in names:
        if name.startswith("stage_") and name[6:].isdigit():
            steps = sorted(checkpoints.steps(os.path.join(train_dir, name)))
            found += [((f"--stage={int(name[6:])}", f"--step={step}"), step) for step in steps]
    return found


def export(train_dir: str, model: str, arguments: tuple[str, ...], export_dir: str) -> str | None:
    """Runs the model's export command.

    Args:
      train_dir: the run.
      model: whose it is.
      arguments: that name the checkpoint.
      export_dir: for the SavedModel.

    Returns:
      None once that is done, else why it failed, "" if it was stopped.
    """
    own = [f"--train_dir={train_dir}", f"--export_dir={export_dir}", *arguments]
    done = subprocess.run(in_a_process(f"{model}_tf.export", *own), stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return None
    if done.returncode in _STOPPED:
        return ""  # as this process was, by the same Ctrl-C
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else f"{model}_export ended with {done.returncode}"


@dataclasses.dataclass
class _Failure:
    reason: str
    again: float
    pause: float


class Failures:
    """Checkpoints whose export has failed: none is scored, and each is tried again as long as it is there."""

    def __init__(self, train_dir: str, pause: float):
        """Remembers none; `pause` is in seconds before the first further try, and doubles with each."""
        self._train_dir, self._pause = train_dir, pause
        self._found: dict[int, _Failure] = {}

    def note(self, step: int, reason: str) -> None:
        """Puts a checkpoint off, and says why unless that was said."""
        before = self._found.get(step)
        if before is None or before.reason != reason:
            logging.warning("not scored: %s", reason)
        pause = self._pause if before is None else min(_MOST_PAUSE_SECS, 2 * before.pause)
        self._found[step] = _Failure(reason, time.monotonic() + pause, pause)

    def is_due(self, step: int) -> bool:
        """True if a checkpoint may be exported now."""
        return step not in self._found or time.monotonic() >= self._found[step].again

    def keep(self, steps: set[int]) -> None:
        """Forgets the checkpoints that are gone or need no score any more, given the steps of the others."""
        self._found = {step: failure for step, failure in self._found.items() if step in steps}

    def check(self) -> None:
        """Raises UserError if there is one."""
        for step, failure in self._found.items():
            raise UserError(f"--watch_train_dir={self._train_dir}: step {step} cannot be exported ({failure.reason})")
