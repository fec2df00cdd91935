"""Sounds of several channels: each has the data that it would have alone, and everything else follows from that."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.features import Features, join_channels, split_channels
from gansynth_tf.losses import GANSynthLosses, LossWeights, consistency_loss
from gansynth_tf.networks import ProgressiveDiscriminator, ProgressiveGenerator
from gansynth_tf.normalizer import of_rows
from gansynth_tf.rainbowgram import rainbowgrams
from gansynth_tf.resolution import StageData
from gansynth_tf.schedule import ResolutionSchedule
from gansynth_tf.stages import sizes
from tests.gansynth.full_size import FullSizeLosses
from tests.gansynth.reference import in_groups
from tests.originals import assert_near

SHAPES = {"linear": (8, 16), "mel": (8, 16), "phase": (8, 16), "wave": (90, 1)}


def pair(data_type: str, num_channels: int) -> tuple[Features, Features]:
    """Features of several channels, and of one."""
    arguments = (data_type, SHAPES[data_type], 80, 16000)
    return Features(*arguments, num_channels=num_channels), Features(*arguments)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_channels_are_split_and_joined_as_numpy_would(channels):
    x = np.arange(3 * 4 * 5 * 2 * channels, dtype=np.float32).reshape(3, 4, 5, 2 * channels)
    split = split_channels(tf.constant(x), channels)
    expected = [x[number, ..., 2 * c : 2 * c + 2] for number in range(3) for c in range(channels)]
    np.testing.assert_array_equal(split, expected)
    np.testing.assert_array_equal(join_channels(split, channels), x)


@pytest.mark.parametrize("data_type", SHAPES)
@pytest.mark.parametrize("channels", [2, 3])
def test_each_channel_has_the_data_that_it_has_alone_and_comes_back(data_type, channels):
    several, one = pair(data_type, channels)
    waves = np.random.default_rng(0).normal(0, 0.1, [2, 80, channels]).astype(np.float32)
    there = tf.function(several.waves_to_data, input_signature=[tf.TensorSpec([None, 80, channels])], autograph=False)
    data = there(waves)
    assert data.shape == (2, *several.data_shape) and several.data_shape[-1] == 2 * channels
    back = tf.function(
        several.data_to_waves, input_signature=[tf.TensorSpec([None, *several.data_shape])], autograph=False
    )(data)
    assert back.shape == waves.shape
    for c in range(channels):
        alone = one.waves_to_data(waves[..., c : c + 1])
        np.testing.assert_allclose(data[..., 2 * c : 2 * c + 2], alone, atol=1e-5)
        np.testing.assert_allclose(back[..., c : c + 1], one.data_to_waves(data[..., 2 * c : 2 * c + 2]), atol=1e-6)


def test_one_channel_computes_what_it_did():
    """Not a reshape more than before."""
    _, one = pair("mel", 1)
    data = tf.random.normal([2, *one.data_shape])
    assert split_channels(data, 1) is data and join_channels(data, 1) is data and one.apart(data) is data


def test_consistency_is_the_mean_of_the_channels():
    several, one = pair("linear", 2)
    data = tf.random.stateless_normal([3, *several.data_shape], [0, 1])
    alone = [consistency_loss(one, data[..., 2 * c : 2 * c + 2]) for c in range(2)]
    np.testing.assert_allclose(consistency_loss(several, data), np.mean(alone), rtol=1e-6)


def test_all_channels_have_one_normaliser():
    rows = np.random.default_rng(0).uniform(0.5, 1, [16, 4])
    one = of_rows(rows)
    several = one.of_channels(3)
    data = np.random.default_rng(1).normal(size=[2, 8, 16, 6]).astype(np.float32)
    for c in range(3):
        part = np.s_[..., 2 * c : 2 * c + 2]
        np.testing.assert_array_equal(several.normalize(data)[part], one.normalize(data[part]))
        np.testing.assert_array_equal(several.denormalize(data)[part], one.denormalize(data[part]))


def test_pictures_have_the_channels_one_above_another():
    """The first is the loudest, and the other 40 of 80 dB below it."""
    several, one = pair("linear", 2)
    data = np.zeros([1, 8, 16, 4], np.float32)
    data[..., 1], data[..., 2], data[..., 3] = 0.3, -40 * np.log(10) / 20, -0.5
    above, below = np.split(rainbowgrams(several, data)[0], 2)
    np.testing.assert_array_equal(above, rainbowgrams(one, data[..., :2])[0])
    np.testing.assert_allclose(below, rainbowgrams(one, data[..., 2:])[0] / 2, atol=1)


def networks(channels: int, simple: bool = False) -> tuple[dict, ProgressiveGenerator, ProgressiveDiscriminator]:
    """Tiny ones, and the arguments that both have."""
    shared: dict[str, Any] = {
        "filters": [4, 4, 3, 2], "start_shape": (1, 2), "block_scale": (2, 2), "num_pitches": 3,
        "num_channels": channels, "simple_arch": simple,
    }  # fmt: skip
    return shared, ProgressiveGenerator(**shared, latent_dim=5), ProgressiveDiscriminator(**shared)


@pytest.mark.parametrize("simple", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_images_and_parameters(channels, simple):
    shared, generator, discriminator = networks(channels, simple)
    images = generator(tf.zeros([2, 5]), tf.eye(2, 3), progress=2.0)
    assert images.shape == (2, 4, 8, 2 * channels) == generator.compute_output_shape((2, 5))
    assert discriminator(images, progress=2.0)[1].shape == (2, 3)
    counted = [sum(int(np.prod(v.shape)) for v in net.trainable_variables) for net in (generator, discriminator)]
    assert list(sizes.num_parameters(shared["filters"], (1, 2), 3, 5, 3, simple, channels)) == counted
    again = ProgressiveGenerator.from_config(generator.get_config())
    assert again.compute_output_shape((2, 5)) == images.shape
    without = {name: value for name, value in generator.get_config().items() if name != "num_channels"}
    assert ProgressiveGenerator.from_config(without).compute_output_shape((2, 5))[-1] == 2  # an earlier one


def test_a_stage_in_stereo_is_the_one_at_full_size():
    """Losses and gradients, with the norm of the gradient penalty over all channels."""
    _, generator, discriminator = networks(2)
    rng = np.random.default_rng(1)
    for network in (generator, discriminator):
        for variable in network.variables:
            variable.assign(variable + 0.1 * rng.normal(size=variable.shape))
    schedule = ResolutionSchedule((1, 2), 2, 4, "ALL")
    normalizer = of_rows(rng.uniform(0.2, 0.6, [16, 4])).of_channels(2)
    made: dict[str, Any] = {"generator": generator, "discriminator": discriminator, "weights": LossWeights()}
    data = StageData(schedule, 3, normalizer)
    features = Features("linear", (8, 16), 60, 16000, num_channels=2)
    ours = GANSynthLosses(**made, data=data, consistency=functools.partial(consistency_loss, features))
    twin = FullSizeLosses(**made, resolutions=schedule, normalizer=normalizer)
    real, pitches = rng.normal(size=(3, 8, 16, 4)).astype(np.float32), np.eye(3, dtype=np.float32)
    draws = {"z": rng.normal(size=(3, 5)).astype(np.float32), "pitches": pitches[::-1].copy(),
             "alpha": rng.uniform(size=3).astype(np.float32)}  # fmt: skip
    progress = np.float32(1.4)
    with tf.GradientTape(persistent=True) as tape:
        g_loss = ours.generator_loss(draws, progress)[0]
        d_loss = ours.discriminator_loss(data.downsample(real), pitches, draws, progress)[0]
        twin_g, twin_d = twin.generator_loss(draws, progress), twin.discriminator_loss(real, pitches, draws, progress)
    np.testing.assert_allclose([g_loss, d_loss], [twin_g, twin_d], rtol=1e-5)
    for network, loss, twin_loss in ((generator, g_loss, twin_g), (discriminator, d_loss, twin_d)):
        gradients, expected = (
            in_groups(tape.gradient(value, network.variables, unconnected_gradients="zero"))
            for value in (loss, twin_loss)
        )
        assert_near(gradients, expected, 1e-4)
