"""Exported updates, run by JAX, against the training code that they come from."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.device import portable, run
from tests.device.export import named_variables, scales


def assert_agrees(found, expected, metrics, tolerance):
    for name, scale in scales(expected, metrics).items():
        difference = np.max(np.abs(np.asarray(found[name], np.float64) - expected[name]), initial=0.0)
        assert difference <= tolerance * scale, (name, difference / scale)


SLOW = [pytest.param(model, marks=pytest.mark.slow) for model in ("wavegan", "specgan")]


@pytest.mark.parametrize("model", [*SLOW, "gansynth"])
def test_iterations_in_a_row_are_those_of_training(exported, model):
    """From Adam's start and with other draws each time, which so cannot be part of the program."""
    portable.import_jax()
    subject, folder = exported(model)
    manifest = run.read(folder)
    variables = named_variables(subject)
    state = run.draw(manifest["state"])
    for name in state:
        if name.endswith("velocity"):
            state[name] = np.zeros_like(state[name])
        variables[name].assign(state[name])
    iteration = run.Iteration(folder, manifest, tf32=True)
    used = {*iteration.entry["changes"], *iteration.entry["reads"]}
    for step in range(3):
        inputs = subject.draw(step)
        expected = {name: value.numpy() for name, value in subject.iterate(inputs).items()}
        metrics = iteration(state, {name: inputs[name].numpy() for name in iteration.entry["inputs"]})
        assert list(metrics) == sorted(expected)
        assert_agrees(metrics, expected, list(expected), 1e-5)
    assert_agrees(state, {name: variables[name].numpy() for name in used}, [], 1e-4)
    updates = {name.split("/")[0]: int(state[name]) for name in state if name.endswith("/iteration")}
    assert updates == {"g_optimizer": 3, "d_optimizer": 3 * (1 if model == "gansynth" else 5)}


def test_export_holds_tensorflows_first_iteration(exported):
    """The file holds what `run` compares with: from a state that it makes itself, only what an iteration changes."""
    subject, folder = exported("specgan")
    manifest = run.read(folder)
    variables = named_variables(subject)
    entry = manifest["iteration"]
    assert {name.split("/")[0] for name in entry["changes"]} == {*subject.owners}
    assert {name.split("/")[-1] for name in entry["reads"]} == {"learning_rate"}
    for name, value in run.draw(manifest["state"]).items():
        variables[name].assign(value)
    with np.load(folder / entry["arrays"]) as arrays:
        inputs = {**subject.draw(0), **{name: tf.constant(arrays[f"input/{name}"]) for name in entry["inputs"]}}
        metrics = subject.iterate(inputs)
        for name in entry["metrics"]:
            np.testing.assert_allclose(metrics[name], arrays[f"expected/{name}"][0], rtol=1e-6)
        for name in entry["changes"]:
            np.testing.assert_allclose(run.sample(variables[name].numpy()), arrays[f"expected/{name}"], rtol=1e-5)
    # The weights are clipped after each step (wgan).
    weights = [variables[name].numpy() for name in entry["changes"] if name.startswith("discriminator/")]
    assert max(np.abs(value).max() for value in weights) == pytest.approx(0.01)


VARIANTS = [
    ("wavegan", "bfloat16", 1, {}),
    ("wavegan", "float16", 1, {}),
    # With seed 0, rounding turns the sign before a ReLU in this small network.
    ("wavegan", "float32", 1, {"wavegan_batchnorm": True, "wavegan_disc_phaseshuffle_per_example": True, "seed": 1}),
    ("wavegan", "float32", 1, {"wavegan_loss": "dcgan", "wavegan_genr_upsample": "nn"}),
    ("wavegan", "float32", 1, {"wavegan_loss": "wgan", "wavegan_genr_pp": True}),
    ("specgan", "float16", 1, {"specgan_disc_phaseshuffle": 2}),
    ("specgan", "float32", 1, {"specgan_loss": "wgan-gp"}),
    ("specgan", "float32", 1, {"specgan_loss": "lsgan", "specgan_batchnorm": True}),
    ("gansynth", "float16", 1, {}),
    ("gansynth", "float32", 1, {"data_normalizer": "none"}),
    ("gansynth", "float32", 2, {"gen_gl_consistency_loss_weight": 1.0}),
    ("gansynth", "float32", 2, {"simple_arch": True}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "precision", "stage", "options"), VARIANTS)
def test_other_options(exported, model, precision, stage, options):
    _, folder = exported(model, precision, stage, **options)
    assert run.disagreement(run.measure(folder, 1, tf32=False)) == ""
