"""Random numbers of GANSynth: their distributions, and that they are functions of seed, image and purpose."""

from __future__ import annotations

import numpy as np
import scipy.stats

from gansynth_tf import draws
from wavegan_tf.core.draws import purpose_seed


def test_latents_are_normal():
    z = draws.normal_latents(500, 40, purpose_seed(0, 0, "a")).numpy()
    assert scipy.stats.kstest(z.ravel(), "norm").pvalue > 0.01
    assert len(np.unique(z)) > 0.99 * z.size


def test_pitches_are_as_frequent_as_in_the_data():
    counts = np.array([5.0, 0.0, 1.0, 14.0])
    drawn = draws.random_pitches(20000, counts, purpose_seed(1, 0, "p")).numpy()
    assert (drawn.sum(axis=1) == 1).all()
    found = drawn.sum(axis=0)
    assert found[1] == 0
    assert scipy.stats.chisquare(found[counts > 0], 20000 * counts[counts > 0] / 20).pvalue > 0.01


def test_ordered_pitches_rise():
    np.testing.assert_array_equal(np.argmax(draws.ordered_pitches(4, 4), axis=1), [0, 1, 2, 3])
    np.testing.assert_array_equal(np.argmax(draws.ordered_pitches(7, 4), axis=1), [0, 0, 1, 1, 2, 2, 3])
    np.testing.assert_array_equal(np.argmax(draws.ordered_pitches(3, 61), axis=1), [0, 1, 2])


def test_interpolations_are_straight_lines():
    z = draws.interpolated_latents(3, 5, 7, purpose_seed(0, 0, "i")).numpy().reshape(3, 5, 7)
    steps = np.diff(z, axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1], steps.shape), atol=1e-5)
    assert np.abs(steps).min(axis=(1, 2)).max() > 0 and not np.allclose(z[0], z[1])


def test_draws_are_functions_of_seed_image_and_purpose():
    def draw(seed, purpose, image_id):
        made = draws.NoteDraws(seed=seed, batch_size=6, latent_dim=5, pitch_counts=np.ones(61))
        return {name: value.numpy() for name, value in made(purpose, image_id).items()}

    first = draw(1, "generator", 8)
    assert first["z"].shape == (6, 5) and first["pitches"].shape == (6, 61) and first["alpha"].shape == (6,)
    assert ((first["alpha"] >= 0) & (first["alpha"] < 1)).all()
    for name, value in draw(1, "generator", 8).items():
        np.testing.assert_array_equal(value, first[name])
    for other in (draw(2, "generator", 8), draw(1, "discriminator", 8), draw(1, "generator", 16)):
        assert not any(np.array_equal(value, first[name]) for name, value in other.items())
