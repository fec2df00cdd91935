"""The layers against the original's, and their derivatives against numerical ones."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf import boxes, layers
from tests.originals import GOLDENS, assert_near

GOLDEN = np.load(GOLDENS / "gansynth" / "layers.npz")
ACTIVATIONS = {
    "none": lambda x: x,
    "tanh": tf.tanh,
    "lrelu": lambda x: tf.nn.leaky_relu(x, 0.2),
    "lrelu_pn": lambda x: layers.PixelNorm()(tf.nn.leaky_relu(x, 0.2)),
}
CONVOLUTIONS = sorted(key.removesuffix("_settings_json") for key in GOLDEN if key.startswith("conv_") and "json" in key)
DENSES = sorted(key.removesuffix("_settings_json") for key in GOLDEN if key.startswith("dense_") and "json" in key)


def weighted(case, layer, settings):
    """The original's output, and ours with its weights."""
    inputs = GOLDEN[settings["input"]]
    layer.build(inputs.shape)
    kind, number = case.split("_")
    layer.bias.assign(GOLDEN[f"var/{number}/bias"])
    layer.kernel.assign(GOLDEN[f"var/{number}/{'conv2d' if kind == 'conv' else 'dense'}/kernel"])
    return ACTIVATIONS[settings["activation"]](layer(inputs)), GOLDEN[f"{case}_out"]


def options(settings):
    return {
        "he_slope": settings.get("he_initializer_slope", 1.0),
        "use_weight_scaling": settings.get("use_weight_scaling", True),
    }


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_scaled_convolution_is_custom_conv2d(case):
    settings = json.loads(str(GOLDEN[f"{case}_settings_json"]))
    layer = layers.ScaledConv2D(
        settings["filters"],
        settings["kernel_size"],
        settings.get("strides", [1])[0],
        settings.get("padding", "SAME").lower(),
        **options(settings),
    )
    ours, theirs = weighted(case, layer, settings)
    assert_near(ours, theirs)
    assert layer.compute_output_shape(GOLDEN[settings["input"]].shape) == theirs.shape


@pytest.mark.parametrize("case", DENSES)
def test_scaled_dense_is_custom_dense(case):
    settings = json.loads(str(GOLDEN[f"{case}_settings_json"]))
    ours, theirs = weighted(case, layers.ScaledDense(settings["units"], **options(settings)), settings)
    assert_near(ours, theirs)


def test_pixel_norm_is_the_originals():
    assert_near(layers.PixelNorm()(GOLDEN["images"]), GOLDEN["pixel_norm"])
    assert_near(layers.PixelNorm()(GOLDEN["pixel_norm_small_in"]), GOLDEN["pixel_norm_small"])
    assert_near(layers.PixelNorm(epsilon=0.1)(GOLDEN["images"]), GOLDEN["pixel_norm_eps0.1"])


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_boxes_are_the_originals(scale):
    images, odd = GOLDEN["images"], GOLDEN["images_odd"]
    checked = 0
    for name, layer, x in (
        (f"upscale_{scale}", boxes.BoxUpscale((scale, scale)), images),
        (f"downscale_{scale}", boxes.BoxDownscale((scale, scale)), images),
        (f"upscale_height_{scale}", boxes.BoxUpscale((scale, 1)), images),
        (f"downscale_height_{scale}", boxes.BoxDownscale((scale, 1)), images),
        (f"downscale_odd_{scale}", boxes.BoxDownscale((scale, scale)), odd),
        (f"downscale_height_odd_{scale}", boxes.BoxDownscale((scale, 1)), odd),
    ):
        if name in GOLDEN:
            assert_near(layer(x), GOLDEN[name])
            assert layer.compute_output_shape(x.shape) == GOLDEN[name].shape
            checked += 1
    assert checked == {1: 1, 2: 6, 3: 1, 4: 6}[scale]


def test_downscaling_undoes_upscaling_and_each_is_the_others_adjoint():
    rng = np.random.default_rng(0)
    x, y = (tf.constant(rng.normal(size=shape), tf.float32) for shape in ((2, 3, 4, 2), (2, 9, 8, 2)))
    scale = (3, 2)
    assert_near(boxes.box_downscale(boxes.box_upscale(x, scale), scale), x)
    assert_near(
        tf.reduce_sum(boxes.box_upscale(x, scale) * y),
        6.0 * tf.reduce_sum(x * boxes.box_downscale(y, scale)),
        1e-5,
        10.0,
    )


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(("size", "scale"), [((4, 6), (2, 2)), ((5, 7), (2, 3)), ((3, 2), (3, 1)), ((9, 8), (4, 8))])
def test_boxes_have_right_gradients_of_both_orders(size, scale, jit_compile):
    """Both are linear: their matrices come from unit impulses."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, *size, 2)).astype(np.float32)
    rows, columns = (np.kron(np.eye(n // s), np.full((1, s), 1 / s)) for n, s in zip(size, scale, strict=True))
    down = [np.pad(m, [(0, 0), (0, n - m.shape[1])]) for m, n in zip((rows, columns), size, strict=True)]
    up = [np.kron(np.eye(n), np.ones((s, 1))) for n, s in zip(size, scale, strict=True)]
    for function, (first, second) in ((boxes.box_downscale, down), (boxes.box_upscale, up)):

        @tf.function(jit_compile=jit_compile, autograph=False)
        def derivatives(x, v, function=function):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    y = function(x, scale)
                    cubes = y**3
                gradient = inner.gradient(cubes, x)
                projected = gradient * v
            return y, gradient, outer.gradient(projected, x)

        def apply(z, a=first, b=second):
            return np.einsum("hi,bijc,wj->bhwc", a, z, b)

        def adjoint(z, a=first, b=second):
            return np.einsum("hi,bhwc,wj->bijc", a, z, b)

        v = rng.normal(size=x.shape).astype(np.float32)
        y, gradient, second_order = derivatives(tf.constant(x), tf.constant(v))
        assert_near(y, apply(x))
        assert_near(gradient, adjoint(3 * apply(x) ** 2))
        assert_near(second_order, adjoint(6 * apply(x) * apply(v)))


def test_minibatch_standard_deviation_is_the_originals():
    images = tf.constant(GOLDEN["images"])
    assert_near(layers.minibatch_mean_stddev(images), GOLDEN["minibatch_mean_stddev"])
    assert_near(layers.minibatch_mean_stddev(images[:1]), GOLDEN["minibatch_mean_stddev_batch1"])
    added = layers.MinibatchStdDev()(images)
    np.testing.assert_array_equal(added[..., :-1], images)
    assert_near(added[..., -1], np.full(images.shape[:-1], GOLDEN["minibatch_mean_stddev"]))


def test_minibatch_standard_deviation_has_the_gradient_of_its_definition():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 2, 2, 2)).astype(np.float32)
    with tf.GradientTape() as tape:
        variable = tf.constant(x)
        tape.watch(variable)
        deviation = layers.minibatch_mean_stddev(variable)

    def definition(x):
        return np.mean(np.sqrt(np.var(x, axis=0) + 1e-6))

    numerical = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-4
        numerical[place] = (definition(x + step) - definition(x - step)) / 2e-4
    assert_near(deviation, definition(np.float64(x)))
    assert_near(tape.gradient(deviation, variable), numerical, 1e-4)


def test_he_scale_is_the_originals():
    shapes = json.loads(str(GOLDEN["he_shapes_json"]))
    for slope in ("0", "0.2", "1"):
        found = [layers.he_scale(tuple(shape), float(slope)) for shape in shapes]
        np.testing.assert_allclose(found, GOLDEN[f"he_scale_slope{slope}"], rtol=1e-12)


def test_full_convolution_is_padding_and_a_valid_one():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 1, 1, 5)).astype(np.float32)
    full = layers.ScaledConv2D(4, (3, 8), padding="full", he_slope=0.0)
    valid = layers.ScaledConv2D(4, (3, 8), padding="valid", he_slope=0.0)
    padded = np.pad(x, [(0, 0), (2, 2), (7, 7), (0, 0)])
    ours = full(x)
    valid.build(padded.shape)
    valid.kernel.assign(full.kernel)
    assert_near(ours, valid(padded))
    assert full.compute_output_shape(x.shape) == ours.shape == (3, 3, 8, 4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("kernel_size", "scale"), [(3, (2, 2)), (3, (2, 1)), (3, (3, 3)), (5, (2, 2)), (2, (2, 3)), ((4, 1), (4, 2))]
)
def test_upscaling_inside_of_a_convolution_is_upscaling_before_it(kernel_size, scale, training):
    rng = np.random.default_rng(3)
    x = tf.constant(rng.normal(size=(2, 4, 5, 3)).astype(np.float32))
    inside = layers.ScaledConv2D(4, kernel_size, upscale=scale, he_slope=0.0)
    outside = layers.ScaledConv2D(4, kernel_size, he_slope=0.0)
    found: list = []
    expected: list = []
    inside.build(x.shape)
    outside.build(x.shape)
    outside.kernel.assign(inside.kernel)
    for results, layer, before in (
        (found, inside, lambda x: x),
        (expected, outside, lambda x: tf.repeat(tf.repeat(x, scale[0], 1), scale[1], 2)),
    ):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = layer(before(x), training=training)
                loss = tf.reduce_sum(y**3)
            gradient = inner.gradient(loss, x)
            penalty = tf.reduce_sum(gradient**2)
        results += [y, gradient, *outer.gradient(penalty, [x, layer.kernel.value])]
    for ours, theirs in zip(found, expected, strict=True):
        assert_near(ours, theirs)
    assert inside.compute_output_shape(x.shape) == y.shape


def test_fade_in_is_the_weighted_sum():
    images = [GOLDEN["images"], 2.0 * GOLDEN["images"]]
    assert_near(layers.FadeIn()(images, weights=[0.25, 0.5]), 1.25 * GOLDEN["images"])


@pytest.mark.parametrize(
    "layer",
    [
        layers.ScaledConv2D(3, (2, 4), 1, "valid", 0.0, False), layers.ScaledConv2D(3, 3, upscale=(2, 1)),
        layers.ScaledDense(3, 0.2), layers.PixelNorm(0.1),
        boxes.BoxUpscale((3, 1)), boxes.BoxDownscale((2, 2)), layers.MinibatchStdDev(), layers.FadeIn(),
    ],
    ids=lambda layer: layer.name,
)  # fmt: skip
def test_layers_are_made_again_from_their_configuration(layer):
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(twin) is type(layer) and twin.get_config() == layer.get_config()


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="padding='SAME': must be one of same, valid, full"):
        layers.ScaledConv2D(1, 3, padding="SAME")
    with pytest.raises(ValueError, match="needs stride 1 and padding 'same'"):
        layers.ScaledConv2D(1, 3, padding="valid", upscale=(2, 2))
    scales: list[tuple] = [(0, 1), (2,)]
    for scale in scales:
        with pytest.raises(ValueError, match="must be two positive integers"):
            boxes.BoxUpscale(scale)
