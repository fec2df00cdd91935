"""Layers against NumPy and against the original code."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.originals import WAVEGAN, assert_near
from wavegan_tf.core.nn import shifts
from wavegan_tf.core.nn.layers import BatchNormalization, Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, PhaseShuffle
from wavegan_tf.core.nn.nearest import NearestConv1D, NearestConv2D


def shifted(x: np.ndarray, phase: int, radius: int) -> np.ndarray:
    """Phase shuffle of [t, c], sample by sample."""
    padded = np.pad(x, [(radius, radius), (0, 0)], mode="reflect")
    return padded[radius - phase : radius - phase + len(x)]


def test_phase_shuffle_is_the_originals():
    golden = np.load(WAVEGAN / "phase_shuffle.npz")
    layer = PhaseShuffle(4)
    for phase, expected in zip(golden["phases"], golden["outputs"], strict=True):
        np.testing.assert_array_equal(layer(golden["x"], tf.constant([phase])), expected)
    # One shift for each example: rows of the same outputs.
    phases = tf.constant([-3, 2])
    expected = np.stack([golden["outputs"][1, 0], golden["outputs"][6, 1]])
    np.testing.assert_array_equal(layer(golden["x"], phases), expected)


@pytest.mark.parametrize("phases", [[2], [-3], [0], [3, -1]])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_phase_shuffle_has_right_gradients_of_both_orders(phases, jit_compile):
    rng = np.random.default_rng(0)
    x, w, v = (rng.normal(size=(2, 9, 2)).astype(np.float32) for _ in range(3))
    layer = PhaseShuffle(3)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def derivatives(x, w, v):
        with tf.GradientTape() as outer:
            outer.watch([x, w])
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(w * layer(x, tf.constant(phases)) ** 3)
            first = inner.gradient(y, x)
            projected = tf.reduce_sum(first * v)
        return first, *outer.gradient(projected, [x, w])

    # The layer is linear, a matrix M: columns from unit impulses.
    length = 9
    matrices = [
        np.stack([shifted(np.eye(length)[:, [i]], phase, 3)[:, 0] for i in range(length)], axis=1)
        for phase in np.broadcast_to(phases, 2)
    ]
    y = np.stack([m @ example for m, example in zip(matrices, x, strict=True)])
    mv = np.stack([m @ example for m, example in zip(matrices, v, strict=True)])

    def transposed(values):
        return np.stack([m.T @ example for m, example in zip(matrices, values, strict=True)])

    first, to_x, to_w = derivatives(*map(tf.constant, (x, w, v)))
    assert_near(first, transposed(3 * w * y**2))
    assert_near(to_x, transposed(6 * w * y * mv))
    assert_near(to_w, 3 * y**2 * mv)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_adjoint_of_phase_shuffle_from_the_shortest_length_on(radius):
    layer = PhaseShuffle(radius)
    rng = np.random.default_rng(radius)
    for length in range(radius + 1, 3 * radius + 6):
        x, dy = (tf.constant(rng.normal(size=(2 * radius + 1, length, 2)), tf.float32) for _ in range(2))
        phases = np.arange(-radius, radius + 1, dtype=np.int32)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            each = layer(x, tf.constant(phases))
            together = [layer(x, tf.constant([phase])) for phase in phases]
        of_each = tape.gradient(each, x, dy)
        for i, phase in enumerate(phases):
            matrix = np.stack([shifted(column[:, None], phase, radius)[:, 0] for column in np.eye(length)], axis=1)
            assert_near(of_each[i], matrix.T @ dy[i].numpy())
            assert_near(tape.gradient(together[i], x, dy)[i], matrix.T @ dy[i].numpy())


def test_the_adjoint_of_phase_shuffle_takes_few_operations():
    """Each is built at every start of a training, for every pass and layer; constants count too."""
    adjoint = tf.function(lambda dy, phase: shifts.unshift(dy, phase, 2), autograph=False)
    for count in (1, 4):
        specs = tf.TensorSpec([4, 64, 8]), tf.TensorSpec([count], tf.int32)
        assert len(adjoint.get_concrete_function(*specs).graph.get_operations()) < 60


@pytest.mark.parametrize("shape", [(6, 5), (4, 7, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("fused", [False, True])
def test_batch_normalization_follows_tf1(shape, fused):
    rng = np.random.default_rng(1)
    layer = BatchNormalization(fused=fused)
    layer.build(shape)
    gamma, beta, mean, variance = (rng.uniform(0.5, 1.5, 5).astype(np.float32) for _ in range(4))
    for weight, value in zip((layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance),
                             (gamma, beta, mean, variance), strict=True):  # fmt: skip
        weight.assign(value)
    x = rng.normal(2, 3, shape).astype(np.float32)
    assert_near(layer(x), (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta)

    flat = x.reshape(-1, 5)
    normalised = (x - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-3) * gamma + beta
    assert_near(layer(x, training=True), normalised)
    assert_near(layer.moving_mean, 0.99 * mean + 0.01 * flat.mean(0))
    assert_near(layer.moving_variance, 0.99 * variance + 0.01 * flat.var(0, ddof=int(fused)))

    still = BatchNormalization(moving_averages=False)
    still.build(shape)
    assert_near(still(x), (x - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-3))
    np.testing.assert_array_equal(still.moving_mean, np.zeros(5))


@pytest.mark.parametrize("fused", [False, True])
def test_second_gradient_of_batch_normalization_is_that_of_the_originals_form(fused):
    """The mean is held constant by `tf.nn.moments` and not by the fused kernel; a gradient penalty feels it."""
    x, direction = tf.unstack(tf.constant(np.random.default_rng(2).normal(size=(2, 6, 1, 1, 3)), tf.float32))
    layer = BatchNormalization(fused=fused)
    layer.build(x.shape)

    def penalty(normalise):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(tf.sin(normalise(x)))
            slopes = tf.reduce_sum(direction * inner.gradient(y, x))
        return outer.gradient(slopes, x)

    def by_tf_moments(x):
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)

    def by_fused_kernel(x):
        return tf.compat.v1.nn.fused_batch_norm(x, tf.ones([3]), tf.zeros([3]), epsilon=1e-3)[0]

    twin, other = (by_fused_kernel, by_tf_moments) if fused else (by_tf_moments, by_fused_kernel)
    found = penalty(lambda x: layer(x, training=True))
    assert_near(found, penalty(twin), 1e-4)
    assert np.abs(found - penalty(other)).max() > 1e-2 * np.abs(found).max()


@pytest.mark.parametrize(
    ("layer", "twin"),
    [
        (Conv1D(3, 7, 4), keras.layers.Conv1D(3, 7, 4, padding="same")),
        (Conv1D(3, 6), keras.layers.Conv1D(3, 6, padding="same")),
        (Conv1DTranspose(3, 7, 4), keras.layers.Conv1DTranspose(3, 7, 4, padding="same")),
        (Conv2D(3, 5, 2), keras.layers.Conv2D(3, 5, 2, padding="same")),
        (Conv2DTranspose(3, 5, 2), keras.layers.Conv2DTranspose(3, 5, 2, padding="same")),
    ],
)
def test_convolutions_equal_those_of_keras(layer, twin):
    shape = (2, 32, 5) if layer.rank == 1 else (2, 8, 12, 5)
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    expected = twin(x)
    layer.build(x.shape)
    layer.kernel.assign(twin.kernel)
    layer.bias.assign([1.0, 2.0, 3.0])
    twin.bias.assign([1.0, 2.0, 3.0])
    for training in (False, True):
        assert_near(layer(x, training=training), twin(x))
    assert layer.compute_output_shape(x.shape) == expected.shape


@pytest.mark.parametrize(
    "layer",
    [NearestConv1D(3, 25, 4), NearestConv1D(2, 6, 2), NearestConv1D(3, 3, 1), NearestConv1D(1, 2, 5),
     NearestConv2D(3, 5, 2), NearestConv2D(2, 3, (1, 3)), NearestConv2D(2, 4, 2)],
)  # fmt: skip
def test_nearest_convolutions_repeat_then_convolve(layer):
    """Values, and gradients of both orders, against the repetition that the layer leaves out."""
    shape = (2, 6, 5) if layer.rank == 1 else (2, 3, 4, 5)
    x = tf.constant(np.random.default_rng(4).normal(size=shape).astype(np.float32))
    plain = (Conv1D if layer.rank == 1 else Conv2D)(layer.filters, layer.kernel_size)
    layer.build(shape)
    layer.bias.assign(np.arange(1.0, layer.filters + 1))
    plain.build(shape)
    plain.set_weights(layer.get_weights())

    def repeated(x, training):
        for axis, stride in enumerate(layer.strides, start=1):
            x = tf.repeat(x, stride, axis)
        return plain(x, training=training)

    def derivatives(function, kernel, training):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x, training=training)
                loss = tf.reduce_sum(y**3)
            gradient = inner.gradient(loss, x)
            penalty = tf.reduce_sum(gradient**2)
        return [y, gradient, *outer.gradient(penalty, [x, kernel])]

    for training in (False, True):
        found = derivatives(layer, layer.kernel.value, training)
        for ours, slow in zip(found, derivatives(repeated, plain.kernel.value, training), strict=True):
            assert_near(ours, slow)
    assert layer.compute_output_shape(shape) == found[0].shape


@pytest.mark.parametrize("layer", [Conv1D(2, 5, 2, use_bias=False), Conv2DTranspose(2, 5, 2), PhaseShuffle(3),
                                   NearestConv1D(2, 25, 4), NearestConv2D(2, 5, 2),
                                   BatchNormalization(moving_averages=False, fused=True)])  # fmt: skip
def test_layers_are_rebuilt_from_their_configuration(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
