"""Samples of all files of a store, one file after another: a tensor, or what reads them where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import tensorflow as tf

# A tensor float32 [total, c] on the CPU, which type checkers do not know, or a `SampleSource`.
Samples: TypeAlias = Any


class SampleSource(Protocol):
    """Samples that are in no tensor.

    Attributes:
      shape: of all samples, (total, c).
      content: names them, as a digest does.
    """

    shape: tuple[int, int]
    content: str

    def read(self, start: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Float32 [count, c] from sample `start` of all, within one file; in a graph, without Python."""
        ...

    def admit(
        self, windows: tf.data.Dataset, starts: Callable[[tf.Tensor], tf.Tensor], in_flight: int
    ) -> tf.data.Dataset:
        """The same windows, each once its samples can be read; see `batches.rows_of`."""
        ...


def read_samples(samples: Samples, start: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Samples of one file.

    Args:
      samples: of all files, [total, c].
      start: int64 [], the first.
      count: int64 [], how many; none beyond the file's end.

    Returns:
      float32 [count, c].
    """
    if not isinstance(samples, tf.Tensor):
        return samples.read(start, count)
    # Not samples[a:b]: TensorFlow's strided slice crashes beyond 2**31 samples.
    return tf.slice(samples, [start, 0], [count, samples.shape[1]])
