"""The losses at a stage's own resolution: against the original's, and against a twin that works at full size."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.boxes import box_upscale
from gansynth_tf.losses import GANSynthLosses, LossWeights, consistency_loss, pitch_loss
from gansynth_tf.normalizer import identity, of_rows, prespecified
from gansynth_tf.progressive import original_names
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer
from tests.gansynth.full_size import FullSizeLosses
from tests.gansynth.reference import build_networks, config_of, in_groups, names, networks_of, read, resolutions_of
from tests.originals import assert_near

LOSSES = names("losses_*.npz")


class Original:
    """A losses file, and our objects with its variables and inputs."""

    def __init__(self, name, **changes):
        self.golden, self.settings = read(name)
        self.config = config_of(self.settings, **changes)
        self.blocks = int(self.golden["num_blocks"])
        self.generator, self.discriminator = networks_of(self.golden, self.settings, self.blocks)
        self.features = make_features(self.config)
        self.data = StageData(
            self.config.resolutions, self.blocks, run_normalizer(self.config, None, self.features, "")
        )
        is_last = self.settings["stage_id"] == 2 * self.settings["num_resolutions"] - 2
        self.losses = GANSynthLosses(
            generator=self.generator,
            discriminator=self.discriminator,
            data=self.data,
            weights=self.config.loss_weights(),
            consistency=functools.partial(consistency_loss, self.features) if is_last else None,
        )
        stage = self.settings["stage_id"], self.settings["current_image_id"]
        schedule = self.config.schedule
        self.progress = schedule.progress(schedule.stage(stage[0]).num_blocks, stage[1], 0.0)
        self.draws = {
            "z": self.golden["in/noises"],
            "pitches": self.golden["in/gen_labels"],
            "alpha": self.golden["in/alpha"].ravel(),
        }
        self.real = self.data.downsample(self.features.waves_to_data(self.golden["in/waves"]))


@pytest.mark.parametrize("name", LOSSES)
def test_data_are_the_originals_blown_up(name):
    case = Original(name)
    golden, data = case.golden, case.data
    assert case.progress == golden["progress"]
    fakes = data.to_data(case.generator(case.draws["z"], case.draws["pitches"], progress=case.progress))
    assert_near(data.to_features(fakes), golden["generated_data"])
    downsampled = data.downsample(golden["real_data_unblended"])
    assert_near(data.to_features(data.blend(downsampled, case.progress)), golden["real_data_blended"])
    scores, _ = case.discriminator(data.to_images(data.blend(downsampled, case.progress)), progress=case.progress)
    assert_near(scores, golden["D_real_logits"].ravel())


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_the_originals(name):
    case = Original(name)
    golden = case.golden
    with tf.GradientTape() as tape:
        loss, metrics = case.losses.generator_loss(case.draws, case.progress)
    ours = {name: tape.gradient(loss, case.generator.variables) for name in ["G"]}
    np.testing.assert_allclose(loss, golden["loss/total_gen_loss"], rtol=1e-5)
    for key in ("wasserstein_generator_loss", "fake_ac_loss"):
        np.testing.assert_allclose(metrics[key], golden[f"loss/{key}"], rtol=1e-5, atol=1e-6)
    assert ("fake_gl_loss" in metrics) == (golden["loss/wx_fake_gl_loss"] > 0)
    if "fake_gl_loss" in metrics:
        np.testing.assert_allclose(metrics["fake_gl_loss"], golden["loss/fake_gl_loss"], rtol=1e-4)

    pitches = golden["in/labels"]
    with tf.GradientTape() as tape:
        loss, metrics = case.losses.discriminator_loss(case.real, pitches, case.draws, case.progress)
    ours["D"] = tape.gradient(loss, case.discriminator.variables)
    np.testing.assert_allclose(loss, golden["loss/total_dis_loss"], rtol=1e-5)
    for key in ("wasserstein_discriminator_loss", "real_score_penalty", "real_ac_loss"):
        np.testing.assert_allclose(metrics[key], golden[f"loss/{key}"], rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(metrics["gradient_penalty"], golden["loss/wasserstein_gradient_penalty"], rtol=1e-5)
    for letter, network in (("G", case.generator), ("D", case.discriminator)):
        by_path = {v.path: g for v, g in zip(network.variables, ours[letter], strict=True)}
        named = {name: by_path[variable.path] for name, variable in original_names(network).items()}
        theirs = {name: golden[f"grad_{letter}/{name}"] for name in named}
        largest = max(float(np.abs(value).max()) for value in theirs.values())
        for name, gradient in named.items():
            assert_near(gradient, theirs[name], 1e-4, max(float(np.abs(theirs[name]).max()), 1e-3 * largest))


@pytest.mark.parametrize("name", ["losses_top_stage4.npz", "losses_simple_arch_stage3.npz"])
def test_consistency_of_both_kinds_of_data_is_the_originals(name):
    case = Original(name)
    for key, data in (("fake", "generated_data"), ("real", "real_data_blended")):
        found = consistency_loss(case.features, case.golden[data])
        np.testing.assert_allclose(found, case.golden[f"loss/{key}_gl_loss"], rtol=1e-4)


def test_the_penalty_is_the_originals_slope_by_slope():
    case = Original("losses_transition_stage3.npz")
    golden, draws = case.golden, case.draws
    with tf.GradientTape() as tape:
        real = case.data.blend(case.real, case.progress)
        fake = case.data.to_data(case.generator(draws["z"], draws["pitches"], progress=case.progress))
        mixed = real + draws["alpha"][:, None, None, None] * (fake - real)
        tape.watch(mixed)
        scores, _ = case.discriminator(case.data.to_images(mixed), progress=case.progress)
    slopes = tf.norm(tf.reshape(tape.gradient(scores, mixed), [len(scores), -1]), axis=1) * case.data.gradient_factor
    assert_near(slopes, golden["gradient_penalty_slopes"], 1e-4)


def _rows_of(kind, width):
    """Scales and offsets as of real data, some of them so large that the normaliser clips."""
    rng = np.random.default_rng(7)
    rows = np.stack([rng.uniform(0.1, 1.5, width), rng.normal(0, 0.3, width)] * 2, axis=1)
    return {"none": identity(), "prespecified": prespecified(0.3, 0.1, 0.8, 0.0), "freq": of_rows(rows)}[kind]


@pytest.mark.parametrize(
    ("changes", "blocks", "progress", "kind", "target"),
    [
        ({}, 1, 0.0, "prespecified", 1.0),
        ({}, 2, 0.3, "prespecified", 2.0),
        ({}, 3, 2.0, "prespecified", 1.0),
        ({}, 2, 0.7, "freq", 1.0),
        ({}, 1, 0.0, "freq", 2.0),
        ({}, 3, 1.4, "freq", 1.0),
        ({}, 2, 1.0, "none", 1.0),
        ({"scale_mode": "H", "start_width": 64}, 2, 0.4, "prespecified", 1.0),
        ({"scale_mode": "H", "start_width": 64}, 2, 0.4, "freq", 1.0),
        ({"scale_base": 3, "start_height": 1, "start_width": 4, "kernel_size": 5}, 2, 0.6, "freq", 1.0),
        ({"start_height": 3, "start_width": 8, "to_rgb_activation": "linear"}, 2, 0.5, "prespecified", 0.5),
        ({"simple_arch": True}, 2, 0.5, "freq", 1.0),
    ],
)
def test_a_stage_at_its_own_resolution_is_the_one_at_full_size(changes, blocks, progress, kind, target):
    settings = {**read("networks_default_2x16.npz")[1], "num_resolutions": 3, **changes}
    sizes = resolutions_of(settings)
    keras.utils.set_random_seed(1)  # else the weights depend on the tests that ran before
    generator, discriminator = build_networks(settings, blocks)
    rng = np.random.default_rng(1)
    for network in (generator, discriminator):
        for variable in network.variables:
            variable.assign(variable + 0.1 * rng.normal(size=variable.shape))
    normalizer = _rows_of(kind, sizes.final_resolutions[1])
    weights = LossWeights(gradient_penalty_target=target)
    data = StageData(sizes, blocks, normalizer)
    networks: dict[str, Any] = {"generator": generator, "discriminator": discriminator, "weights": weights}
    ours = GANSynthLosses(**networks, data=data)
    twin = FullSizeLosses(**networks, resolutions=sizes, normalizer=normalizer)
    real = rng.normal(size=(3, *sizes.final_resolutions, 2)).astype(np.float32) * 2.0
    pitches = np.eye(settings["num_tokens"], dtype=np.float32)[[3, 8, 40]]
    draws = {
        "z": rng.normal(size=(3, settings["latent_vector_size"])).astype(np.float32),
        "pitches": pitches[::-1].copy(),
        "alpha": rng.uniform(size=3).astype(np.float32),
    }
    progress = np.float32(progress)
    with tf.GradientTape(persistent=True) as tape:
        g_loss, d_loss = (
            ours.generator_loss(draws, progress)[0],
            ours.discriminator_loss(data.downsample(real), pitches, draws, progress)[0],
        )
        twin_g, twin_d = twin.generator_loss(draws, progress), twin.discriminator_loss(real, pitches, draws, progress)
    np.testing.assert_allclose([g_loss, d_loss], [twin_g, twin_d], rtol=1e-5)
    for network, loss, twin_loss in ((generator, g_loss, twin_g), (discriminator, d_loss, twin_d)):
        gradients, expected = (
            in_groups(tape.gradient(value, network.variables, unconnected_gradients="zero"))
            for value in (loss, twin_loss)
        )
        assert_near(gradients, expected, 1e-4)


def test_the_blown_up_data_are_constant_over_boxes():
    case = Original("losses_stable_stage2.npz")
    blended = case.data.blend(case.real, case.progress)
    scales = case.config.resolutions.scales(case.blocks)
    np.testing.assert_array_equal(case.data.to_features(blended), box_upscale(blended, scales))


def test_pitches_of_no_note_cost_nothing():
    logits = tf.constant([[1.0, 2.0], [0.5, -3.0]])
    one = np.array([[0, 1], [0, 0]], np.float32)
    expected = np.mean([np.log(1 + np.exp(-1.0)), 0.0])
    np.testing.assert_allclose(pitch_loss(one, logits), expected, rtol=1e-6)
