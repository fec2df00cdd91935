"""Log magnitudes and instantaneous frequencies beside float64, on both axes, with turns of about a half."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from gansynth_tf import phase
from gansynth_tf.features import Features
from tests.oracles import profile

BINS, FRAMES = 16, 4
NEAR = 1e-6  # half turns from the cut, where rounding may decide on which side a frequency stands


def wrapped(half_turns: float, at_most_once: bool) -> float:
    """Brought to -1 .. 1 by whole turns; those at the ends stay."""
    while abs(half_turns) > 1:
        half_turns -= math.copysign(2, half_turns)
        if at_most_once:
            break
    return half_turns


def frequencies(phases: np.ndarray, at_most_once: bool) -> np.ndarray:
    """[t, f] in half turns -> the first frame and the wrapped turn to each later one."""
    found = phases.copy()
    for t in range(1, len(phases)):
        for f in range(phases.shape[1]):
            found[t, f] = wrapped(phases[t, f] - phases[t - 1, f], at_most_once)
    return found


def assert_same_angle(found: np.ndarray, exact: np.ndarray, tolerance: float) -> None:
    """Equal, but for whole turns where the exact number stands at the cut."""
    apart = np.abs(found - exact)
    at_cut = np.abs(np.abs(exact) - 1) < NEAR
    np.testing.assert_array_less(np.where(at_cut, np.minimum(apart, np.abs(2 - apart)), apart), tolerance)


TURNS = st.sampled_from([0.0, 0.5, 1 - 1e-5, 1 - 1e-7, 1.0, -1.0, 1 + 1e-5, -1 - 1e-5, 0.3, -0.7])


@profile.examples(100)
@given(st.data(), st.booleans(), st.integers(0, 2**32))
def test_linear_and_mel_features_of_spectra(data, use_unwrap, seed):
    rng = np.random.default_rng(seed)
    turns = np.array([[data.draw(TURNS) for _ in range(BINS)] if t % 2 else rng.uniform(-1, 1, BINS)
                      for t in range(FRAMES)])  # fmt: skip
    magnitudes = 10.0 ** rng.uniform(-5, 2, [FRAMES, BINS]) * (rng.random([FRAMES, BINS]) > 0.1)
    spectra = (magnitudes * np.exp(1j * np.pi * np.cumsum(turns, axis=0))).astype(np.complex64)
    exact = spectra.astype(np.complex128)
    phases = np.angle(exact) / np.pi
    linear, mel = (Features(kind, (FRAMES, BINS), 8, 16000, use_unwrap=use_unwrap) for kind in ("linear", "mel"))
    found = linear.spectra_to_specgrams(spectra[None])
    frequency = frequencies(phases, not use_unwrap)
    np.testing.assert_allclose(found[0, :, :, 0], np.log(np.abs(exact) + 1e-6), atol=2e-6)
    assert_same_angle(found.numpy()[0, :, :, 1], frequency, 1e-6)
    # From the same numbers, as a sign at the cut is a whole turn for the sums of the mel axis.
    given_specgrams = found.numpy()[0].astype(np.float64)
    matrix = mel._mel_matrix
    power = np.exp(2 * given_specgrams[:, :, 0]) @ matrix
    sums = np.cumsum(given_specgrams[:, :, 1], axis=0) @ matrix
    on_mel = mel.specgrams_to_melspecgrams(found).numpy()[0]
    np.testing.assert_allclose(on_mel[:, :, 0], np.log(power + 1e-6), atol=1e-5)
    assert_same_angle(on_mel[:, :, 1], frequencies(sums, not use_unwrap), 4e-6)


@profile.examples(100)
@given(profile.sizes(4), st.integers(1, 3), st.integers(0, 2**32), st.sampled_from([1.0, 3.0, 30.0]))
def test_unwrapped_phases(t, f, seed, scale):
    """No jump of more than half a turn is left, and only whole turns are added."""
    given_phases = np.random.default_rng(seed).uniform(-scale, scale, [t, f]).astype(np.float32)
    found = phase.unwrap(tf.constant(given_phases), axis=0).numpy()
    np.testing.assert_allclose(found, np.unwrap(given_phases.astype(np.float64), axis=0), atol=2e-6 * scale * t)


@profile.examples(100)
@given(profile.sizes(4), st.integers(1, 3), st.booleans(), st.integers(0, 2**32))
def test_frequencies_without_bounds(t, f, use_unwrap, seed):
    """Sums of the mel axis turn by several whole turns where its bands are wide."""
    turns = np.random.default_rng(seed).uniform(-9, 9, [t, f]).astype(np.float32)
    found = phase.wrap_frames(tf.constant(turns), use_unwrap=use_unwrap).numpy()
    exact = frequencies(np.cumsum(turns.astype(np.float64), axis=0), not use_unwrap)
    assert_same_angle(found, exact, 2e-6)


@pytest.mark.parametrize("jump", [np.pi, -np.pi])
def test_a_jump_of_half_a_turn_keeps_its_sign(jump):
    found = phase.instantaneous_frequency(tf.constant([[0.0], [jump]], tf.float32)).numpy()
    assert found[1, 0] == np.sign(jump)
