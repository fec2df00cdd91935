"""Iterations of training in one compiled call: all updates of both networks, optimisers included.

All that an iteration needs comes in one element of a stream, prefetched to the device: real examples, and random
numbers that are drawn on the CPU and outside XLA, whose streams differ. The device never waits for Python: the next
call is made before the metrics of the last one have come back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from wavegan_tf.core.training.runtime import Runtime
from wavegan_tf.core.training.update import Metrics

# Iterations in one call.
MOST = 32

# The metrics of each iteration of a call, in order.
Rows = list[dict[str, float]]


class Iterations:
    """Makes iterations, any number in a call.

    On one replica XLA compiles the iteration whole. Over several, whose collective operations cannot stand in it, each
    update's loss and gradients are compiled; see `update.Update`.
    """

    def __init__(self, run: Runtime, iterate: Callable[..., Metrics], elements: Iterable[Any]):
        """Starts the stream.

        Args:
          run: has the replicas.
          iterate: (element, *values) -> metrics; makes the updates of one iteration, each on all replicas.
          elements: all that each iteration needs; from `Runtime.distributed`.
        """
        self._iterate, self._stream = iterate, iter(elements)
        self._names: list[str] = []
        one = self._iteration
        self._one = tf.function(one, jit_compile=True, autograph=False) if run.compiles_whole else one
        self._call: Callable[..., tf.Tensor] | None = None
        self._fetcher = ThreadPoolExecutor(1, "metrics")

    def __call__(self, count: int, *values: np.ndarray) -> Future[Rows]:
        """Makes the next iterations.

        Args:
          count: how many, 1 to MOST.
          *values: float32, each with one number for each iteration; further arguments of `iterate`.

        Returns:
          Their metrics. Their way from the device begins at once: a copy that is asked for after the next call would
          wait for that one.
        """
        padded = [np.pad(np.asarray(value, np.float32), (0, MOST - count)) for value in values]
        inputs = [tf.constant(value) for value in (np.int32(count), *padded)]
        if self._call is None:
            # Once for each object: TensorFlow warns of many functions that are traced by their first call.
            self._call = tf.function(self._iterations, autograph=False).get_concrete_function(*inputs)
        return self._fetcher.submit(self._fetch, self._call(*inputs))

    def _fetch(self, metrics: tf.Tensor) -> Rows:
        return [dict(zip(self._names, map(float, row), strict=True)) for row in metrics.numpy()]

    def _iteration(self, element: Any, *values: tf.Tensor) -> tf.Tensor:
        metrics = self._iterate(element, *values)
        self._names = list(metrics)
        return tf.stack([tf.cast(value, tf.float32) for value in metrics.values()])

    def _iterations(self, count: tf.Tensor, *values: tf.Tensor) -> tf.Tensor:
        def iteration(index: tf.Tensor, rows: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return index + 1, rows.write(index, self._one(next(self._stream), *(value[index] for value in values)))

        _, rows = tf.while_loop(
            lambda index, _: index < count, iteration, (0, tf.TensorArray(tf.float32, count)), parallel_iterations=1
        )
        return rows.stack()


def repeated(update: Callable[[tf.Tensor], Metrics], times: int, names: tuple[str, ...]) -> Metrics:
    """Makes an update several times, in a loop that is compiled once; to be called in a graph.

    A single update is in a loop, too: TensorFlow would optimise it together with what follows, and round differently.

    Args:
      update: index -> metrics, scalars by name.
      times: how often, at least once.
      names: of the metrics.

    Returns:
      The metrics of the last time.
    """

    def one(index: tf.Tensor, _: Metrics) -> tuple[tf.Tensor, Metrics]:
        return index + 1, update(index)

    start = (tf.constant(0), {name: tf.zeros([]) for name in names})
    return tf.while_loop(lambda index, _: index < times, one, start, parallel_iterations=1, maximum_iterations=times)[1]
