"""Random numbers of an update: drawn on the CPU for the whole batch, and divided among the replicas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from wavegan_tf.core.training.runtime import Runtime

Drawn = dict[str, tf.Tensor]


class ReplicaDraws:
    """The random numbers of each update, divided among this worker's replicas."""

    def __init__(self, run: Runtime, share: int, draw: Callable[..., Drawn], rows: Callable[[Drawn, int, int], Drawn]):
        """Compiles the draws.

        Args:
          run: has the replicas.
          share: rows of the batch for each of them.
          draw: (purpose, count of updates or images, ...) -> all that is random for the whole batch.
          rows: (drawn, start, stop) -> the part of these rows.
        """

        @tf.function
        def drawn(purpose: str, count: tf.Tensor, *others: Any) -> Drawn:
            with tf.device("CPU:0"):
                return draw(purpose, count, *others)

        self._run, self._share, self._draw, self._rows = run, share, drawn, rows

    def __call__(self, purpose: str, count: int, *others: Any) -> Any:
        """Draws for the update of this count; `others` are further arguments of `draw`."""
        drawn = self._draw(purpose, tf.constant(count, tf.int64), *others)
        return self._run.per_replica(
            self._share, lambda start, stop: self._rows(drawn, start, stop), of_worker=False
        )
