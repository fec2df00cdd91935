import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from wavegan_tf.core import draws
from wavegan_tf.core.dcgan.draws import UpdateDraws, rows


def make(seed=3, batch_size=64, latent_dim=100, **options):
    return UpdateDraws(seed=seed, batch_size=batch_size, latent_dim=latent_dim, **options)


SHUFFLED = {"phase_shuffles": 4, "phase_radius": 2}


def test_draws_are_a_function_of_seed_step_and_purpose_alone():
    first = make(**SHUFFLED)("discriminator", 12, 3)
    tf.random.set_seed(99)
    make(seed=4)("generator", 1, 1)
    compiled = tf.function(make(**SHUFFLED), autograph=False)
    for again in (
        make(**SHUFFLED)("discriminator", 12, 3),
        make(**SHUFFLED)("discriminator", tf.constant(12, tf.int64), 3),
        compiled("discriminator", tf.constant(12, tf.int64), 3),
    ):
        assert again.keys() == first.keys() == {"z", "alpha", "phases"}
        for name, value in first.items():
            np.testing.assert_array_equal(again[name], value)


def test_shapes_and_types():
    drawn = make(batch_size=6, latent_dim=5, **SHUFFLED)("discriminator", 0, 3)
    assert (drawn["z"].shape, drawn["z"].dtype) == ((6, 5), tf.float32)
    assert (drawn["alpha"].shape, drawn["alpha"].dtype) == ((6,), tf.float32)
    assert (drawn["phases"].shape, drawn["phases"].dtype) == ((3, 4, 1), tf.int32)
    assert make(batch_size=6, phase_per_example=True, **SHUFFLED)("generator", 0, 1)["phases"].shape == (1, 4, 6)
    assert make()("generator", 0, 1)["phases"].shape == (1, 0, 1)


KEYS = list(itertools.product([0, 1, 2**31 - 1], [0, 1, 2, 2**31 - 1], ["discriminator/z", "generator/z", "clips"]))


def test_streams_of_other_seeds_steps_and_purposes_are_independent():
    streams = np.array([np.ravel(draws.uniform_latents(40, 100, draws.purpose_seed(*key))) for key in KEYS])
    correlation = np.corrcoef(streams)
    np.fill_diagonal(correlation, 0)
    # 4000 numbers: one standard deviation is 0.016; the largest of 630 pairs stays below 5 of them.
    assert np.abs(correlation).max() < 5 / np.sqrt(streams.shape[1])
    assert len({stream.tobytes() for stream in streams}) == len(KEYS)


def test_one_update_draws_z_alpha_and_phases_independently():
    options = {"batch_size": 4000, "latent_dim": 1, "phase_shuffles": 1, "phase_radius": 500, "phase_per_example": True}
    columns = []
    for purpose, step in itertools.product(["discriminator", "generator"], [0, 1]):
        drawn = make(**options)(purpose, step, 2)
        columns += [drawn["z"][:, 0], drawn["alpha"], drawn["phases"][0, 0], drawn["phases"][1, 0]]
    correlation = np.corrcoef(np.array([np.asarray(column, np.float64) for column in columns]))
    np.fill_diagonal(correlation, 0)
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)


def test_latents_and_alpha_are_uniform_over_their_ranges():
    drawn = make(batch_size=2000, latent_dim=50)("generator", 5, 1)
    z, alpha = np.asarray(drawn["z"]).ravel(), np.asarray(drawn["alpha"])
    assert -1 <= z.min() < -0.999 and 0.999 < z.max() < 1
    assert 0 <= alpha.min() < 0.01 and 0.99 < alpha.max() < 1
    assert stats.kstest(z, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert stats.kstest(alpha, stats.uniform(0, 1).cdf).pvalue > 1e-3


@pytest.mark.parametrize("radius", [1, 2, 15])
@pytest.mark.parametrize("per_example", [False, True])
def test_phases_are_uniform_up_to_both_ends(radius, per_example):
    options = {"phase_shuffles": 5, "phase_radius": radius, "phase_per_example": per_example}
    passes = 40 if per_example else 400
    draw = make(batch_size=10, latent_dim=1, **options)
    phases = np.concatenate([np.ravel(draw("discriminator", step, passes)["phases"]) for step in range(4)])
    values, counts = np.unique(phases, return_counts=True)
    assert list(values) == list(range(-radius, radius + 1))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_each_pass_layer_and_example_has_its_own_shift():
    phases = np.asarray(make(batch_size=8, phase_per_example=True, **SHUFFLED)("discriminator", 1, 3)["phases"])
    for axis in range(3):
        assert (phases != np.take(phases, [0], axis)).any()
    whole_batch = np.asarray(make(batch_size=8, **SHUFFLED)("discriminator", 1, 3)["phases"])
    assert len(np.unique(whole_batch)) > 1


@pytest.mark.parametrize("per_example", [False, True])
def test_rows_divide_the_batch(per_example):
    drawn = make(batch_size=12, latent_dim=3, phase_per_example=per_example, **SHUFFLED)("discriminator", 4, 3)
    parts = [rows(drawn, start, start + 4) for start in (0, 4, 8)]
    for name, axis in (("z", 0), ("alpha", 0)):
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts], axis), drawn[name])
    if per_example:
        np.testing.assert_array_equal(np.concatenate([part["phases"] for part in parts], 2), drawn["phases"])
    else:
        for part in parts:
            np.testing.assert_array_equal(part["phases"], drawn["phases"])


def test_batch_of_one_keeps_its_shift():
    drawn = make(batch_size=1, phase_per_example=True, **SHUFFLED)("discriminator", 4, 3)
    np.testing.assert_array_equal(rows(drawn, 0, 1)["phases"], drawn["phases"])


@pytest.mark.parametrize("seed", [2**31, -1])
def test_seeds_that_would_be_folded_onto_others_are_refused(seed):
    with pytest.raises(ValueError, match=f"seed {seed} is not in 0 to 2147483647"):
        draws.purpose_seed(seed, 0, "z")


def test_stream_stays_what_it_is():
    """A change of these numbers would make runs that continue, and the latents of every seed, others."""
    wanted = [-0.7596752643585205, -0.8300297260284424, -0.4543266296386719]
    np.testing.assert_array_equal(draws.purpose_seed(7, 3, "generator/z"), [178455930, 3])
    np.testing.assert_allclose(draws.uniform_latents(1, 3, draws.purpose_seed(7, 3, "generator/z"))[0], wanted)
