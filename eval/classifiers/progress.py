"""How far the training of a classifier is, and its end on a signal or when its time is over."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import keras

from wavegan_tf.core.progress import Progress
from wavegan_tf.core.stop import Stop

T = TypeVar("T")


class Stopped(Exception):
    """A signal has asked for the end of the command."""


def check(stop: Stop) -> None:
    """Raises Stopped if a signal has been received."""
    if stop.received:
        raise Stopped


def watched(batches: Iterable[tuple[Any, T]], clips: int, label: str, stop: Stop) -> Iterator[tuple[Any, T]]:
    """Yields the batches, and shows how many of the clips are done.

    Raises:
      Stopped: see `check`.
    """
    progress, done = Progress(0, clips, label=f"{label} clip", rate="clips/s"), 0
    try:
        for batch in batches:
            check(stop)
            yield batch
            done += len(batch[0])
            progress.update(done, {})
    finally:
        progress.close()


class Watch(keras.callbacks.Callback):
    """Shows the clips that are done and a line for each epoch, and ends training.

    On a signal that is after the current batch, by raising Stopped out of `fit`. When the time is over, the epoch is
    validated first.
    """

    def __init__(self, network: str, passes: int, sizes: tuple[int, int], batch_size: int, seconds: float, stop: Stop):
        """Starts the clock.

        Args:
          network: its name, for the lines.
          passes: at the most.
          sizes: clips of an epoch, to learn from and for validation.
          batch_size: clips in a batch.
          seconds: the time there is; 0 for as long as it takes.
          stop: entered by the caller.
        """
        super().__init__()
        self._network, self._passes, self._sizes, self._batch_size = network, passes, sizes, batch_size
        self._stop = stop
        self._deadline = time.monotonic() + seconds if seconds else float("inf")
        self._pass = 0
        self._progress = Progress(0, passes * sum(sizes), label=f"{network} clip", rate="clips/s")

    def _show(self, before: int, batch: int, of: int) -> None:
        check(self._stop)
        done = before + min((batch + 1) * self._batch_size, of)
        self._progress.update(self._pass * sum(self._sizes) + done, {})

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Checks, and shows."""
        self._show(0, batch, self._sizes[0])
        if time.monotonic() > self._deadline:
            self.model.stop_training = True

    def on_test_batch_end(self, batch: int, logs=None) -> None:
        """Checks, and shows."""
        self._show(self._sizes[0], batch, self._sizes[1])

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Says what the epoch came to."""
        self._pass = epoch + 1
        train, validation = (
            f"loss {logs[f'{kind}loss']:.4g}, {100 * logs[f'{kind}accuracy']:.1f} % right" for kind in ("", "val_")
        )
        number = f"{self._network} pass {epoch + 1} of at most {self._passes}"
        self._progress.say(f"{number}: {train}; validation {validation}")

    def close(self) -> None:
        """Leaves the last line of progress standing."""
        self._progress.close()
