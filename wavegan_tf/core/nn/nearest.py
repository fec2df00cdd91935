"""Convolutions of an input that is upsampled by its nearest neighbours, both at once."""

from __future__ import annotations

import keras

from wavegan_tf.core.nn import convolution
from wavegan_tf.core.nn.layers import PACKAGE, Conv1D, Conv2D


class _Nearest:
    """Replaces parts of the convolution that stands beside it among a class's bases: `stride` upsamples."""

    strides: tuple[int, ...]
    filters: int

    def _convolve(self, x, kernel, strides, training: bool):
        return convolution.conv2d_of_boxes(x, kernel, strides, own_gradients=training)

    def compute_output_shape(self, input_shape):
        """[b, length * stride of each axis, filters]."""
        lengths = zip(input_shape[1:-1], self.strides, strict=True)
        return (input_shape[0], *(length * stride for length, stride in lengths), self.filters)


@keras.saving.register_keras_serializable(PACKAGE)
class NearestConv1D(_Nearest, Conv1D):
    """[b, t, c] -> [b, t * stride, filters]: each position repeated `stride` times, then `Conv1D` at stride 1."""


@keras.saving.register_keras_serializable(PACKAGE)
class NearestConv2D(_Nearest, Conv2D):
    """[b, h, w, c] -> [b, h * stride, w * stride, filters]: each pixel repeated, then `Conv2D` at stride 1."""
