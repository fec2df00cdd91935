"""Batches of an endless stream of examples, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from wavegan_tf.core.errors import UserError


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
