"""Piecewise linear activations whose second derivative, which is zero, costs nothing.

TensorFlow's own leaky ReLU and ReLU return a tensor of zeros as the gradient of their gradient to the features. The
gradient penalty then sends these zeros back through every layer below. Here that path does not exist.
"""

from __future__ import annotations

import tensorflow as tf


def leaky_relu(x: tf.Tensor, slope: float, own_gradients: bool = True) -> tf.Tensor:
    """max(x, slope * x) for 0 <= slope <= 1, elementwise, as `tf.nn.leaky_relu`.

    Without `own_gradients` the graph holds nothing that a SavedModel cannot.
    """
    if not own_gradients:
        return tf.nn.leaky_relu(x, slope)

    @tf.custom_gradient
    def forward(x: tf.Tensor):
        def gradient(dy: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.LeakyReluGrad(gradients=dy, features=tf.stop_gradient(x), alpha=slope)

        return tf.nn.leaky_relu(x, slope), gradient

    return forward(tf.convert_to_tensor(x))


def relu(x: tf.Tensor) -> tf.Tensor:
    """max(x, 0), elementwise, as `tf.nn.relu`."""

    @tf.custom_gradient
    def forward(x: tf.Tensor):
        y = tf.nn.relu(x)
        return y, lambda dy: tf.raw_ops.ReluGrad(gradients=dy, features=tf.stop_gradient(y))

    return forward(tf.convert_to_tensor(x))
