"""The endless stream of examples: its order, and batches that are the same for any number of workers.

Examples are shuffled within epochs, or within windows of some shards of a prepared set at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from wavegan_tf.core.audio.samples import Samples
from wavegan_tf.core.errors import UserError

# Of a function that reads a row: more than there are cores.
_MOST_CALLS = 1024


@dataclasses.dataclass(frozen=True)
class ShuffleWindow:
    """Shards that are shuffled together: each epoch takes all of them in a random order, some at a time.

    Attributes:
      shard_starts: int64 [shards], the first of all samples in each.
      size: how many shards.
    """

    shard_starts: np.ndarray
    size: int

    @property
    def count(self) -> int:
        """Windows of an epoch."""
        return -(-len(self.shard_starts) // self.size)

    def shards(self, starts: tf.Tensor) -> tf.Tensor:
        """The shard of each of these samples, int64 of any shape [n]."""
        return shard_of(self.shard_starts, starts)

    def windows(self, epochs: int, seed: tf.Tensor) -> tf.Tensor:
        """The window of each shard in each of some epochs, int64 [epochs, shards], by a seed int32 [2]."""
        shape = [epochs, len(self.shard_starts)]
        keys = tf.random.stateless_uniform(shape, seed, None, None, tf.int64, alg="philox")
        ranks = tf.argsort(tf.argsort(keys, stable=True), stable=True)
        return tf.cast(ranks, tf.int64) // self.size


def shard_of(shard_starts: np.ndarray, samples: tf.Tensor) -> tf.Tensor:
    """The shard that holds each of some samples.

    Args:
      shard_starts: int64 [shards], the first sample in each; a shard may be empty.
      samples: int64 [n].

    Returns:
      int64 [n].
    """
    return tf.searchsorted(tf.constant(shard_starts, tf.int64), samples, side="right", out_type=tf.int64) - 1


def shuffled(group: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A random order within each group that keeps the groups in order.

    Args:
      group: int64 [n], each below 2**17.
      seed: int32 [2].

    Returns:
      Places, int32 [n].
    """
    keys = tf.random.stateless_uniform([tf.size(group)], seed, None, None, tf.int64, alg="philox")
    # One sort does both: the group stands in the top bits.
    return tf.argsort(group * 2**46 + tf.bitwise.bitwise_and(keys, 2**46 - 1), stable=True)


@tf.autograph.experimental.do_not_convert
def runs_of(rows: tf.Tensor, group: tf.Tensor) -> tf.data.Dataset:
    """The rows [n, ...] of each group, [n of it, ...], where group int64 [n] is in order."""
    ends = tf.where(group[1:] != group[:-1])[:, 0] + 1
    bounds = tf.concat([[0], ends, [tf.size(group, tf.int64)]], axis=0)
    runs = tf.data.Dataset.range(tf.size(ends, tf.int64) + 1)
    return runs.map(tf.autograph.experimental.do_not_convert(lambda run: rows[bounds[run] : bounds[run + 1]]))


def rows_of(
    windows: tf.data.Dataset, samples: Samples, starts: Callable[[tf.Tensor], tf.Tensor], batch_size: int
) -> tf.data.Dataset:
    """One row after another, each once the samples that those of its window need can be read.

    Args:
      windows: rows [n, ...] that are read one window after another.
      samples: of all files.
      starts: rows of a window -> int64 [n], the first sample of each.
      batch_size: rows that may wait for others before they are read.
    """
    if not isinstance(samples, tf.Tensor):
        windows = samples.admit(windows, starts, batch_size + _MOST_CALLS)
    return windows.flat_map(tf.data.Dataset.from_tensor_slices)


def read_batches(
    rows: tf.data.Dataset, read: Callable[[tf.Tensor], Any], *, batch_size: int, worker: int, num_workers: int
) -> tf.data.Dataset:
    """One worker's part of the batches of an endless stream.

    Args:
      rows: what tells where each example is, in order.
      read: a row -> the example.
      batch_size: examples in a batch of all workers together.
      worker: this one reads rows [worker * b / n, (worker + 1) * b / n) of each batch, and only these.
      num_workers: n.

    Raises:
      UserError: the batch can't be divided among the workers.
    """
    if batch_size < 1 or batch_size % num_workers:
        raise UserError(f"batch size {batch_size}: must be a multiple of the number of workers, {num_workers}")
    share = batch_size // num_workers
    if num_workers > 1:
        rows = rows.batch(batch_size, drop_remainder=True)
        rows = rows.map(lambda batch: batch[worker * share : (worker + 1) * share]).unbatch()
    examples = rows.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return examples.batch(share, drop_remainder=True).prefetch(2).with_options(stream_options())


def stream_options() -> tf.data.Options:
    """In order, on this machine, and without rewriting the graph."""
    options = tf.data.Options()
    options.deterministic = True
    # They would copy all the audio into the graph that they rewrite, and gain nothing here.
    options.experimental_optimization.apply_default_optimizations = False
    # Its thread sleeps for up to a minute, and a stream that ends waits for it. Without it, one call runs on each core.
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
