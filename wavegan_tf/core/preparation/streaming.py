"""Samples of a remote set of which only some shards at a time are on this machine: those that are shuffled together.

What a stream is about to read is copied while the window before is read, and removed when it has been.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError

import numpy as np
import tensorflow as tf

from wavegan_tf.core.audio.batches import shard_of
from wavegan_tf.core.errors import UserError, through_tensorflow
from wavegan_tf.core.files import display_name
from wavegan_tf.core.folders import work_folder
from wavegan_tf.core.preparation import filesystems, remote
from wavegan_tf.core.preparation.manifest import Manifest, Shard
from wavegan_tf.core.preparation.mapping import MappedFiles
from wavegan_tf.core.preparation.samples import MappedSamples
from wavegan_tf.core.preparation.tables import Tables
from wavegan_tf.core.writing import writing

# Windows that are announced before they are required: the next one, and those of streams that ended before.
_MOST_COMING = 4


class StreamedSamples(MappedSamples):
    """`MappedSamples` of which those can be read that `admit` has let through last."""

    is_streamed = True

    def __init__(self, folder: str, manifest: Manifest, tables: Tables, address: str, cache_dir: str, verify: bool):
        """Opens a set.

        Args:
          folder: that has all but its shards.
          manifest: of the set.
          tables: of its files.
          address: of the set.
          cache_dir: for the shards that are being read.
          verify: whether to compare their checksums.

        Raises:
          UserError: see `MappedSamples`; or a shard is missing there, or has another size.
        """
        remote.require_sizes(address, manifest.shards)
        mapped = MappedFiles([shard.size for shard in manifest.shards])
        super().__init__(folder, manifest, tables, mapped)
        self._shards = LocalShards(address, manifest.shards, cache_dir, mapped, verify)
        weakref.finalize(self, self._shards.close)

    def admit(
        self, windows: tf.data.Dataset, starts: Callable[[tf.Tensor], tf.Tensor], in_flight: int
    ) -> tf.data.Dataset:
        """Each window once its shards are here; those of the next are on their way by then."""
        shards, shard_starts = self._shards, self.shard_starts

        @tf.autograph.experimental.do_not_convert
        def announce(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            needed, _ = tf.unique(shard_of(shard_starts, starts(rows)))
            return rows, tf.ensure_shape(tf.numpy_function(shards.announce, [needed], tf.int64), [None])

        @tf.autograph.experimental.do_not_convert
        def require(rows: tf.Tensor, needed: tf.Tensor) -> tf.Tensor:
            count = tf.shape(rows, tf.int64)[0]
            with tf.control_dependencies([tf.numpy_function(shards.require, [needed, count, in_flight], tf.int64)]):
                return tf.identity(rows)

        return windows.map(announce).prefetch(1).map(require)


class LocalShards:
    """Copies of some shards of a remote set, mapped into their places."""

    def __init__(self, address: str, shards: Sequence[Shard], cache_dir: str, mapped: MappedFiles, verify: bool):
        """Takes none yet; see `StreamedSamples`.

        Raises:
          UserError: the folder of the copies cannot be made.
        """
        self._address, self._shards, self._mapped, self._verify = address, shards, mapped, verify
        self._lock, self._copies = threading.Lock(), threading.Semaphore(remote.COPIES)
        self._found: dict[int, Future[None]] = {}
        self._coming: list[tuple[int, ...]] = []
        self._windows: dict[tuple[int, ...], int] = {}
        self._is_closed = False
        self._ends = contextlib.ExitStack()
        with writing(display_name(cache_dir)):
            os.makedirs(cache_dir, exist_ok=True)
        self._folder = self._ends.enter_context(work_folder(cache_dir, "shards"))

    @through_tensorflow
    def announce(self, numbers: np.ndarray) -> np.ndarray:
        """Begins to copy the shards of a window that are not here; returns their numbers int64 [n]."""
        with self._lock:
            self._coming = [*self._coming, _window(numbers)][-_MOST_COMING:]
        self._announced(numbers)
        return numbers

    @through_tensorflow
    def require(self, numbers: np.ndarray, rows: np.ndarray, in_flight: np.ndarray) -> np.ndarray:
        """Waits until the shards of a window are here, and lets go of those that nothing reads any more.

        Args:
          numbers: int64 [n], the shards.
          rows: int64 [], how many rows are to be read from them.
          in_flight: int64 [], how many rows may be taken before the first of them has been read.

        Returns:
          rows.

        Raises:
          UserError: one cannot be copied, or is damaged.
        """
        for copy in self._announced(numbers):
            copy.result()
        with self._lock:
            window = _window(numbers)
            self._coming = [other for other in self._coming if other != window]
            self._windows[window] = self._windows.pop(window, 0) + int(rows)
            self._let_go(int(in_flight))
        return np.asarray(rows)

    def _announced(self, numbers: np.ndarray) -> list[Future[None]]:
        with self._lock:
            return [self._found.get(number) or self._begun(number) for number in numbers.tolist()]

    def _begun(self, number: int) -> Future[None]:
        copy: Future[None] = Future()
        self._found[number] = copy
        threading.Thread(target=self._copy, args=(number, copy), name="copy of a shard", daemon=True).start()
        return copy

    def _copy(self, number: int, copy: Future[None]) -> None:
        shard = self._shards[number]
        source, target = filesystems.join(self._address, shard.name), self._path(number)
        try:
            with self._copies:
                remote.reading(
                    source, lambda: remote.copy(source, target, shard, self._verify, lambda: self._is_closed)
                )
            self._mapped.place(number, target)
        except BaseException as error:
            with self._lock:
                self._found.pop(number, None)  # a run that goes on nevertheless asks again
            _fail(copy, error)
            return
        with contextlib.suppress(InvalidStateError):  # closed just now
            copy.set_result(None)

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, os.path.basename(self._shards[number].name))

    def _let_go(self, in_flight: int) -> None:
        """Removes the windows of which all rows have been read, as more than `in_flight` followed them."""
        while len(self._windows) > 2:
            oldest, *later, _ = self._windows
            if sum(self._windows[window] for window in later) <= in_flight:
                return
            del self._windows[oldest]
            kept = {number for window in (*self._windows, *self._coming) for number in window}
            for number in set(oldest) - kept:
                copy = self._found.pop(number, None)
                if copy is not None:
                    self._mapped.take_away(number)
                    filesystems.remove([self._path(number)])

    def close(self) -> None:
        """Ends copies and removes all."""
        self._is_closed = True
        with self._lock:
            waiting = [copy for copy in self._found.values() if not copy.done()]
        for copy in waiting:
            _fail(copy, UserError("the data were closed"))
        self._ends.close()


def _fail(copy: Future[None], error: BaseException) -> None:
    with contextlib.suppress(InvalidStateError):  # it came to its end just now
        copy.set_exception(error)


def _window(numbers: np.ndarray) -> tuple[int, ...]:
    return tuple(sorted(numbers.tolist()))
