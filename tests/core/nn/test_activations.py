"""Values and derivatives of both orders against NumPy, and no path for the gradient of a gradient to the features."""

import numpy as np
import pytest
import tensorflow as tf

from wavegan_tf.core.nn import activations

FUNCTIONS = {
    "leaky_relu": (lambda x: activations.leaky_relu(x, 0.2), 0.2),
    "relu": (activations.relu, 0.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_derivatives_of_both_orders(name, jit_compile, dtype):
    function, slope = FUNCTIONS[name]
    x, w, v = (tf.cast(values, dtype) for values in np.random.default_rng(0).normal(size=(3, 5, 7)))

    @tf.function(jit_compile=jit_compile, autograph=False)
    def derivatives(x, w, v):
        with tf.GradientTape() as outer:
            outer.watch([x, w])
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
                weighed = w * y
            first = inner.gradient(weighed, x)
            projected = first * v
        return y, first, *outer.gradient(projected, [x, w])

    found = derivatives(x, w, v)
    x, w, v = (np.asarray(tf.cast(values, "float32")) for values in (x, w, v))
    factor = np.where(x > 0, 1.0, slope)
    assert found[2] is None
    tolerance = {"float32": 1e-6, "bfloat16": 1e-2, "float16": 1e-3}[dtype]
    for actual, expected in zip((found[0], found[1], found[3]), (factor * x, factor * w, factor * v), strict=True):
        np.testing.assert_allclose(tf.cast(actual, "float32"), expected, rtol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_ends_of_the_range(name):
    function, slope = FUNCTIONS[name]
    x = tf.constant([0.0, -0.0, np.inf, 1e38, -1e38])
    np.testing.assert_array_equal(function(x), np.array([0.0, 0.0, np.inf, 1e38, -1e38 * slope], np.float32))
