"""Losses, gradients and twelve-update trajectories against the original code."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.originals import assert_near, names, networks_of, read
from wavegan_tf.core.dcgan.losses import AdversarialLosses
from wavegan_tf.core.dcgan.options import LOSSES
from wavegan_tf.core.dcgan.tf1 import original_variables
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn import convolution, losses, optimizers
from wavegan_tf.core.training.update import Update, all_finite, check_sound, clipping, moving_average

LOSS_CASES = [
    (name, loss) for name in names("losses*.npz") for loss in LOSSES if f"{loss}/D_loss" in read(name)[0]
]  # fmt: skip
TRAJECTORIES = names("trajectory_*.npz")
MOMENTS = {0: "after_D1", 4: "after_D5", 5: "after_G1", 11: "after_iter2"}


def biases_before_norms(network) -> set[str]:
    """Their true first-order gradient is zero; what the original stored is rounding noise."""
    found = original_variables(network)
    scopes = {name.split("/batch_normalization")[0] for name in found if "batch_normalization" in name}
    return {name for name in found if name.endswith("/bias") and name.rsplit("/", 2)[0] in scopes}


def gradients(loss, network, *arguments):
    """The loss, what it reports, and its gradients by the original's variable names."""
    variables = network.trainable_variables
    update = Update(loss, variables, optimizers.for_loss("wgan-gp"), tf.distribute.get_strategy())
    values, metrics = tf.function(update._loss_gradients, autograph=False)(*arguments)
    original = {variable.path: name for name, variable in original_variables(network).items()}
    return {original[v.path]: value for v, value in zip(variables, values, strict=True)}, metrics


@pytest.mark.parametrize(("name", "loss"), LOSS_CASES)
def test_losses_and_gradients_are_the_originals(name, loss):
    golden, config = read(name)
    generator, discriminator = networks_of(name, config.get("rad", 0))
    objective = AdversarialLosses(generator=generator, discriminator=discriminator, loss=loss)
    phases = golden["phases"].reshape(3, 4, 1) if "phases" in golden else np.zeros([3, 4, 1], np.int32)
    draws = {name: tf.constant(golden[name]) for name in ("z", "alpha")}
    real = tf.constant(golden["x"])

    found, metrics = gradients(
        objective.discriminator_loss, discriminator, real, {**draws, "phases": tf.constant(phases)}
    )
    assert_near(metrics["D_loss"], golden[f"{loss}/D_loss"])
    assert_near(metrics["D_x"], golden[f"{loss}/D_x"].mean(), scale=float(np.abs(golden[f"{loss}/D_x"]).max()))
    if loss == "wgan-gp":
        assert_near(metrics["gradient_penalty"], golden[f"{loss}/gradient_penalty"])
    for variable, gradient in found.items():
        if variable not in biases_before_norms(discriminator):
            assert_near(gradient, golden[f"{loss}/grad_D_loss/{variable}"], 1e-4)

    found, metrics = gradients(objective.generator_loss, generator, {**draws, "phases": tf.constant(phases[1:])})
    assert_near(metrics["G_loss"], golden[f"{loss}/G_loss"])
    for variable, gradient in found.items():
        if variable not in biases_before_norms(generator):
            expected = golden[f"{loss}/grad_G_loss/{variable}"].reshape(gradient.shape)
            assert_near(gradient, expected, 1e-4)


@pytest.mark.parametrize("name", ["wavegan/losses.npz", "specgan/losses.npz"])
def test_gradient_penalty_reports_the_originals_slopes(name):
    golden, _ = read(name)
    generator, discriminator = networks_of(name)
    fake = generator(golden["z"], training=True)
    penalty, slopes = losses.gradient_penalty(discriminator, golden["x"], fake, golden["alpha"])
    assert_near(slopes, golden["wgan-gp/slopes"].ravel())
    scaled, _ = losses.gradient_penalty(discriminator, golden["x"], fake, golden["alpha"], inner_scale=1024.0)
    assert_near(scaled, penalty)


def updates_of(generator, discriminator, config):
    """Both updates of a trajectory, by the letters of its schedule, and their optimisers."""
    objective = AdversarialLosses(generator=generator, discriminator=discriminator, loss=config["loss"])
    strategy = tf.distribute.get_strategy()
    optimizer = {key: optimizers.for_loss(config["loss"]) for key in "DG"}
    clip = clipping(discriminator, losses.WGAN_CLIP) if config["clip"] else None
    updates = {
        "D": Update(
            objective.discriminator_loss, discriminator.trainable_variables, optimizer["D"], strategy, after_step=clip
        ),
        "G": Update(objective.generator_loss, generator.trainable_variables, optimizer["G"], strategy),
    }
    updates = {kind: tf.function(update, autograph=False) for kind, update in updates.items()}
    optimizer["D"].build(discriminator.trainable_variables)
    optimizer["G"].build(generator.trainable_variables)
    return updates, optimizer


def follow(golden, x_pool, updates):
    """Makes the updates of a trajectory; yields the number of each, its letter and what it reports."""
    alpha = golden.get("alpha", np.zeros_like(golden["z"][:, :, 0]))
    for i, kind in enumerate(str(golden["schedule"])):
        draws = {name: tf.constant(values[i]) for name, values in (("z", golden["z"]), ("alpha", alpha))}
        draws["phases"] = tf.zeros([3, 4, 1], tf.int32)
        real = tf.constant(x_pool[golden["x_index"][i]])
        yield i, kind, updates[kind](*([real, draws] if kind == "D" else [draws]))


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_twelve_updates_lead_where_the_originals_lead(name):
    golden, config = read(name)
    generator, discriminator = networks_of(name)
    variables = {**original_variables(generator), **original_variables(discriminator)}
    noise = biases_before_norms(generator) | biases_before_norms(discriminator)
    updates, optimizer = updates_of(generator, discriminator, config)
    for i, kind, metrics in follow(golden, golden["x_pool"], updates):
        assert_near(metrics[f"{kind}_loss"], golden["loss"][i], scale=max(abs(float(golden["loss"][i])), 1.0))
        moment = MOMENTS.get(i)
        for key in [key for key in golden if moment and key.startswith(f"{moment}/")]:
            variable = key.removeprefix(f"{moment}/")
            if variable not in noise:
                expected = golden[key].reshape(variables[variable].shape)
                # Noise in the biases before batch norm moves the others by about 2e-5 (the originals' README).
                tolerance = 2e-5 if noise else 1e-6
                assert_near(variables[variable], expected, tolerance, scale=max(1.0, float(np.abs(expected).max())))
    assert int(optimizer["G"].iterations) == int(golden["global_step"])


@pytest.mark.slow
@pytest.mark.parametrize(("model", "parted_at"), [("wavegan", 60), ("specgan", 18)])
def test_sixty_updates_stay_with_the_originals(model, parted_at):
    """With those whose updates wait for all gradients: as they stand, those of the biases race (docs/race.md).

    Rounding decides on which side of zero a feature lies, and so a slope: SpecGAN's penalty of single batches shows it.
    """
    golden, config = read(f"{model}/long_wgan-gp.npz")
    start = f"{model}/trajectory_wgan-gp.npz"
    generator, discriminator = networks_of(start)
    updates, _ = updates_of(generator, discriminator, config)
    for i, kind, metrics in follow(golden, read(start)[0]["x_pool"], updates):
        # A bias whose gradients cancel moves by what Adam makes of rounding, and all scores move with it.
        tolerance = {"D": 1e-5, "G": 1e-4}[kind] if i < parted_at else {"D": 3e-2, "G": 2e-3}[kind]
        assert_near(metrics[f"{kind}_loss"], golden["loss"][i], tolerance, max(abs(float(golden["loss"][i])), 1.0))
    for variable, value in {**original_variables(generator), **original_variables(discriminator)}.items():
        expected = golden[f"after_iter10/{variable}"].reshape(value.shape)
        # Of the 50 steps of 1e-4 that Adam can make.
        assert_near(value, expected, 2e-4 if parted_at == 60 else 1e-3, scale=1.0)


def test_a_critic_update_multiplies_by_no_zeros(monkeypatch):
    """A pass is a convolution of each of the five layers."""
    monkeypatch.setattr(convolution, "_on_gpu", lambda: True)
    generator, discriminator = networks_of("wavegan/losses_phaseshuffle.npz", phaseshuffle_rad=2)
    objective = AdversarialLosses(generator=generator, discriminator=discriminator, loss="wgan-gp")
    weights = [variable.value for variable in discriminator.trainable_variables]
    golden, _ = read("wavegan/losses_phaseshuffle.npz")
    draws = {name: tf.constant(golden[name]) for name in ("z", "alpha")}

    @tf.function(jit_compile=True, autograph=False)
    def gradients(x, draws):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss, _ = objective.discriminator_loss(x, draws)
        return tape.gradient(loss, weights)

    draws["phases"] = tf.zeros([3, 4, 1], tf.int32)
    program = gradients.experimental_get_compiler_ir(tf.constant(golden["x"]), draws)(stage="optimized_hlo")
    fakes, forward, slopes = 5, 3 * 5, 5
    kernels_of_slopes, slopes_of_slopes = 5, 5
    kernels, features = 2 * 5, 2 * 4  # of real and fake; the interpolates' features have no gradient but the slopes'
    expected = fakes + forward + slopes + kernels_of_slopes + slopes_of_slopes + kernels + features
    assert program.count(" convolution(") == expected == 53


def test_wgan_clips_every_variable_after_the_update():
    golden, _ = read("wavegan/losses.npz")
    generator, discriminator = networks_of("wavegan/losses.npz")
    objective = AdversarialLosses(generator=generator, discriminator=discriminator, loss="wgan")
    update = Update(
        objective.discriminator_loss,
        discriminator.trainable_variables,
        optimizers.for_loss("wgan"),
        tf.distribute.get_strategy(),
        after_step=clipping(discriminator, losses.WGAN_CLIP),
    )
    update(tf.constant(golden["x"]), {"z": tf.constant(golden["z"]), "phases": tf.zeros([2, 4, 1], tf.int32)})
    for variable in discriminator.trainable_variables:
        assert np.abs(variable.numpy()).max() <= np.float32(0.01)


def test_all_finite_finds_one_bad_weight():
    generator, _ = networks_of("wavegan/losses.npz")
    assert all_finite(generator.variables)
    kernel = generator.upconvs[2].kernel
    bad = np.array(kernel)
    bad[3, 1, 0] = np.inf
    kernel.assign(bad)
    assert not all_finite(generator.variables)


def test_a_run_that_cannot_go_on_is_not_saved():
    generator, _ = networks_of("wavegan/losses.npz")
    scaling = optimizers.LossScaling(optimizers.TF1Adam())
    scaling.build(generator.trainable_variables)
    check_sound("step 3", [generator], [scaling, optimizers.TF1Adam()])
    scaling.scale.assign(2.0**-11)
    with pytest.raises(UserError, match="^step 3: mixed_precision=float16: the gradients overflow at every loss"):
        check_sound("step 3", [generator], [scaling])
    generator.upconvs[0].bias.assign(np.full(generator.upconvs[0].bias.shape, np.nan))
    with pytest.raises(UserError, match="^step 3: a weight is not finite; training has diverged, the last checkpoint"):
        check_sound("step 3", [generator], [])


def test_moving_average_follows_the_weights_without_correction_for_its_start():
    average, network = networks_of("wavegan/losses.npz")[0], networks_of("wavegan/losses.npz")[0]
    before = [np.array(variable) for variable in average.variables]
    weights = [value + 1.0 for value in before]
    for variable, value in zip(network.variables, weights, strict=True):
        variable.assign(value)
    move = moving_average(average, network, 0.75)
    for part in (0.25, 0.4375):
        move()
        for variable, start, weight in zip(average.variables, before, weights, strict=True):
            np.testing.assert_allclose(variable, start + part * (weight - start), rtol=1e-6, atol=1e-7)
