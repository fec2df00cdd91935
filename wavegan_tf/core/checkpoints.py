"""Everything needed to go on exactly where a run stopped, and the lock that keeps a second trainer out."""

from __future__ import annotations

import fcntl
import glob
import os
from typing import Any

import tensorflow as tf
from absl import logging

from wavegan_tf.core.errors import UserError

_NAME = "model.ckpt"
_KEEP = 5
_KEEP_EVERY_HOURS = 1.0


class DirectoryLock:
    """Holds a training directory for this process; the lock ends with the process, however it ends.

    Raises:
      UserError: another process holds the directory, or it cannot be written.
    """

    def __init__(self, directory: str):
        try:
            os.makedirs(directory, exist_ok=True)
            self._file = open(os.path.join(directory, ".lock"), "a+")  # noqa: SIM115 - held until the process ends
        except OSError as error:
            raise UserError(f"--train_dir={directory}: cannot be written ({error.strerror})") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise UserError(f"--train_dir={directory}: process {owner} is already training in this directory") from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Gives the directory back before the process ends."""
        self._file.close()


class Checkpoints:
    """The checkpoints of one run: the last five, and one for every hour of training.

    TensorFlow writes a checkpoint beside the others under a temporary name and only then makes it the latest.
    """

    def __init__(self, directory: str, seed: int, **trackables: Any):
        """Prepares to save and restore.

        Args:
          directory: the training directory.
          seed: the run's seed; kept and compared.
          **trackables: networks and built optimisers, by name.
        """
        self._directory, self._expected_seed = directory, seed
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._seed = tf.Variable(seed, dtype=tf.int64, trainable=False)
        self._checkpoint = tf.train.Checkpoint(step=self._step, seed=self._seed, **trackables)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint,
            directory,
            max_to_keep=_KEEP,
            keep_checkpoint_every_n_hours=_KEEP_EVERY_HOURS,
            checkpoint_name=_NAME,
        )
        self.last_saved: int | None = None

    def restore(self) -> int | None:
        """Restores the newest readable checkpoint and returns its step; None if the run has none yet.

        Raises:
          UserError: checkpoints are there, but none fits these networks and optimisers.
        """
        problem = ""
        for path in reversed(self._manager.checkpoints):
            try:
                self._checkpoint.restore(path).assert_existing_objects_matched()
            except (tf.errors.OpError, AssertionError, ValueError) as error:
                problem = f"{path}: cannot be restored ({str(error).strip().splitlines()[0][:200]})"
                logging.warning("%s", problem)
                continue
            if int(self._seed) != self._expected_seed:
                raise UserError(f"{path}: was written with --seed={int(self._seed)}, not {self._expected_seed}")
            self.last_saved = int(self._step)
            return self.last_saved
        if problem:
            raise UserError(problem)
        return None

    def save(self, step: int) -> None:
        """Saves everything as of `step`.

        Raises:
          UserError: it cannot be written; checkpoints from before are left as they are.
        """
        self._step.assign(step)
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            for leftover in glob.glob(glob.escape(os.path.join(self._directory, f"{_NAME}-{step}")) + ".*"):
                os.remove(leftover)
            kept = "there is none before it" if self.last_saved is None else f"that of step {self.last_saved} is kept"
            reason = str(error).strip().splitlines()[0][:200]
            raise UserError(f"{self._directory}: the checkpoint of step {step} cannot be written; {kept} ({reason})") from None
        self.last_saved = step
