"""Interpolation between instruments, against the original's and by its properties."""

from __future__ import annotations

import numpy as np
import pytest

from gansynth_tf.midi import instruments
from tests.originals import GOLDENS
from wavegan_tf.core.serving.latents import slerp, slerp_walk

GOLDEN = np.load(GOLDENS / "gansynth" / "generate_util.npz")


def test_slerp_is_the_originals():
    for t, expected in zip(GOLDEN["slerp_t"], GOLDEN["slerp_out"], strict=True):
        found = slerp(GOLDEN["slerp_p0"], GOLDEN["slerp_p1"], t)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_slerp_keeps_the_length_and_turns_evenly():
    a, b = np.array([3.0, 0, 0]), np.array([0, 3.0, 0])
    for t in (0.0, 0.25, 0.5, 0.9, 1.0):
        angle = t * np.pi / 2
        np.testing.assert_allclose(slerp(a, b, t), [3 * np.cos(angle), 3 * np.sin(angle), 0], atol=1e-12)


@pytest.mark.parametrize("other", [[1.0, 2, 3], [2.0, 4, 6], [-1.0, -2, -3], [0.0, 0, 0]])
def test_slerp_goes_straight_where_the_original_has_nan(other):
    a, b = np.array([1.0, 2, 3]), np.array(other)
    np.testing.assert_allclose(slerp(a, b, 0.25), 0.75 * a + 0.25 * b, atol=1e-12)


def test_latents_of_notes_are_the_originals():
    found = instruments.note_latents(
        *(GOLDEN[f"get_z_notes_{name}"] for name in ("start_times", "z_instruments", "t_instruments"))
    )
    np.testing.assert_allclose(found, GOLDEN["get_z_notes_out"], rtol=1e-12, atol=1e-12)


def test_a_single_instrument_plays_all_notes():
    z = np.array([[1.0, 2.0]])
    found = instruments.note_latents(np.array([0.0, 5.0]), z, instruments.instrument_times(1, 5.0))
    np.testing.assert_array_equal(found, [[1, 2], [1, 2]])


def test_times_and_number_of_random_instruments_are_the_originals():
    expected = GOLDEN["random_instruments_t"]
    assert instruments.count_instruments(20.5, 3.0) == len(expected)
    np.testing.assert_array_equal(instruments.instrument_times(len(expected), 20.5), expected)
    np.random.seed(77)
    drawn = instruments.instruments_of_clip(20.5, None, 3.0, lambda count: np.random.normal(size=[count, 16]))
    np.testing.assert_array_equal(drawn, GOLDEN["random_instruments_z_np_seed77_total20.5_secs3"])


@pytest.mark.parametrize("total", [0.1, 2.9, 5.9, 11.9])
def test_a_short_clip_has_two_instruments(total):
    drawn = instruments.instruments_of_clip(total, None, None, lambda count: np.arange(count)[:, None])
    np.testing.assert_array_equal(drawn, [[0], [1]])
    z = instruments.note_latents(np.array([0.0, total]), drawn + 1.0, instruments.instrument_times(2, total))
    assert np.isfinite(z).all() and z[0] < 1.01 and z[1] == 2.0


def test_given_instruments_come_once_or_round_again():
    given = np.array([[1.0], [2.0], [3.0]])

    def refuse(count):
        raise AssertionError

    np.testing.assert_array_equal(instruments.instruments_of_clip(60.0, given, None, refuse), given)
    again = instruments.instruments_of_clip(10.5, given, 2.0, refuse)
    np.testing.assert_array_equal(again[:, 0], [1, 2, 3, 1, 2])


def test_a_walk_passes_through_its_latents_with_equal_angles():
    z = np.random.default_rng(0).normal(size=(3, 9)).astype(np.float32)
    walk = slerp_walk(z, 4)
    assert walk.shape == (9, 9) and walk.dtype == np.float32
    np.testing.assert_array_equal(walk[::4], z)
    np.testing.assert_allclose(walk[5], slerp(z[1], z[2], 0.25), rtol=1e-6)
    np.testing.assert_array_equal(slerp_walk(z[:1], 4), z[:1])
