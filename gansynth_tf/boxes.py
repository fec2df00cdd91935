"""Repeating pixels and averaging over boxes of pixels: the resizing of a progressive GAN (Karras et al. 2018).

Images are [b, h, w, c]; in GANSynth h is time and w frequency.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from wavegan_tf.core.nn.layers import PACKAGE

# The two are each other's adjoint but for a factor, and each one's gradient is made of the other: derivatives of every
# order are as cheap as they are, and XLA meets none of TensorFlow's gradients of pooling, resizing and tiling, which it
# cannot compile or compiles into windows over the whole image.


def box_upscale(images: tf.Tensor, scale: tuple[int, int], own_gradients: bool = True) -> tf.Tensor:
    """Repeats every pixel: [b, h, w, c] -> [b, h * scale[0], w * scale[1], c].

    Without `own_gradients` the graph holds nothing that a SavedModel cannot.
    """
    if tuple(scale) == (1, 1):
        return images
    area = float(math.prod(scale))

    def repeated(images: tf.Tensor) -> tf.Tensor:
        _, height, width, channels = images.shape
        boxes = tf.tile(images[:, :, None, :, None], [1, 1, scale[0], 1, scale[1], 1])
        return tf.reshape(boxes, [-1, height * scale[0], width * scale[1], channels])

    @tf.custom_gradient
    def forward(images: tf.Tensor):
        return repeated(images), lambda dy: box_downscale(dy, scale) * tf.cast(area, dy.dtype)

    return forward(images) if own_gradients else repeated(images)


def box_downscale(images: tf.Tensor, scale: tuple[int, int]) -> tf.Tensor:
    """Means over boxes: [b, h, w, c] -> [b, h // scale[0], w // scale[1], c]; pixels that fill no box are skipped."""
    if tuple(scale) == (1, 1):
        return images
    height, width = images.shape[1:3]
    area = float(math.prod(scale))

    @tf.custom_gradient
    def forward(images: tf.Tensor):
        def gradient(dy: tf.Tensor) -> tf.Tensor:
            spread = box_upscale(dy / tf.cast(area, dy.dtype), scale)
            return tf.pad(spread, [[0, 0], [0, height % scale[0]], [0, width % scale[1]], [0, 0]])

        return tf.nn.avg_pool2d(images, list(scale), list(scale), "VALID"), gradient

    return forward(images)


class _Box(keras.layers.Layer):
    """Common base of the two layers.

    Args:
      scale: along each axis.
    """

    def __init__(self, scale: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        if len(scale) != 2 or min(scale) < 1:
            raise ValueError(f"scale={scale}: must be two positive integers")
        self.scale = (int(scale[0]), int(scale[1]))

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(PACKAGE)
class BoxUpscale(_Box):
    """See `box_upscale` (`upscale`, `upscale_height`)."""

    def call(self, x, training: bool = False):
        """[b, h, w, c] -> [b, h * scale[0], w * scale[1], c]; `training` makes gradients faster."""
        return box_upscale(x, self.scale, own_gradients=training)

    def compute_output_shape(self, input_shape):
        """[b, h * scale[0], w * scale[1], c]."""
        return (input_shape[0], input_shape[1] * self.scale[0], input_shape[2] * self.scale[1], input_shape[3])


@keras.saving.register_keras_serializable(PACKAGE)
class BoxDownscale(_Box):
    """See `box_downscale` (`downscale`, `downscale_height`)."""

    def call(self, x):
        """[b, h, w, c] -> [b, h // scale[0], w // scale[1], c]."""
        return box_downscale(x, self.scale)

    def compute_output_shape(self, input_shape):
        """[b, h // scale[0], w // scale[1], c]."""
        return (input_shape[0], input_shape[1] // self.scale[0], input_shape[2] // self.scale[1], input_shape[3])
