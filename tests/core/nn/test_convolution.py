"""The three convolutions against NumPy, in each of their forms, with derivatives of both orders."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from tests.originals import assert_near
from wavegan_tf.core.nn import convolution, patches

# size, channels in, channels out, kernel size, strides; those of height 1 are convolutions over one axis
SHAPES = [
    ((1, 32), 3, 2, (1, 25), (1, 4)), ((1, 33), 2, 3, (1, 7), (1, 4)), ((1, 16), 4, 5, (1, 3), (1, 2)),
    ((1, 30), 1, 2, (1, 6), (1, 3)), ((1, 9), 2, 2, (1, 2), (1, 4)), ((1, 12), 2, 1, (1, 5), (1, 1)),
    ((8, 8), 3, 2, (5, 5), (2, 2)), ((7, 4), 2, 3, (3, 3), (2, 2)), ((5, 6), 2, 2, (2, 3), (3, 1)),
    ((4, 6), 1, 2, (4, 1), (2, 2)), ((3, 4), 2, 2, (5, 5), (2, 2)), ((6, 5), 2, 3, (3, 3), (1, 1)),
    ((5, 6), 2, 3, (4, 2), (1, 1)),
]  # fmt: skip
# TensorFlow's own filter gradient crashes on the first of these.
ONE_WIDE = [
    ((64, 64), 4, 3, (1, 1), (2, 2)), ((5, 7), 2, 3, (1, 1), (2, 3)), ((1, 64), 4, 3, (1, 1), (1, 4)),
    ((1, 9), 2, 2, (1, 1), (1, 2)), ((6, 9), 2, 2, (1, 3), (2, 2)),
]  # fmt: skip


@pytest.fixture(params=["tensorflow", "patches", "blocks"])
def form(request, monkeypatch):
    """Takes one of the forms wherever it is possible, and TensorFlow's operations elsewhere."""

    def over_one_axis(x, kernel_size, strides):
        return request.param == "blocks" and kernel_size[0] == x.shape[1] == 1 < strides[1]

    monkeypatch.setattr(convolution, "_THIN", 0)
    monkeypatch.setattr(convolution, "_as_patches", lambda outputs, strides: request.param == "patches")
    monkeypatch.setattr(convolution, "_as_blocks", over_one_axis)
    return request.param


def axis_taps(length: int, kernel_len: int, stride: int) -> np.ndarray:
    """SAME convolution along one axis: [outputs, kernel_len, length], 1 where a tap of an output sees a place."""
    outputs = -(-length // stride)
    before = max((outputs - 1) * stride + kernel_len - length, 0) // 2
    taps = np.zeros([outputs, kernel_len, length])
    for output, tap in np.ndindex(outputs, kernel_len):
        place = output * stride + tap - before
        if 0 <= place < length:
            taps[output, tap, place] = 1.0
    return taps


def arrays(size, c_in, c_out, kernel_size, strides):
    rng = np.random.default_rng(kernel_size[1])
    outputs = [-(-length // stride) for length, stride in zip(size, strides, strict=True)]
    shapes = [(2, *size, c_in), (*kernel_size, c_in, c_out), (2, *outputs, c_out)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("shape", SHAPES + ONE_WIDE, ids=str)
def test_each_equals_its_definition(shape, form):
    size, _, _, kernel_size, strides = shape
    x, kernel, y = arrays(*shape)
    rows, columns = (axis_taps(*axis) for axis in zip(size, kernel_size, strides, strict=True))
    # One trilinear form of x [n i j c], the kernel [k l c d] and y [n o p d].
    terms = {"R": rows, "C": columns, "x": x, "k": kernel, "y": y}

    def contract(*names, to):
        subscripts = {"R": "oki", "C": "plj", "x": "nijc", "k": "klcd", "y": "nopd"}
        return np.einsum(f"{','.join(subscripts[n] for n in names)}->{to}", *[terms[n] for n in names], optimize=True)

    assert_near(convolution.conv2d(x, kernel, strides), contract("R", "C", "x", "k", to="nopd"))
    transposed = convolution.conv2d_transpose(tf.constant(y), tf.constant(kernel), strides, size)
    assert_near(transposed, contract("R", "C", "y", "k", to="nijc"))
    found = convolution.conv2d_kernel_gradient(tf.constant(x), tf.constant(y), kernel_size, strides)
    assert_near(found, contract("R", "C", "x", "y", to="klcd"))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_derivatives_of_both_orders_are_tensorflows(shape, form):
    """A penalty on the slope of a nonlinear function of the convolution, as in wgan-gp."""
    size, _, _, _, strides = shape
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

    own = penalty(lambda x, k: convolution.conv2d(x, k, strides), x)
    for found, expected in zip(own, penalty(lambda x, k: tf.nn.conv2d(x, k, strides, "SAME"), x), strict=True):
        assert_near(found, expected, 1e-4)
    own = penalty(lambda y, k: convolution.conv2d_transpose(y, k, strides, size), y)
    shape_of_x = [2, *size, kernel.shape[2]]
    theirs = penalty(lambda y, k: tf.nn.conv2d_transpose(y, k, shape_of_x, strides, "SAME"), y)
    for found, expected in zip(own, theirs, strict=True):
        assert_near(found, expected, 1e-4)


# size, channels in and out, kernel size, strides -> form of convolution and kernel gradient; whether the adjoint is of
# patches
CHOICES = {
    ((1, 256), 3, 2, (1, 25), (1, 4)): ("patches", True),
    ((1, 257), 8, 2, (1, 25), (1, 4)): ("blocks", False),
    ((1, 1024), 1, 16, (1, 25), (1, 4)): ("tensorflow", True),
    ((1, 1024), 1, 15, (1, 25), (1, 4)): ("tensorflow", False),
    ((16, 16), 4, 64, (5, 5), (2, 2)): ("tensorflow", True),
    ((16, 16), 5, 80, (5, 5), (2, 2)): ("tensorflow", False),
    ((16, 16), 1, 16, (5, 5), (1, 1)): ("tensorflow", False),
    ((1, 1024), 8, 2, (1, 5), (1, 4)): ("tensorflow", False),  # blocks would make 8 of 5 taps
    ((1, 1024), 8, 2, (1, 4), (1, 4)): ("blocks", False),
    ((1, 16), 8, 2, (1, 25), (1, 1)): ("tensorflow", False),
    ((8, 8), 8, 2, (5, 5), (2, 2)): ("patches", True),
    ((8, 9), 8, 2, (5, 5), (2, 2)): ("tensorflow", False),
    ((1, 1024), 8, 2, (5, 25), (1, 4)): ("tensorflow", False),
}


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize("case", CHOICES, ids=str)
def test_the_form_follows_from_the_shape(case, on_gpu, monkeypatch):
    size, _, _, kernel_size, strides = case
    monkeypatch.setattr(convolution, "_on_gpu", lambda: on_gpu)
    forms = {"convolve_patches", "spread_patches", "kernel_gradient_of_patches", "convolve_blocks",
             "kernel_gradient_of_blocks"}  # fmt: skip
    for name in forms:
        monkeypatch.setattr(patches, name, mock.Mock(wraps=getattr(patches, name)))
    x, kernel, y = map(tf.constant, arrays(*case))
    convolution.conv2d(x, kernel, strides)
    convolution.conv2d_transpose(y, kernel, strides, size)
    convolution.conv2d_kernel_gradient(x, y, kernel_size, strides)
    chosen = {name for name in forms if getattr(patches, name).called}
    form, adjoint_of_patches = CHOICES[case]
    expected = {"patches": {"convolve_patches", "kernel_gradient_of_patches"},
                "blocks": {"convolve_blocks", "kernel_gradient_of_blocks"}, "tensorflow": set()}[form]  # fmt: skip
    assert chosen == (set() if on_gpu else expected | ({"spread_patches"} if adjoint_of_patches else set()))


@pytest.mark.parametrize(("dtype", "error"), [("bfloat16", 0.0025), ("float16", 0.00031)])
@pytest.mark.parametrize(("size", "kernel_size", "strides"), [((1, 1024), (1, 25), (1, 4)), ((32, 32), (5, 5), (2, 2))])
def test_samples_in_half_precision_are_rounded_once(size, kernel_size, strides, dtype, error, monkeypatch):
    y, kernel = (tf.cast(values, dtype) for values in arrays(size, 1, 64, kernel_size, strides)[:0:-1])
    monkeypatch.setattr(convolution, "_on_gpu", lambda: False)
    found = convolution.conv2d_transpose(y, kernel, strides, size)
    exact = tf.nn.conv2d_transpose(*(tf.cast(v, tf.float32) for v in (y, kernel)), [2, *size, 1], strides, "SAME")
    assert found.dtype == dtype and np.std(tf.cast(found, tf.float32) - exact) < error * np.std(exact)


def test_without_own_gradients_the_graph_holds_none():
    """What is exported must not refer to gradients that the loading process does not know."""

    @tf.function(autograph=False)
    def plain(y):
        return convolution.conv2d_transpose(y, tf.ones([1, 7, 2, 3]), (1, 4), (1, 32), own_gradients=False)

    graph = plain.get_concrete_function(tf.TensorSpec([None, 1, 8, 3])).graph.as_graph_def()
    assert not [node.name for node in graph.node if "_gradient_op_type" in node.attr]
