"""Parts of SpecGAN's networks that are its own; tests/core/dcgan/test_networks.py holds them against the original."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from specgan_tf.layers import DoubleSize
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from tests.originals import assert_near, load_generator
from wavegan_tf.core.nn.layers import PhaseShuffle

RESIZES = {
    "linear": tf.compat.v1.image.resize_bilinear,
    "cubic": tf.compat.v1.image.resize_bicubic,
}


@pytest.mark.parametrize("kind", RESIZES)
@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (1, 1, 5, 2), (1, 2, 3, 1)])
def test_double_size_is_the_legacy_resizing(kind, shape):
    x = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
    layer = DoubleSize(kind)
    expected = RESIZES[kind](x, [2 * shape[1], 2 * shape[2]], align_corners=False, half_pixel_centers=False)
    assert_near(layer(x), expected, 1e-6)
    assert layer.compute_output_shape(shape) == expected.shape
    assert DoubleSize.from_config(layer.get_config()).kind == kind


@pytest.mark.parametrize("kind", RESIZES)
def test_gradient_of_double_size_is_its_adjoint(kind):
    rng = np.random.default_rng(1)
    x, y = (tf.constant(rng.normal(size=shape), tf.float32) for shape in ((2, 3, 4, 2), (2, 6, 8, 2)))
    layer = DoubleSize(kind)
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = tf.reduce_sum(layer(x) * y)
    gradient = tape.gradient(product, x)
    other = tf.constant(rng.normal(size=x.shape), tf.float32)
    np.testing.assert_allclose(tf.reduce_sum(gradient * other), tf.reduce_sum(layer(other) * y), rtol=1e-5)


@pytest.mark.parametrize(("flag", "function"), [("lin", "linear"), ("cub", "cubic")])
def test_both_spellings_of_an_upsampling_are_one(flag, function):
    golden, network, _ = load_generator(f"specgan/generator_{function}_upsample.npz")
    twin = SpecGANGenerator(**{**network.get_config(), "upsample": flag, "name": None, "dtype": None})
    twin.set_weights(network.get_weights())
    np.testing.assert_array_equal(twin(golden["z"]), network(golden["z"]))


@pytest.mark.parametrize("frames", [128, 256, 512])
def test_longer_spectrograms_start_longer(frames):
    network = SpecGANGenerator(frames=frames, dim=2, kernel_len=3, latent_dim=3)
    critic = SpecGANDiscriminator(frames=frames, dim=2, kernel_len=3)
    channels = [2, 4, 8, 16, 32]
    convolutions = sum(9 * a * b for a, b in zip([1, *channels], channels, strict=False))
    flat = frames // 32 * 4 * 32
    assert network.count_params() == (3 + 1) * flat + convolutions + sum(channels[:-1]) + 1
    assert critic.count_params() == convolutions + sum(channels) + flat + 1
    spectrograms = network(tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 3)), tf.float32))
    assert spectrograms.shape == (2, frames, 128, 1)
    # Every frame and bin reaches the logit.
    with tf.GradientTape() as tape:
        tape.watch(spectrograms)
        logits = critic(spectrograms)
    assert logits.shape == (2,)
    assert (np.abs(tape.gradient(logits, spectrograms)) > 0).all()


@pytest.mark.parametrize("activation", ["tanh", "linear", "relu"])
def test_output_activation(activation):
    golden, network, _ = load_generator("specgan/generator_base.npz")
    twin = SpecGANGenerator(**{**network.get_config(), "activation": activation, "name": None, "dtype": None})
    twin.set_weights(network.get_weights())
    before = np.arctanh(golden["G_z"].astype(np.float64))
    expected = {"tanh": golden["G_z"], "linear": before, "relu": np.maximum(before, 0)}[activation]
    assert_near(twin(golden["z"]), expected, 1e-4)


def test_phase_shuffle_moves_frames_and_not_bins():
    x = np.random.default_rng(0).normal(size=(2, 9, 4, 3)).astype(np.float32)
    shifted = np.asarray(PhaseShuffle(2)(x, tf.constant([2])))
    np.testing.assert_array_equal(shifted[:, 2:], x[:, :-2])
    np.testing.assert_array_equal(shifted[:, :2], x[:, 2:0:-1])


def test_phase_shuffle_reaches_the_logit_only_with_a_radius():
    x = tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 128, 128, 1)), tf.float32)
    phases = tf.constant([[1], [-1], [0], [1]])
    for radius in (0, 1):
        critic = SpecGANDiscriminator(dim=1, kernel_len=3, phaseshuffle_rad=radius)
        difference = np.abs(critic(x, phases=phases) - critic(x)).max()
        assert (difference > 1e-6) == bool(radius)


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="upsample='bilinear'"):
        SpecGANGenerator(upsample="bilinear")
    with pytest.raises(ValueError, match="kind='zeros'"):
        DoubleSize("zeros")
