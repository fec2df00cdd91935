"""Phase arithmetic against the original's, on random and on edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from gansynth_tf import phase
from tests.originals import GOLDENS, assert_near

GOLDEN = np.load(GOLDENS / "gansynth" / "spectral_ops.npz")


@pytest.mark.parametrize("name", ["phase", "big_phase"])
def test_unwrap_and_frequency_are_the_originals(name):
    x = GOLDEN[name]
    assert_near(phase.unwrap(x), GOLDEN[f"unwrap_axism1_{name}"])
    assert_near(phase.unwrap(x, axis=-2), GOLDEN[f"unwrap_axism2_{name}"])
    for use_unwrap in (True, False):
        found = phase.instantaneous_frequency(x, use_unwrap=use_unwrap)
        assert_near(found, GOLDEN[f"instfreq_unwrap{use_unwrap}_{name}"])
    assert_near(phase.instantaneous_frequency(x, time_axis=1), GOLDEN[f"instfreq_timeaxis1_{name}"])


def test_jumps_of_exactly_pi_are_the_originals():
    x = GOLDEN["edge_phase"]
    assert_near(phase.unwrap(x), GOLDEN["unwrap_edge_phase"])
    for use_unwrap in (True, False):
        found = phase.instantaneous_frequency(x[..., None], use_unwrap=use_unwrap)
        assert_near(found[0, :, 0], GOLDEN[f"instfreq_unwrap{use_unwrap}_edge_phase"])


def test_frequency_is_numpys_and_keeps_its_precision():
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, size=(1, 4000, 3))
    expected = np.diff(np.unwrap(angles, axis=1), axis=1) / np.pi
    found = phase.instantaneous_frequency(angles.astype(np.float32))
    assert np.max(np.abs(found[:, 1:] - expected)) < 1e-6


def test_polar_form_is_the_originals():
    assert_near(phase.polar_to_complex(GOLDEN["polar_mag"], GOLDEN["polar_phase"]), GOLDEN["polar2rect"])


def test_accumulating_undoes_the_frequency():
    angles = np.random.default_rng(3).uniform(-np.pi, np.pi, size=(2, 300, 4)).astype(np.float32)
    for use_unwrap in (True, False):
        found = phase.wrapped_phase(phase.instantaneous_frequency(angles, use_unwrap=use_unwrap))
        turned = found - angles
        assert np.max(np.abs(turned - 2 * np.pi * np.round(turned / (2 * np.pi)))) < 1e-4
        assert np.min(found) >= 0.0 and np.max(found) <= 2 * np.pi + 1e-6
