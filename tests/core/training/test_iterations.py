"""An iteration in one call is, bit for bit, its updates called in turn, however many iterations a call has."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.draws import NoteDraws
from gansynth_tf.stages.updates import AVERAGE_DECAY
from tests import steps
from tests.steps import BATCH_SIZE, FIRST_IMAGE, gan_parts, stage_parts, weights_of
from wavegan_tf.core.dcgan.draws import UpdateDraws
from wavegan_tf.core.dcgan.losses import AdversarialLosses
from wavegan_tf.core.training.iterations import MOST, repeated
from wavegan_tf.core.training.update import Update, clipping, moving_average

STEPS = 4
PROGRESS = np.array([1.0, 1.3, 1.9, 2.0], np.float32)
CASES: dict[str, dict[str, Any]] = {
    "wavegan": {"wavegan_disc_nupdates": 3},
    "shifts": {"wavegan_disc_nupdates": 2, "wavegan_disc_phaseshuffle_per_example": True},
    "specgan": {"specgan_disc_nupdates": 2, "specgan_loss": "wgan"},
    "batch normalisation": {"wavegan_disc_nupdates": 1, "wavegan_batchnorm": True, "wavegan_loss": "dcgan"},
    "bfloat16": {"specgan_disc_nupdates": 2, "mixed_precision": "bfloat16"},
}


@pytest.fixture(autouse=True)
def as_in_training():
    """Without fused layers, as GANSynth trains."""
    given = tf.config.optimizer.get_experimental_options().get("remapping", True)
    tf.config.optimizer.set_experimental_options({"remapping": False})
    yield
    tf.config.optimizer.set_experimental_options({"remapping": given})


def _model(case):
    return next(iter(CASES[case])).partition("_")[0]


def gan_one_by_one(parts):
    """Steps by calls of single updates with draws made between them; the metrics of each."""
    gan, run = parts.gan, parts.run
    losses = AdversarialLosses(generator=gan.generator, discriminator=gan.discriminator, loss=gan.loss)
    critic = tf.function(Update(
        lambda clips, drawn: losses.discriminator_loss(gan.to_sample(clips), drawn),
        gan.discriminator.trainable_variables, parts.trainables.d_optimizer, run.strategy,
        after_step=clipping(gan.discriminator, 0.01) if gan.loss == "wgan" else None,
    ), autograph=False)  # fmt: skip
    actor = tf.function(Update(
        losses.generator_loss, gan.generator.trainable_variables, parts.trainables.g_optimizer, run.strategy
    ), autograph=False)  # fmt: skip
    draw = UpdateDraws(
        seed=parts.config.seed, batch_size=BATCH_SIZE, latent_dim=gan.latent_dim,
        phase_shuffles=gan.discriminator.num_phase_shuffles if gan.phase_radius else 0, phase_radius=gan.phase_radius,
        phase_per_example=gan.phase_per_example,
    )  # fmt: skip
    clips = iter(parts.clips)
    for step in range(STEPS):
        for update in range(step * gan.critic_updates, (step + 1) * gan.critic_updates):
            found = critic(next(clips), draw("discriminator", update, losses.discriminator_passes))
        yield {name: float(value) for name, value in {**found, **actor(draw("generator", step, 1))}.items()}


def stage_one_by_one(parts):
    model, losses, strategy = parts.model, parts.losses, parts.run.strategy
    generator = tf.function(Update(
        losses.generator_loss, model.generator.trainable_variables, model.g_optimizer, strategy,
        after_step=moving_average(model.average, model.generator, AVERAGE_DECAY),
    ), autograph=False)  # fmt: skip
    discriminator = tf.function(
        Update(losses.discriminator_loss, model.discriminator.trainable_variables, model.d_optimizer, strategy),
        autograph=False,
    )
    draw = NoteDraws(
        seed=parts.config.seed, batch_size=BATCH_SIZE, latent_dim=parts.config.latent_vector_size,
        pitch_counts=steps.PITCH_COUNTS,
    )  # fmt: skip
    notes = iter(parts.notes)
    for step, progress in enumerate(map(tf.constant, PROGRESS)):
        image_id = FIRST_IMAGE + step * BATCH_SIZE
        found = generator(draw("generator", image_id), progress)
        found = {**found, **discriminator(*next(notes), draw("discriminator", image_id), progress)}
        yield {name: float(value) for name, value in found.items()}


def assert_same(found, expected, networks, weights):
    for row, other in zip(found, expected, strict=True):
        # TensorFlow may reorder the additions of a loss that is but looked at.
        assert {**row, "progress": 0} == pytest.approx({**other, "progress": 0}, rel=2e-7)
    for name, value in weights_of(networks).items():
        np.testing.assert_array_equal(value, weights[name], err_msg=name)


QUICK = ("wavegan",)
SLOW = [pytest.param(case, marks=pytest.mark.slow) for case in CASES if case not in QUICK]


@pytest.mark.parametrize("case", [*QUICK, *SLOW])
def test_iterations_of_a_gan_are_its_updates_in_turn(case, tmp_path):
    expected = gan_parts(_model(case), tmp_path, **CASES[case])
    metrics = list(gan_one_by_one(expected))
    weights = weights_of(expected.networks)
    for counts in ([1] * STEPS, [3, 1]):
        parts = gan_parts(_model(case), tmp_path, **CASES[case])
        iterations = parts.iterations()
        found = [row for count in counts for row in iterations(count).result()]
        assert_same(found, metrics, parts.networks, weights)


@pytest.mark.parametrize("stage_id", [0, 3])
def test_iterations_of_a_stage_are_its_updates_in_turn(stage_id, tmp_path):
    expected = stage_parts(tmp_path, stage_id)
    metrics = list(stage_one_by_one(expected))
    weights = weights_of(expected.networks)
    for counts in ([1] * STEPS, [1, 3]):
        parts = stage_parts(tmp_path, stage_id)
        iterations, progress = parts.iterations(), iter(PROGRESS)
        found = [
            row
            for count in counts
            for row in iterations(count, np.array([next(progress) for _ in range(count)])).result()
        ]
        assert [row["progress"] for row in found] == list(PROGRESS)
        assert_same(found, metrics, parts.networks, weights)


def test_a_call_makes_all_iterations_that_it_may(tmp_path):
    """And stands where as many calls of one would."""
    runs = [gan_parts("wavegan", tmp_path, wavegan_dim=1, wavegan_kernel_len=4) for _ in range(2)]
    rows = runs[0].iterations()(MOST).result()
    alone = runs[1].iterations()
    assert rows == [alone(1).result()[0] for _ in range(MOST)]


@pytest.mark.parametrize("times", [1, 2, 5])
def test_repeated_updates_see_what_the_ones_before_left(times):
    variable = keras.Variable(1.0)

    @tf.function(autograph=False)
    def act():
        def update(index):
            variable.assign(variable * 3.0 + tf.cast(index, tf.float32))
            return {"value": variable.value + 0.0}

        return repeated(update, times, ("value",))

    found, expected = act(), 1.0
    for index in range(times):
        expected = expected * 3.0 + index
    assert float(found["value"]) == float(variable) == expected
