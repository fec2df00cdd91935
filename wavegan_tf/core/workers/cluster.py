"""The workers of a run: they start together, agree on what they train, stop together, and end with one another."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np
import tensorflow as tf
from absl import logging

from wavegan_tf.core import flags
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.options import Options
from wavegan_tf.core.workers.links import Links
from wavegan_tf.core.workers.tf_config import Place

T = TypeVar("T")

_RESTART = "start all workers again with the same command, and they go on from the last checkpoint"
# Raised by an operation that all workers make together when one of them is gone.
_TOGETHER = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.InternalError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_NOTICE_SECS = 5.0
_DIGESTED_BYTES = 1 << 29


class Cluster:
    """All workers of a run. Without a place this process is the only one, and waits for nobody."""

    def __init__(self, place: Place | None = None):
        """Knows the workers; `join` meets them."""
        self._place = place
        self.index = place.index if place else 0
        self.workers = len(place.addresses) if place else 1
        # Held while what must not be cut short is done, and by whoever ends the process.
        self._ending = threading.RLock()
        self._links = Links(place, self._lost, self._end) if place and self.workers > 1 else None

    @property
    def is_chief(self) -> bool:
        """True in the process that writes the run's files."""
        return self.index == 0

    def join(self) -> None:
        """Waits until all workers are there. From then on the end of any of them ends this process.

        SIGTERM ends the wait and the process with exit code 0, Ctrl-C by KeyboardInterrupt.

        Raises:
          UserError: this worker's port is taken, or the workers' TF_CONFIGs contradict each other.
        """
        if self._links is None:
            return
        is_main = threading.current_thread() is threading.main_thread()
        previous = signal.signal(signal.SIGTERM, _leave_quietly) if is_main else None
        try:
            self._links.join()
        finally:
            if is_main:
                signal.signal(signal.SIGTERM, previous)

    def exchange(self, value: Any) -> list[Any]:
        """Gives a JSON value to all workers and returns theirs, the chief's first; all must call it together."""
        return self._links.exchange(value) if self._links else [value]

    def barrier(self) -> None:
        """Waits until all workers are here."""
        self.exchange(None)

    def chief_first(self, make: Callable[[], T]) -> T:
        """Calls `make` in the chief before the others, which find the files that it wrote; returns its value."""
        if not self.is_chief:
            self.barrier()
        made = make()
        if self.is_chief:
            self.barrier()
        return made

    def agree(self, facts: Mapping[str, Any], remedy: str = "all workers must have the same") -> None:
        """Compares JSON values by name with those of the other workers; all must call it together.

        Raises:
          UserError: a worker has another value than the chief; every worker says the same.
        """
        values = self.exchange(dict(facts))
        problem = self._place and difference(values, self._place.name, remedy)
        if problem:
            # All know it by themselves; none is to hear first that another has ended.
            self.leave()
            raise UserError(problem)

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Lets a piece of work come to its end even if another worker is gone meanwhile."""
        with self._ending:
            yield

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Ends this process, and so all workers, for whatever is raised in it.

        One line says what was wrong. A process that TensorFlow has connected with others may wait for them on its
        way out; it ends without that.
        """
        try:
            yield
        except BaseException as error:
            if self._links is None:
                raise
            if isinstance(error, tf.errors.OpError):
                # Where another worker is gone, the thread that reads from it knows which, and ends this process first.
                time.sleep(_NOTICE_SECS)
            if isinstance(error, _TOGETHER):
                error = UserError(f"the workers have lost touch ({one_line(error)}); {_RESTART}")
            self._ending.acquire()
            assert self._place
            reason = error.on_command_line if isinstance(error, UserError) else type(error).__name__
            self._links.tell_end(f"{self._place.name(self.index)} has stopped: {reason}")
            code = flags.report(error)
            if code is None:
                traceback.print_exception(error)
            _exit(1 if code is None else code)

    def leave(self) -> None:
        """Waits until all workers have done their part, after which each may go."""
        if self._links:
            self._links.leave()

    def _lost(self, worker: int, what: str) -> None:
        assert self._place
        self._end(f"{self._place.name(worker)} {what}; {_RESTART}")

    def _end(self, line: str) -> None:
        """Ends this process from another thread: the main one may wait in TensorFlow, where nothing reaches it."""
        with self._ending:
            assert self._links
            self._links.tell_end(line)
            if sys.stderr.isatty():
                print(file=sys.stderr)  # below the line of progress
            flags.report(UserError(line))
            _exit(1)


def difference(values: list[dict[str, Any]], name: Callable[[int], str], remedy: str) -> str | None:
    """The first difference between the chief's values and another worker's, in words.

    Args:
      values: of each worker, the chief's first.
      name: how a worker is called.
      remedy: what would be right.
    """
    chief = values[0]
    for worker, others in enumerate(values):
        for key in [*chief, *others]:
            if chief.get(key) != others.get(key):
                return f"{key}: {others.get(key)!r} in {name(worker)}, {chief.get(key)!r} in {name(0)}; {remedy}"
    return None


def options_in_common(options: Options) -> dict[str, Any]:
    """The options that all workers must have alike, by flag."""
    fields = [field for field in dataclasses.fields(options) if not field.metadata["per_worker"]]
    return {f"--{field.name}": getattr(options, field.name) for field in fields}


def digest(*arrays: np.ndarray) -> str:
    """Names the shapes, types and contents of arrays."""
    made = hashlib.sha256()
    for array in arrays:
        made.update(f"{array.dtype} {array.shape}".encode())
        made.update(np.ascontiguousarray(array).data)
    return made.hexdigest()[:16]


class Named(Protocol):
    """Samples that bring a digest of their own.

    Attributes:
      content: the digest.
    """

    content: str


def digest_of_audio(lengths: np.ndarray, samples: tf.Tensor | Named) -> str:
    """Names decoded audio: all of it up to 512 MiB, else as much in all from the middle of each file.

    Args:
      lengths: int64 [files].
      samples: float32 [total, c] of all files, on the CPU; or what names them without reading them.
    """
    if not isinstance(samples, tf.Tensor):
        return samples.content
    # Not `numpy()`, which copies.
    waves = np.asarray(memoryview(samples))
    made = hashlib.sha256(f"{waves.shape} {digest(lengths)}".encode())
    if waves.nbytes <= _DIGESTED_BYTES:
        made.update(waves.data)
        return made.hexdigest()[:16]
    share = max(1, _DIGESTED_BYTES // (len(lengths) * waves[:1].nbytes))
    for start, length in zip(np.cumsum(lengths) - lengths, lengths, strict=True):
        first = start + max(0, length - share) // 2
        made.update(waves[first : first + min(share, length)].data)
    return made.hexdigest()[:16]


def _leave_quietly(number: int, _: FrameType | None) -> NoReturn:
    logging.info("%s: stopped while waiting for the other workers", signal.Signals(number).name)
    sys.exit(0)


def _exit(code: int) -> NoReturn:
    """Ends the process as it is: a clean exit would wait for TensorFlow, which may wait for a worker that is gone."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
