"""Steps of training and the hand-over between stages, against those of the original."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.losses import GANSynthLosses
from gansynth_tf.progressive import original_names
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.importing import original_variables
from gansynth_tf.stages.model import StageModel
from gansynth_tf.stages.updates import AVERAGE_DECAY, StageUpdates
from tests.gansynth.reference import config_of, names, read, variables_of
from tests.gansynth.small import SMALL
from tests.originals import GOLDENS, assert_near
from wavegan_tf.core import tf1
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training import runtime

CARRY_OVER = json.loads((GOLDENS / "gansynth" / "checkpoint_carry_over.json").read_text())
FLOAT32 = keras.DTypePolicy("float32")


@pytest.fixture(autouse=True)
def as_in_training():
    """See `stages.training.train_held`."""
    with runtime.settings_given_back():
        tf.config.optimizer.set_experimental_options({"remapping": False})
        yield


def trainer_of(config, stage_id, num_pitches, run_dir):
    """A stage's model and what makes its updates."""
    features = make_features(config)
    model = StageModel(config, config.schedule.stage(stage_id), num_pitches, str(run_dir), FLOAT32)
    normalizer = run_normalizer(config, None, features, "")
    data = StageData(config.resolutions, model.stage.num_blocks, normalizer)
    losses = GANSynthLosses(
        generator=model.generator, discriminator=model.discriminator, data=data, weights=config.loss_weights()
    )
    updates = StageUpdates(config, model, losses, runtime.start(config), np.ones(num_pitches))
    return features, data, model, updates


@pytest.mark.parametrize("name", names("trajectory_*.npz"))
def test_steps_are_the_originals(name, tmp_path):
    golden, settings = read(name)
    stage_id = settings["stage_id"]
    config = config_of(settings, batch_size_schedule=[settings["batch_size"]])
    features, data, model, updates = trainer_of(config, stage_id, settings["num_tokens"], tmp_path)
    ours = original_variables(model)
    tf1.assign(ours, variables_of(golden, "init/var/"))
    iterate, image_id = tf.function(updates.iterate, autograph=False), settings["first_current_image_id"]
    steps = sorted({key.split("/")[0] for key in golden if key.startswith("step")})
    assert len(steps) >= 3
    for step in steps:
        drawn = {
            "generator": {"z": golden[f"{step}/G_in/noises"], "pitches": golden[f"{step}/G_in/gen_labels"]},
            "discriminator": {
                "z": golden[f"{step}/D_in/noises"],
                "pitches": golden[f"{step}/D_in/gen_labels"],
                "alpha": golden[f"{step}/D_in/alpha"].ravel(),
            },
        }
        assert golden[f"{step}/current_image_id_before"] == image_id
        progress = config.schedule.progress(model.stage.num_blocks, image_id, 0.0)
        assert progress == golden[f"{step}/progress"]
        real = data.downsample(features.waves_to_data(golden[f"{step}/D_in/waves"])), golden[f"{step}/D_in/labels"]
        metrics = iterate((real, drawn["generator"], drawn["discriminator"]), progress)
        image_id += model.stage.batch_size
        np.testing.assert_allclose(metrics["G_loss"], golden[f"{step}/G_loss"], rtol=1e-5)
        np.testing.assert_allclose(metrics["D_loss"], golden[f"{step}/D_loss_value_of_train_op"], rtol=1e-5)
        assert golden[f"{step}/current_image_id_after"] == image_id
        theirs = variables_of(golden, f"{step}/var/")
        compared = set(theirs) & set(ours)
        assert len(compared) >= 3 * len(original_names(model.generator)) - 6
        for variable in compared:
            # A weight moves by at most the learning rate, wherever rounding decides the sign of a gradient.
            scale = max(float(np.abs(theirs[variable]).max()), 1e-3)
            assert_near(ours[variable], theirs[variable], 1e-4, scale)


@pytest.mark.slow
def test_five_stages_stay_with_the_original(tmp_path):
    """Forty steps, each stage taken over from the one before by way of its checkpoint."""
    golden, settings = read("stages.npz")
    config = config_of(settings)
    pitches = np.eye(settings["num_tokens"], dtype=np.float32)
    for stage_id in range(5):
        features, data, model, updates = trainer_of(config, stage_id, len(pitches), tmp_path)
        ours = original_variables(model)
        iterate, image_id = tf.function(updates.iterate, autograph=False), model.restore()
        for name, value in variables_of(golden, f"stage{stage_id}/new/").items():
            # Copies: TensorFlow takes an array whose memory suits it as the variable's own, and writes into it.
            ours[name].assign(value.copy())
            if name.startswith("Generator"):
                ours[f"{name}/ExponentialMovingAverage"].assign(value.copy())
        for step in np.flatnonzero(golden["stage_id"] == stage_id):
            drawn = {
                "generator": {"z": golden["G_in/noises"][step], "pitches": pitches[golden["G_in/gen_pitches"][step]]},
                "discriminator": {
                    "z": golden["D_in/noises"][step],
                    "pitches": pitches[golden["D_in/gen_pitches"][step]],
                    "alpha": golden["D_in/alpha"][step],
                },
            }
            assert golden["current_image_id"][step] == image_id
            progress = config.schedule.progress(model.stage.num_blocks, image_id, 0.0)
            assert progress == golden["progress"][step]
            notes = golden["D_in/index"][step]
            real = data.downsample(features.waves_to_data(golden["waves"][notes])), pitches[golden["pitches"][notes]]
            metrics = iterate((real, drawn["generator"], drawn["discriminator"]), progress)
            image_id += model.stage.batch_size
            # Adam without a first moment steps by the sign of a gradient, so that rounding parts the weights in time.
            tolerance = 3e-6 if stage_id < 3 else 1e-4
            for loss in ("G_loss", "D_loss", "real_ac_loss"):
                np.testing.assert_allclose(metrics[loss], golden[loss][step], rtol=tolerance)
        for name, value in variables_of(golden, f"stage{stage_id}/end/").items():
            assert_near(ours[name], value, 1e-5 if stage_id < 3 else 1e-3, max(float(np.abs(value).max()), 1.0))
        model.save(image_id)


def test_the_average_follows_the_updated_generator(tmp_path):
    config = config_of(SMALL)
    features, data, model, updates = trainer_of(config, 0, 61, tmp_path)
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(2, 320, 1)).astype(np.float32) * 0.1
    real = data.downsample(features.waves_to_data(waves)), np.eye(61, dtype=np.float32)[[3, 4]]
    iterations = updates.iterations(tf.data.Dataset.from_tensors(real).repeat(), 0)
    before = [variable.numpy() for variable in model.average.variables]
    for old, weight in zip(before, model.generator.variables, strict=True):
        np.testing.assert_array_equal(old, weight)
    assert iterations(1, np.zeros(1)).result()[0]["progress"] == 0
    for old, average, weight in zip(before, model.average.variables, model.generator.variables, strict=True):
        assert not np.array_equal(weight, old)
        np.testing.assert_allclose(average, AVERAGE_DECAY * old + (1 - AVERAGE_DECAY) * weight.numpy(), atol=1e-7)


def test_both_updates_are_functions_of_the_image(tmp_path):
    """They do not depend on where a run was interrupted; those of generator and discriminator differ."""
    config = config_of(SMALL)
    _, _, _, updates = trainer_of(config, 0, 61, tmp_path)
    notes = tf.data.Dataset.from_tensors(0).repeat()
    (_, *first), (_, *second) = updates.elements(notes, 6).take(2)
    (_, *again), *_ = updates.elements(notes, 8).take(1)
    for drawn, later, continued, other in zip(first, second, again, first[::-1], strict=True):
        for name, value in drawn.items():
            np.testing.assert_array_equal(later[name], continued[name])
            assert not np.array_equal(value, later[name])
            assert not np.array_equal(value, other[name])


@pytest.mark.parametrize("stage_id", [1, 2, 3, 4])
def test_the_hand_over_between_stages_is_the_originals(stage_id, tmp_path):
    expected = CARRY_OVER[f"stage_{stage_id:05d}"]
    config = config_of(SMALL)
    previous = StageModel(config, config.schedule.stage(stage_id - 1), 61, str(tmp_path), FLOAT32)
    rng = np.random.default_rng(stage_id)
    trained = original_variables(previous)
    for variable in trained.values():
        variable.assign(rng.normal(size=variable.shape).astype(np.float32))
    previous.train_time.assign(12.5)
    previous.save(34)

    model = StageModel(config, config.schedule.stage(stage_id), 61, str(tmp_path), FLOAT32)
    assert model.restore() == 34 and float(model.train_time) == 12.5
    found = original_variables(model)
    kept = [name for name in expected["non_optimizer_variables_bit_equal_to_previous_stage"] if name in found]
    assert len(kept) >= 22
    assert not expected["non_optimizer_variables_in_previous_stage_but_different"]
    for name in kept:
        np.testing.assert_array_equal(found[name], trained[name])
    slots = [name for name in found if name.startswith("progressive_gan_train_ops")]
    new = set(found) - set(kept) - set(slots)
    assert new == set(expected["new_non_optimizer_variables"])
    for name in new:
        value = found[name].numpy()
        if name.endswith("bias"):
            assert not value.any()
        elif name.endswith("/ExponentialMovingAverage"):
            np.testing.assert_array_equal(value, found[name.removesuffix("/ExponentialMovingAverage")])
    for name in slots:
        assert not np.any(found[name].numpy())


def test_a_stage_goes_on_from_its_own_checkpoint(tmp_path):
    config = config_of(SMALL)
    for stage_id in (0, 1):
        model = StageModel(config, config.schedule.stage(stage_id), 61, str(tmp_path), FLOAT32)
        found = original_variables(model)
        for variable in found.values():
            variable.assign(variable + stage_id + 1.0)
        model.save(8 + stage_id)
    again = StageModel(config, config.schedule.stage(1), 61, str(tmp_path), FLOAT32)
    assert again.restore() == 9
    for name, variable in original_variables(again).items():
        np.testing.assert_array_equal(variable, found[name])


def test_initial_weights_do_not_depend_on_what_came_before(tmp_path):
    config = config_of(SMALL)
    weights = []
    for _ in range(2):
        model = StageModel(config, config.schedule.stage(1), 61, str(tmp_path), FLOAT32)
        weights.append([variable.numpy() for variable in model.generator.variables])
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_what_cannot_go_on_is_refused(tmp_path):
    config = config_of(SMALL)
    model = StageModel(config, config.schedule.stage(1), 61, str(tmp_path), FLOAT32)
    with pytest.raises(UserError, match="stage_00000: holds no checkpoint"):
        model.restore()
    model.generator.variables[0].assign(model.generator.variables[0] * np.nan)
    with pytest.raises(UserError, match="image 8: a weight is not finite"):
        model.save(8)
    changed = config_of({**SMALL, "fmap_max": 2})
    config.schedule.stage(0)
    StageModel(config, config.schedule.stage(0), 61, str(tmp_path / "other"), FLOAT32).save(0)
    other = StageModel(changed, changed.schedule.stage(0), 61, str(tmp_path / "other"), FLOAT32)
    with pytest.raises(UserError, match="cannot be restored"):
        other.restore()
