"""Running a classifier over a batch of waveforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Outputs(NamedTuple):
    """Outputs of a classifier for b clips.

    Attributes:
      logits: float32 [b, classes].
      scores: float32 [b, classes], their softmax.
      features: float32 [b, d], the input of the last layer.
    """

    logits: np.ndarray
    scores: np.ndarray
    features: np.ndarray


def inference(
    front_end: Callable[[tf.Tensor], tf.Tensor], network: Any, clip_len: int
) -> Callable[[np.ndarray], Outputs]:
    """Makes a function of batches that is compiled once.

    Args:
      front_end: waveforms [b, clip_len] -> input of the network.
      network: has `features` (the input of the last layer) and `dense` (the last layer).
      clip_len: samples of a clip.

    Returns:
      A function of float32 waveforms [b, clip_len], full scale 1.0; it raises ValueError for another shape.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, clip_len], tf.float32)], autograph=False)
    def run(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        features = network.features(front_end(x), training=False)
        logits = network.dense(features)
        return logits, tf.nn.softmax(logits), features

    def outputs(waves: np.ndarray) -> Outputs:
        if waves.ndim != 2 or waves.shape[1] != clip_len:
            raise ValueError(f"a batch has shape {list(waves.shape)}, must have [b, {clip_len}]")
        return Outputs(*(tensor.numpy() for tensor in run(tf.constant(waves, tf.float32))))

    return outputs
