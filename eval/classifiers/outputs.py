"""Running a classifier over waveforms, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Outputs(NamedTuple):
    """What a classifier says of b clips.

    Attributes:
      logits: float32 [b, classes].
      scores: float32 [b, classes], their softmax.
      features: float32 [b, d], what the last layer sees.
    """

    logits: np.ndarray
    scores: np.ndarray
    features: np.ndarray


def outputs(
    front_end: Callable[[tf.Tensor], tf.Tensor], network: Any, clip_len: int, batches: Iterable[np.ndarray]
) -> Iterator[Outputs]:
    """Runs a classifier for inference.

    Args:
      front_end: waveforms [b, clip_len] -> what the network sees.
      network: has `features` (what the last layer sees) and `dense` (the last layer).
      clip_len: samples of a clip.
      batches: float32 waveforms [b, clip_len], full scale 1.0.

    Yields:
      one `Outputs` a batch.

    Raises:
      ValueError: a batch has another shape.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, clip_len], tf.float32)], autograph=False)
    def run(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        features = network.features(front_end(x), training=False)
        logits = network.dense(features)
        return logits, tf.nn.softmax(logits), features

    for x in batches:
        if x.ndim != 2 or x.shape[1] != clip_len:
            raise ValueError(f"a batch has shape {list(x.shape)}, must have [b, {clip_len}]")
        yield Outputs(*(tensor.numpy() for tensor in run(tf.constant(x, tf.float32))))
