"""Batches computed by several processes, each with a set and classifiers of its own."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from eval.classifiers.places import Place
from eval.gathering.kept import KeptOutputs, WorkerLost
from eval.samples import Samples
from wavegan_tf.core.errors import UserError

# Batches that wait for each process: enough that none is idle, and an error is not long in coming.
_AHEAD = 3


@dataclasses.dataclass(frozen=True)
class Helpers:
    """How many processes compute, and the classifiers that each of them loads."""

    num_workers: int
    places: Sequence[Place]


def outputs_by(
    helpers: Helpers, samples: Samples, metrics: Collection[str], centers: np.ndarray | None, kept: KeptOutputs,
    numbers: Sequence[int],
) -> Iterator[int]:  # fmt: skip
    """Computes batches; yields their numbers, in order, once each is kept.

    Raises:
      UserError: a clip cannot be used.
      WorkerLost: a process was killed.
    """
    # A new interpreter each: TensorFlow's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    count = min(helpers.num_workers, max(1, len(numbers)))
    given = (samples, tuple(helpers.places), tuple(metrics), centers, kept)
    pool = ProcessPoolExecutor(count, context, _start, given)
    try:
        waiting: list[Future[str | None]] = []
        for place, number in enumerate(numbers):
            while len(waiting) < min(_AHEAD * count, len(numbers) - place):
                waiting.append(pool.submit(_compute, numbers[place + len(waiting)]))
            error = waiting.pop(0).result()
            if error is not None:
                raise UserError(error)
            yield number
    except BrokenProcessPool:
        raise WorkerLost(
            "--num_workers: a process ended before its time, perhaps for want of memory; the same command continues"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()


_mine: dict[str, Any] = {}


def _start(
    samples: Samples, places: Sequence[Place], metrics: Collection[str], centers: np.ndarray | None, kept: KeptOutputs
) -> None:
    """Makes this process ready; it ends with the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which Ctrl-C sends to all; the parent decides
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
    import tensorflow as tf

    from eval.classifiers import registry
    from eval.gathering.outputs import Extractor

    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)
    extractor = Extractor(registry.load_all(places), metrics, centers)
    _mine.update(samples=samples, extractor=extractor, kept=kept)


def _compute(number: int) -> str | None:
    """Computes and keeps a batch; returns what was wrong if a user can correct it."""
    try:
        (batch,) = _mine["samples"].batches([number])
        _mine["kept"].write(number, _mine["extractor"](batch))
    except UserError as error:
        return error.on_command_line
    return None
