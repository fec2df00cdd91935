"""The three convolutions against NumPy, on both of their paths, with derivatives of both orders."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.originals import assert_near
from wavegan_tf.core import convolution

# length, channels in, channels out, kernel length, stride
SHAPES = [(32, 3, 2, 25, 4), (33, 2, 3, 7, 4), (16, 4, 5, 3, 2), (30, 1, 2, 6, 3), (9, 2, 2, 2, 4), (12, 2, 1, 5, 1)]


@pytest.fixture(params=["tensorflow", "matrix"])
def path(request, monkeypatch):
    """Forces one of the two ways for every shape."""
    monkeypatch.setattr(convolution, "_as_matrix_product", lambda outputs, stride: request.param == "matrix")
    return request.param


def dense_matrix(length: int, kernel: np.ndarray, stride: int) -> np.ndarray:
    """SAME convolution as a matrix [outputs * c_out, length * c_in], tap by tap from the definition."""
    kernel_len, c_in, c_out = kernel.shape
    outputs = -(-length // stride)
    before = max((outputs - 1) * stride + kernel_len - length, 0) // 2
    matrix = np.zeros([outputs, c_out, length, c_in])
    for output in range(outputs):
        for tap in range(kernel_len):
            position = output * stride + tap - before
            if 0 <= position < length:
                matrix[output, :, position, :] += kernel[tap].T
    return matrix.reshape(outputs * c_out, length * c_in)


def arrays(length, c_in, c_out, kernel_len, stride):
    rng = np.random.default_rng(kernel_len)
    shapes = [(2, length, c_in), (kernel_len, c_in, c_out), (2, -(-length // stride), c_out)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_equals_its_definition(shape, path):
    length, c_in, c_out, kernel_len, stride = shape
    x, kernel, y = arrays(*shape)
    matrix = dense_matrix(length, kernel, stride)
    assert_near(convolution.conv1d(x, kernel, stride), (x.reshape(2, -1) @ matrix.T).reshape(y.shape))
    transposed = convolution.conv1d_transpose(tf.constant(y), tf.constant(kernel), stride, length)
    assert_near(transposed, (y.reshape(2, -1) @ matrix).reshape(x.shape))
    # The kernel gradient is the derivative of <conv(x, k), y>, which is linear in k.
    expected = np.zeros_like(kernel)
    for index in np.ndindex(*kernel.shape):
        unit = np.zeros_like(kernel)
        unit[index] = 1.0
        expected[index] = np.sum((x.reshape(2, -1) @ dense_matrix(length, unit, stride).T) * y.reshape(2, -1))
    found = convolution.conv1d_kernel_gradient(tf.constant(x), tf.constant(y), kernel_len, stride)
    assert_near(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_of_both_orders_are_tensorflows(shape, path):
    """A penalty on the slope of a nonlinear function of the convolution, as in wgan-gp."""
    length, _, _, _, stride = shape
    x, kernel, y = map(tf.constant, arrays(*shape))

    def penalty(convolve, start):
        with tf.GradientTape() as outer:
            outer.watch([start, kernel])
            with tf.GradientTape() as inner:
                inner.watch(start)
                value = tf.reduce_sum(tf.sin(convolve(start, kernel)))
            slopes = inner.gradient(value, start)
            loss = tf.reduce_sum(slopes**2)
        return [slopes, *outer.gradient(loss, [start, kernel])]

    own = penalty(lambda x, k: convolution.conv1d(x, k, stride), x)
    for found, expected in zip(own, penalty(lambda x, k: tf.nn.conv1d(x, k, stride, "SAME"), x), strict=True):
        assert_near(found, expected, 1e-4)
    own = penalty(lambda y, k: convolution.conv1d_transpose(y, k, stride, length), y)
    shape_of_x = [2, length, kernel.shape[1]]
    theirs = penalty(lambda y, k: tf.nn.conv1d_transpose(y, k, shape_of_x, stride, "SAME"), y)
    for found, expected in zip(own, theirs, strict=True):
        assert_near(found, expected, 1e-4)


def test_without_own_gradients_the_graph_holds_none():
    """What is exported must not refer to gradients that the loading process does not know."""

    @tf.function
    def plain(y):
        return convolution.conv1d_transpose(y, tf.ones([7, 2, 3]), 4, 32, own_gradients=False)

    graph = plain.get_concrete_function(tf.TensorSpec([None, 8, 3])).graph.as_graph_def()
    assert not [node.name for node in graph.node if "_gradient_op_type" in node.attr]
