"""The networks against forward passes of the original code."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.originals import WAVEGAN, assert_near, read, variables_of
from wavegan_tf.core import tf1
from wavegan_tf.import_tf1 import tf1_variables
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

GENERATORS = sorted(path.name for path in WAVEGAN.glob("generator_*.npz"))
DISCRIMINATORS = sorted(path.name for path in WAVEGAN.glob("discriminator_*.npz"))


def load_generator(name: str):
    golden, config = read(name)
    training = config.pop("train")
    network = WaveGANGenerator(**config)
    tf1.assign(tf1_variables(network), variables_of(golden))
    return golden, network, training


def load_discriminator(name: str):
    golden, config = read(name)
    network = WaveGANDiscriminator(**config)
    tf1.assign(tf1_variables(network), variables_of(golden))
    return golden, network


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_gives_the_originals_waveforms(name):
    golden, network, training = load_generator(name)
    assert_near(network(golden["z"], training=training), golden["G_z"])
    variables = tf1_variables(network)
    updated = [key for key in golden if key.startswith("updated/")]
    assert bool(updated) == (training and bool(network.norms))
    for key in updated:
        assert_near(variables[key.removeprefix("updated/")].numpy(), golden[key])


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator_gives_the_originals_logits(name):
    golden, network = load_discriminator(name)
    before = [np.array(variable) for variable in network.variables]
    if "phases" in golden:
        outputs = [network(golden["x"], phases=tf.constant(phases[:, None])) for phases in golden["phases"]]
        assert_near(tf.stack(outputs), golden["D_x"])
    else:
        assert_near(network(golden["x"]), golden["D_x"])
    # The original's discriminator never moves its moving averages.
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("name", ["generator_base.npz", "generator_batchnorm_infer.npz", "generator_nn_upsample.npz"])
def test_generator_compiles_under_xla(name):
    golden, network, training = load_generator(name)
    compiled = tf.function(lambda z: network(z, training=training), jit_compile=True)
    assert_near(compiled(golden["z"]), golden["G_z"])


def test_discriminator_compiles_under_xla_with_a_random_phase():
    golden, network = load_discriminator("discriminator_phaseshuffle.npz")
    compiled = tf.function(lambda x, phases: network(x, phases=phases), jit_compile=True)
    for phases, logits in zip(golden["phases"], golden["D_x"], strict=True):
        assert_near(compiled(golden["x"], tf.constant(phases[:, None])), logits)


@pytest.mark.parametrize("name", ["generator_pp_filter.npz", "generator_batchnorm_infer.npz", "generator_stereo.npz"])
def test_a_saved_generator_gives_the_same_output(name, tmp_path):
    golden, network, _ = load_generator(name)
    network.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    np.testing.assert_array_equal(loaded(golden["z"]), network(golden["z"]))


@pytest.mark.parametrize("name", ["discriminator_batchnorm.npz", "discriminator_phaseshuffle.npz"])
def test_a_saved_discriminator_gives_the_same_output(name, tmp_path):
    golden, network = load_discriminator(name)
    network.save(tmp_path / "discriminator.keras")
    loaded = keras.saving.load_model(tmp_path / "discriminator.keras")
    phases = tf.constant([[1], [-2], [0], [2]])
    np.testing.assert_array_equal(loaded(golden["x"], phases=phases), network(golden["x"], phases=phases))


def test_paper_configuration_has_the_originals_variables():
    reference = json.loads((WAVEGAN / "reference_variables.json").read_text())
    for network, key, total in (
        (WaveGANGenerator(), "G", 19_065_345),
        (WaveGANDiscriminator(phaseshuffle_rad=2), "D", 17_427_969),
    ):
        assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == total
        ours = {name: int(np.prod(variable.shape)) for name, variable in tf1_variables(network).items()}
        originals = {row["name"].removesuffix(":0"): row["count"] for row in reference[key]["variables"]}
        assert ours == originals


@pytest.mark.parametrize(("slice_len", "layers"), [(16384, 5), (32768, 6), (65536, 6)])
def test_longer_slices_have_the_papers_layers(slice_len, layers):
    network = WaveGANGenerator(slice_len=slice_len, dim=2, kernel_len=5, latent_dim=3)
    critic = WaveGANDiscriminator(slice_len=slice_len, dim=2, kernel_len=5)
    channels = [2 * 2**power for power in range(layers)]
    pairs = list(zip([1, *channels], channels, strict=False))
    convolutions = sum(5 * a * b for a, b in pairs)
    biases = sum(channels[:-1]) + 1
    assert network.count_params() == 3 * 16 * channels[-1] + 16 * channels[-1] + convolutions + biases
    assert critic.count_params() == convolutions + sum(channels) + 16 * channels[-1] + 1
    waveform = network(tf.zeros([1, 3]))
    assert waveform.shape == (1, slice_len, 1) == network.compute_output_shape((1, 3))
    assert critic(waveform).shape == (1,)


def test_initial_weights_are_glorot_uniform_and_biases_zero():
    for network in (WaveGANGenerator(dim=16), WaveGANDiscriminator(dim=16)):
        for variable in network.trainable_variables:
            values = variable.numpy()
            if variable.path.endswith("bias"):
                assert not values.any()
                continue
            receptive = int(np.prod(values.shape[:-2]))
            limit = np.sqrt(6.0 / (receptive * (values.shape[-1] + values.shape[-2])))
            assert np.abs(values).max() <= limit
            assert values.size < 1000 or np.abs(values).max() > 0.98 * limit
            assert values.size < 1000 or abs(values.std() / (limit / np.sqrt(3)) - 1) < 0.05


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="one channel"):
        WaveGANGenerator(nch=2, pp_len=512)
    with pytest.raises(ValueError, match="upsample"):
        WaveGANGenerator(upsample="linear")
