"""The networks of both models against forward passes of the original code."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.originals import (
    DISCRIMINATORS,
    GENERATORS,
    GOLDENS,
    assert_near,
    load_discriminator,
    load_generator,
    names,
)
from wavegan_tf.core.dcgan.tf1 import original_variables


@pytest.mark.parametrize("name", names("generator_*.npz"))
def test_generator_gives_the_originals_waveforms(name):
    golden, network, training = load_generator(name)
    assert_near(network(golden["z"], training=training), golden["G_z"])
    variables = original_variables(network)
    updated = [key for key in golden if key.startswith("updated/")]
    assert bool(updated) == (training and bool(network.norms))
    for key in updated:
        assert_near(variables[key.removeprefix("updated/")].numpy(), golden[key])


@pytest.mark.parametrize("name", names("discriminator_*.npz"))
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


@pytest.mark.parametrize(
    "name",
    [
        "wavegan/generator_base.npz",
        "wavegan/generator_batchnorm_infer.npz",
        "wavegan/generator_nn_upsample.npz",
        "specgan/generator_base.npz",
        "specgan/generator_cubic_upsample.npz",
    ],
)
def test_generator_compiles_under_xla(name):
    golden, network, training = load_generator(name)
    compiled = tf.function(lambda z: network(z, training=training), jit_compile=True, autograph=False)
    assert_near(compiled(golden["z"]), golden["G_z"])


def test_discriminator_compiles_under_xla_with_a_random_phase():
    golden, network = load_discriminator("wavegan/discriminator_phaseshuffle.npz")
    compiled = tf.function(lambda x, phases: network(x, phases=phases), jit_compile=True, autograph=False)
    for phases, logits in zip(golden["phases"], golden["D_x"], strict=True):
        assert_near(compiled(golden["x"], tf.constant(phases[:, None])), logits)


@pytest.mark.parametrize(
    "name",
    [
        "wavegan/generator_pp_filter.npz",
        "wavegan/generator_batchnorm_infer.npz",
        "wavegan/generator_stereo.npz",
        "specgan/generator_linear_upsample.npz",
        "specgan/generator_batchnorm_infer.npz",
    ],
)
def test_a_saved_generator_gives_the_same_output(name, tmp_path):
    golden, network, _ = load_generator(name)
    network.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    np.testing.assert_array_equal(loaded(golden["z"]), network(golden["z"]))


@pytest.mark.parametrize(
    "name",
    [
        "wavegan/discriminator_batchnorm.npz",
        "wavegan/discriminator_phaseshuffle.npz",
        "specgan/discriminator_batchnorm.npz",
    ],
)
def test_a_saved_discriminator_gives_the_same_output(name, tmp_path):
    golden, network = load_discriminator(name)
    network.save(tmp_path / "discriminator.keras")
    loaded = keras.saving.load_model(tmp_path / "discriminator.keras")
    phases = tf.constant([[1], [-2], [0], [2]])
    np.testing.assert_array_equal(loaded(golden["x"], phases=phases), network(golden["x"], phases=phases))


@pytest.mark.parametrize(
    ("model", "generator_total", "discriminator_total"),
    [("wavegan", 19_065_345, 17_427_969), ("specgan", 19_065_345, 17_427_969)],
)
def test_paper_configuration_has_the_originals_variables(model, generator_total, discriminator_total):
    reference = json.loads((GOLDENS / model / "reference_variables.json").read_text())
    for network, key, total in (
        (GENERATORS[model](), "G", generator_total),
        (DISCRIMINATORS[model](), "D", discriminator_total),
    ):
        assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == total
        ours = {name: int(np.prod(variable.shape)) for name, variable in original_variables(network).items()}
        originals = {row["name"].removesuffix(":0"): row["count"] for row in reference[key]["variables"]}
        assert ours == originals


@pytest.mark.parametrize("model", GENERATORS)
def test_initial_weights_are_glorot_uniform_and_biases_zero(model):
    for network in (GENERATORS[model](dim=16), DISCRIMINATORS[model](dim=16)):
        for variable in network.trainable_variables:
            values = variable.numpy()
            if variable.path.endswith("bias"):
                assert not values.any()
                continue
            receptive = int(np.prod(values.shape[:-2]))
            limit = np.sqrt(6.0 / (receptive * (values.shape[-1] + values.shape[-2])))
            assert np.abs(values).max() <= limit * (1 + 1e-6)
            assert values.size < 1000 or np.abs(values).max() > 0.98 * limit
            assert values.size < 1000 or abs(values.std() / (limit / np.sqrt(3)) - 1) < 0.05
