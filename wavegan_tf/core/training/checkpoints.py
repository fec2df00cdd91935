"""Everything needed to go on exactly where a run stopped."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
from typing import TypeAlias

import keras
import tensorflow as tf
from absl import logging

from wavegan_tf.core.checkpoint_index import checkpoint_state, require_consistent
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.optimizers import LossScaling
from wavegan_tf.core.writing import why, writing

_NAME = "model.ckpt"
_KEEP = 5
_KEEP_EVERY_HOURS = 1.0
_STEP = re.compile(r"-([0-9]{1,18})$")

Saved: TypeAlias = keras.Model | keras.optimizers.Optimizer | dict[str, tf.Variable]


def named_variables(item: Saved) -> dict[str, tf.Variable]:
    """A network's variables by path, an optimiser's by position, or those that are named already.

    They are named here, because TensorFlow does not follow the lists of layers inside a Keras 3 model. An optimiser's
    learning rate is skipped: the options set it.
    """
    if isinstance(item, dict):
        return item
    if isinstance(item, keras.Model):
        named = {variable.path.removeprefix(f"{item.name}/"): variable.value for variable in item.variables}
        if len(named) != len(item.variables):
            raise ValueError(f"{item.name}: two variables have the same path")
        return named
    # Loss scaling is kept apart, so that a run can go on in another precision.
    optimizer = item.inner_optimizer if isinstance(item, LossScaling) else item
    return {
        f"{number:04d}": variable.value
        for number, variable in enumerate(optimizer.variables)
        if variable is not optimizer.learning_rate
    }


def _loss_scaling(items: dict[str, Saved]) -> dict[str, dict[str, tf.Variable]]:
    """The state of loss scaling of the optimisers that have one."""
    return {
        f"{name}_loss_scaling": {"scale": item.scale.value, "good_steps": item.good_steps.value}
        for name, item in items.items()
        if isinstance(item, LossScaling)
    }


def _all(items: dict[str, Saved]) -> dict[str, dict[str, tf.Variable]]:
    return {name: named_variables(item) for name, item in items.items()}


def _reason(error: Exception) -> str:
    """TensorFlow's message in one line."""
    return "it lacks variables of these networks or optimisers" if isinstance(error, AssertionError) else why(error)


def _listed(directory: str) -> list[str]:
    """The checkpoints that TensorFlow's list (the file `checkpoint`) names, oldest first; none if it is damaged."""
    try:
        state = checkpoint_state(directory)
    except ValueError:
        return []
    return [path for path in state.all_model_checkpoint_paths if _STEP.search(path)] if state else []


def _step_of(path: str) -> int:
    return int(_STEP.search(path)[1])  # type: ignore[index]


def _paths(directory: str) -> list[str]:
    """All checkpoints of a run, the one to go on from last.

    TensorFlow's list comes last. It leaves out those kept for every hour, and can be lost with the power.
    """
    listed = _listed(directory)
    found = glob.glob(os.path.join(glob.escape(directory), f"{_NAME}-*.index"))
    prefixes = [path.removesuffix(".index") for path in found]
    others = {path for path in prefixes if _STEP.search(path)}.difference(listed)
    return [*sorted(others, key=_step_of), *listed]


def _drop_damaged_list(directory: str) -> None:
    """Removes a list that CheckpointManager would stumble over; `_paths` finds the checkpoints without it."""
    try:
        checkpoint_state(directory)
    except ValueError:
        logging.warning("%s: the file `checkpoint` is damaged and is recreated", directory)
        path = os.path.join(directory, "checkpoint")
        with writing(path), contextlib.suppress(FileNotFoundError):
            os.remove(path)


def _remove_unfinished(directory: str, step: str) -> None:
    """Removes what a write that did not come to its end has left; `step` can be a pattern.

    TensorFlow writes the index in its final place, and the folder of parts goes last: where it still is, the
    checkpoint may be torn.
    """
    prefix = os.path.join(glob.escape(directory), f"{_NAME}-{step}")
    parts = glob.glob(f"{prefix}_temp")
    torn = [path for folder in parts for path in glob.glob(f"{glob.escape(folder.removesuffix('_temp'))}.*")]
    for path in [*torn, *parts, *glob.glob(f"{prefix}.*.tempstate*")]:
        _remove(path)


def _remove(path: str) -> None:
    """Removes a file or a folder if that can be done."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.remove(path)


class Checkpoints:
    """The checkpoints of one run: the last five, and one for every hour of training.

    TensorFlow writes a checkpoint beside the others and only then makes it the latest. What a process that was killed
    left unfinished is removed.
    """

    def __init__(
        self, directory: str, seed: int, *, optional: dict[str, dict[str, tf.Variable]] | None = None, **items: Saved
    ):
        """Prepares to save and restore.

        Args:
          directory: the training directory, which is made if it is missing.
          seed: the run's seed; kept and compared.
          optional: variables that keep their values where a checkpoint has none for them.
          **items: networks, built optimisers and named variables, by name.

        Raises:
          UserError: it cannot be made, or what is damaged in it cannot be removed.
        """
        self._directory, self._expected_seed = directory, seed
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._seed = tf.Variable(seed, dtype=tf.int64, trainable=False)
        required = {"step": self._step, "seed": self._seed, **_all(items)}
        self._required = tf.train.Checkpoint(**required)
        # A run that has been in another precision so far starts loss scaling anew.
        optional = {**(optional or {}), **_loss_scaling(items)}
        self._optional = tf.train.Checkpoint(**optional)
        checkpoint = tf.train.Checkpoint(**required, **optional)
        with writing(directory):
            os.makedirs(directory, exist_ok=True)
        _drop_damaged_list(directory)
        _remove_unfinished(directory, "*")
        self._manager = tf.train.CheckpointManager(
            checkpoint,
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
        for path in reversed(_paths(self._directory)):
            try:
                require_consistent(path)
                self._required.restore(path).expect_partial().assert_existing_objects_matched()
                self._optional.restore(path).expect_partial()
            except Exception as error:  # TensorFlow raises anything for one that is damaged or does not fit
                problem = f"{path}: cannot be restored ({_reason(error)})"
                logging.warning("%s", problem)
                continue
            if int(self._seed.numpy()) != self._expected_seed:
                raise UserError(f"{path}: was written with --seed={int(self._seed.numpy())}, not {self._expected_seed}")
            self.last_saved = int(self._step.numpy())
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
            # TensorFlow would make it again, without what else a run needs.
            os.stat(self._directory)
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            _remove_unfinished(self._directory, str(step))
            for leftover in glob.glob(os.path.join(glob.escape(self._directory), f"{_NAME}-{step}.*")):
                _remove(leftover)
            kept = "there is none before it" if self.last_saved is None else f"that of step {self.last_saved} is kept"
            text = f"{self._directory}: the checkpoint of step {step} cannot be written; {kept} ({why(error)})"
            raise UserError(text) from None
        self.last_saved = step


def steps(directory: str) -> list[int]:
    """Steps of the checkpoints in a training directory, the one to go on from last."""
    return [_step_of(path) for path in _paths(directory)]


def require_any(directory: str) -> None:
    """Raises UserError if a training directory holds no checkpoint."""
    _path_of(directory, None)


def restore_step(directory: str, step: int | None, **items: Saved) -> int:
    """Restores only `items` from a run.

    Args:
      directory: the training directory.
      step: which checkpoint; None is the newest.
      **items: networks, optimisers or named variables, by the names they were saved under.

    Returns:
      The step of the checkpoint.

    Raises:
      UserError: there is no such checkpoint, or it does not fit.
    """
    path = _path_of(directory, step)
    try:
        require_consistent(path)
        status = tf.train.Checkpoint(**_all(items)).restore(path)
        status.expect_partial().assert_existing_objects_matched()
    except Exception as error:  # as above
        raise UserError(f"{path}: cannot be restored ({_reason(error)})") from None
    return _step_of(path)


def holds(directory: str, step: int | None, name: str) -> bool:
    """True if a checkpoint has variables of the item of this name; see `restore_step`, also for errors."""
    path = _path_of(directory, step)
    try:
        require_consistent(path)
        return any(variable.startswith(f"{name}/") for variable, _ in tf.train.list_variables(path))
    except Exception as error:  # as above
        raise UserError(f"{path}: cannot be restored ({_reason(error)})") from None


def _path_of(directory: str, step: int | None) -> str:
    found = {_step_of(path): path for path in _paths(directory)}
    if not found:
        raise UserError(f"{directory}: holds no checkpoint")
    if step is None:
        step = list(found)[-1]
    if step not in found:
        raise UserError(f"{directory}: has no checkpoint of step {step}; it has {', '.join(map(str, sorted(found)))}")
    return found[step]
