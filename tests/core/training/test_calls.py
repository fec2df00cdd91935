"""Calls, operations, copies and waits of each iteration of a run, counted by the benchmark that tells users."""

from __future__ import annotations

import pytest

from tests.benchmarks import calls


@pytest.mark.parametrize(
    "model", ["wavegan", *(pytest.param(name, marks=pytest.mark.slow) for name in ("specgan", "gansynth"))]
)
def test_an_iteration_is_at_most_one_call_and_waits_for_nothing(model):
    found = calls.per_iteration(model, 20)
    assert 0 < found["functions"] <= 1
    assert found["operations"] == found["waits"] == 0
    # How many iterations a call makes, and for GANSynth their progress; metrics may be on their way at the end.
    assert found["to_device"] == found["functions"] * (2 if model == "gansynth" else 1)
    assert found["to_host"] <= found["functions"] + 2 / 20
