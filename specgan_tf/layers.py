"""Keras layers that only SpecGAN uses."""

from __future__ import annotations

import keras
import tensorflow as tf

from wavegan_tf.core.nn.layers import PACKAGE

# Weights of the samples around the point halfway from sample i to i + 1, from the sample i + offset on. Even outputs
# are the inputs themselves.
_HALFWAY = {
    "linear": {0: 0.5, 1: 0.5},
    # Keys' cubic convolution with a = -0.75, which TensorFlow's legacy resizing uses.
    "cubic": {-1: -0.09375, 0: 0.59375, 1: 0.59375, 2: -0.09375},
}
KINDS = tuple(_HALFWAY)


@keras.saving.register_keras_serializable(PACKAGE)
class DoubleSize(keras.layers.Layer):
    """Resizes [b, h, w, c] to [b, 2 h, 2 w, c] as TF1's `resize_bilinear` and `resize_bicubic` did.

    Neither corners are aligned nor pixel centres at the half: output 2 i is input i, output 2 i + 1 lies halfway to
    input i + 1, and inputs beyond the edge repeat the last one.

    Args:
      kind: "linear" or "cubic".
    """

    def __init__(self, kind: str, **kwargs):
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r}: must be one of {', '.join(KINDS)}")
        self.kind = kind

    def call(self, x):
        """[b, h, w, c] -> [b, 2 h, 2 w, c]."""
        return self._double(self._double(x, 1), 2)

    def _double(self, x, axis: int):
        length = x.shape[axis]
        halfway = 0.0
        for offset, weight in _HALFWAY[self.kind].items():
            indices = [min(max(i + offset, 0), length - 1) for i in range(length)]
            halfway += weight * tf.gather(x, indices, axis=axis)
        shape = [-1, *x.shape[1:]]
        shape[axis] = 2 * length
        return tf.reshape(tf.stack([x, halfway], axis=axis + 1), shape)

    def compute_output_shape(self, input_shape):
        """[b, 2 h, 2 w, c]."""
        return (input_shape[0], 2 * input_shape[1], 2 * input_shape[2], input_shape[3])

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "kind": self.kind}
