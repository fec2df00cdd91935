"""The moving average of the generator: its numbers, and its way through checkpoints, previews and exports."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import wavegan_tf as wavegan
from tests.commands import few_drums
from tests.steps import gan_parts
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.errors import UserError

DECAY = 0.75


def numbers(network):
    return [variable.numpy() for variable in network.variables]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        pytest.param("wavegan", {"wavegan_batchnorm": True, "wavegan_loss": "dcgan"}, marks=pytest.mark.slow),
        pytest.param("specgan", {}, marks=pytest.mark.slow),
        pytest.param("wavegan", {"distribution": "mirrored"}, marks=pytest.mark.slow),
    ],
)
def test_average_follows_the_weights_after_each_update_and_changes_none(model, options, tmp_path):
    plain = gan_parts(model, tmp_path, **options)
    parts = gan_parts(model, tmp_path, train_ema_decay=DECAY, **options)
    expected = numbers(parts.gan.generator)
    average = parts.gan.average
    assert average is not None
    for variable, weight in zip(average.variables, expected, strict=True):
        variable.assign(weight)  # Biases were filled after both networks were made.
    iterations, without = parts.iterations(), plain.iterations()
    for _ in range(3):
        assert iterations(1).result() == without(1).result()
        weights = numbers(parts.gan.generator)
        rate = np.float32(1) - np.float32(DECAY)
        expected = [last - (last - weight) * rate for last, weight in zip(expected, weights, strict=True)]
        for found, wanted in zip(numbers(average), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)
    for one, other in zip(numbers(parts.gan.generator), numbers(plain.gan.generator), strict=True):
        np.testing.assert_array_equal(one, other)


def train(run, *parts):
    """A run in parts, each up to a step and with a decay."""
    drums = run.parent / "drums"
    for steps, decay in parts:
        config = WaveGANConfig(
            data_dir=str(drums if drums.exists() else few_drums(drums, 4)), data_first_slice=True, wavegan_dim=1,
            wavegan_kernel_len=9, wavegan_latent_dim=4, wavegan_disc_nupdates=1, train_batch_size=2, preview_n=1,
            train_steps=steps, train_ema_decay=decay,
        )  # fmt: skip
        wavegan.train(config, run)
    return run


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """A run of two steps without an average and two with one."""
    return train(tmp_path_factory.mktemp("average") / "run", (2, 0.0), (4, DECAY))


def saved(run, step=4):
    path = str(run / f"model.ckpt-{step}")
    return {name: tf.train.load_variable(path, name) for name, _ in tf.train.list_variables(path)}


def named(values, item):
    return {name.removeprefix(f"{item}/"): value for name, value in values.items() if name.startswith(f"{item}/")}


@pytest.mark.slow
def test_a_run_in_parts_has_the_average_of_one_that_went_on(tmp_path):
    whole = saved(train(tmp_path / "whole", (4, DECAY)))
    parts = saved(train(tmp_path / "parts", (2, DECAY), (4, DECAY)))
    averages = named(whole, "generator_ema")
    assert averages and averages.keys() == named(whole, "generator").keys()
    assert int(whole["average/since/.ATTRIBUTES/VARIABLE_VALUE"]) == 0
    for name, value in whole.items():
        if name.startswith(("generator", "discriminator", "g_optimizer", "d_optimizer", "average")):
            np.testing.assert_array_equal(value, parts[name], err_msg=name)
    # Without it the weights are the same, and none is kept.
    without = saved(train(tmp_path / "parts", (5, 0.0)), 5)
    assert not named(without, "generator_ema")
    for name, value in named(saved(train(tmp_path / "whole", (5, DECAY)), 5), "generator").items():
        np.testing.assert_array_equal(value, named(without, "generator")[name])


def test_an_average_begins_where_a_checkpoint_has_none(late):
    values = saved(late)
    assert int(values["average/since/.ATTRIBUTES/VARIABLE_VALUE"]) == 2
    before, after = named(saved(late, 2), "generator"), named(values, "generator")
    for name, value in named(values, "generator_ema").items():
        # A part of the way from the weights of step 2 to those of step 4.
        way, gone = after[name] - before[name], value - before[name]
        assert np.abs(gone).max() <= np.abs(way).max() and np.abs(gone).max() > 0
        assert np.sum(gone * way) > 0


@pytest.mark.parametrize(
    ("step", "weights", "expected"),
    [(2, None, "raw"), (2, "raw", "raw"), (None, None, "average"), (None, "average", "average"), (4, "raw", "raw")],
)
def test_exports_take_the_average_if_there_is_one(late, tmp_path, step, weights, expected):
    wavegan.export_model(late, tmp_path / "1", step, weights=weights)
    metadata = json.loads((tmp_path / "1" / "assets.extra" / "model.json").read_text())
    assert metadata["weights"] == expected
    item = {"average": "generator_ema", "raw": "generator"}[expected]
    ours = {value.tobytes() for value in named(saved(late, step or 4), item).values()}
    path = str(tmp_path / "1" / "variables" / "variables")
    names = [name for name, _ in tf.train.list_variables(path) if not name.startswith("_CHECKPOINTABLE")]
    theirs = {tf.train.load_variable(path, name).tobytes() for name in names}
    assert len(ours & theirs) == len(ours) > 4


def test_an_average_is_not_exported_where_there_is_none(late, tmp_path):
    with pytest.raises(UserError, match="^weights=average: the checkpoint has no average; .*train_ema_decay"):
        wavegan.export_model(late, tmp_path / "1", 2, weights="average")
    with pytest.raises(UserError, match="^weights=mean: must be one of average, raw"):
        wavegan.export_model(late, tmp_path / "1", weights="mean")
    assert not (tmp_path / "1").exists()


def test_previews_sound_by_the_average(late, tmp_path):
    wavegan.export_model(late, tmp_path / "1")
    model = tf.saved_model.load(str(tmp_path / "1"))
    z = np.load(late / "preview" / "z.npy")
    expected = model.signatures["pcm16"](z=tf.constant(z))["G_z_int16"].numpy().ravel()
    (path,) = (late / "preview").glob("*4.wav")
    found, _ = soundfile.read(path, dtype="int16")
    assert np.abs(found[: len(expected)].astype(int) - expected).max() <= 1
