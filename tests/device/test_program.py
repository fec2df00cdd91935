"""From XLA's program to a portable one, and the count of its products."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.device import program


def hlo_of(function, *arguments):
    compiled = tf.function(lambda *values: function(*values), jit_compile=True)
    return compiled.experimental_get_compiler_ir(*arguments)(stage="hlo_serialized")


def translated(function, *arguments):
    return program.translate(hlo_of(function, *arguments), len(arguments), 0, [None])


def convolution(stride, padding="SAME"):
    return lambda x, kernel: tf.nn.conv2d(x, kernel, [1, 1, stride, 1], padding)


def adjoint(stride, length):
    return lambda y, kernel: tf.nn.conv2d_transpose(
        y, kernel, [y.shape[0], 1, length, kernel.shape[2]], [1, 1, stride, 1], "SAME"
    )


def kernel_gradient(stride, taps):
    return lambda x, dy: tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=[1, taps, x.shape[3], dy.shape[3]], out_backprop=dy, strides=[1, 1, stride, 1],
        padding="SAME",
    )  # fmt: skip


SIZES = [(length, taps, stride) for length in (7, 8) for taps in (4, 5) for stride in (1, 3)]
PRODUCTS = [
    *((convolution(stride), (2, 1, length, 3), (1, taps, 3, 4)) for length, taps, stride in SIZES),
    *((adjoint(stride, length), (2, 1, -(-length // stride), 4), (1, taps, 3, 4)) for length, taps, stride in SIZES),
    *((kernel_gradient(stride, taps), (2, 1, length, 3), (2, 1, -(-length // stride), 4))
      for length, taps, stride in SIZES),
    (convolution(2, "VALID"), (2, 1, 9, 3), (1, 4, 3, 4)),
    (lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "SAME", dilations=2), (2, 6, 7, 3), (3, 3, 3, 2)),
    (tf.matmul, (5, 3), (3, 4)),
    (tf.matmul, (2, 5, 3), (2, 3, 4)),
    (lambda x, y: tf.matmul(x, y, transpose_a=True), (3, 5), (3, 4)),
]  # fmt: skip


def test_operations_are_two_for_each_product_that_is_made():
    """Of ones, the sum of a product's results is the number of multiplications: padding and holes add nothing."""
    for number, (function, *shapes) in enumerate(PRODUCTS):
        ones = [tf.ones(shape) for shape in shapes]
        expected = 2.0 * float(tf.reduce_sum(function(*ones)))
        assert translated(function, *ones).flops == expected, (number, shapes)


def test_products_in_a_loop_count_for_each_turn():
    @tf.function
    def product(x, y):
        return tf.matmul(x, y)

    def looped(x, y):
        turn = lambda index, value: (index + 1, product(value, y))  # noqa: E731
        _, value = tf.while_loop(lambda index, _: index < 5, turn, (0, x), maximum_iterations=5)
        return product(value, y)

    ones = tf.ones([3, 3])
    assert program.translate(hlo_of(looped, ones, ones), 2, 0, [None], turns=5).flops == 6 * 2 * 27


def test_full_precision_is_demanded_of_every_product():
    from jax.extend.mlir import ir
    from jax.extend.mlir.dialects import stablehlo
    from jax.interpreters.mlir import make_ir_context

    def products(x, y):
        return tf.matmul(x, y) + tf.nn.conv2d(x[None, :, :, None], y[:, :, None, None], 1, "SAME")[0, ..., 0]

    made = translated(products, tf.ones([3, 3]), tf.ones([3, 3]))
    for part, operands in ((made.rounding, 0), (made.exact, 4)):
        with make_ir_context():
            text = str(ir.Module.parse(stablehlo.deserialize_portable_artifact_str(part)))
        assert text.count("HIGHEST") == operands


def test_only_what_changes_is_returned():
    first, second = tf.Variable([1.0]), tf.Variable([2.0])

    def function(x, y, z):
        first.assign(x)
        second.assign(y)
        second.assign_add(first * z)
        return [second + 1.0, tf.identity(first), tf.identity(second)]

    one = tf.ones([1])
    made = program.translate(hlo_of(function, one, one, one), 3, 2, [None, 0, 1])
    assert (made.arguments, made.results) == ([1, 0, 2], [0, 2])


def test_state_that_is_no_argument_is_refused():
    variable = tf.Variable([1.0])

    def reads(x):
        return [x + variable]

    with pytest.raises(ValueError, match="reads a variable"):
        program.translate(hlo_of(reads, tf.ones([1])), 1, 1, [None])
    with pytest.raises(ValueError, match="1 parameters for its 2 arguments"):
        program.translate(hlo_of(lambda x, y: [x + tf.reduce_sum(y)], tf.ones([1]), tf.ones([0])), 2, 0, [None])


@pytest.mark.parametrize("numbers", [(7, 3, 7, 1, 1, 1, 1), (4, 5, 9, 1, 2, 2, 1), (9, 3, 3, 2, 0, 1, 3)])
def test_taps_met_against_brute_force(numbers):
    length, taps, outputs, stride, before, hole, spread = numbers
    line = np.zeros(200)
    line[50 : 50 + length * hole : hole] = 1
    count = sum(line[50 - before + o * stride + t * spread] for o in range(outputs) for t in range(taps))
    assert program._taps_met(*numbers) == count
