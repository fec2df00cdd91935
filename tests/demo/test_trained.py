"""The trained generators that come with the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wavegan_tf
from gansynth_tf import demo as notes_demo
from wavegan_tf import demo as drums_demo

DRUMS, NOTES = (Path(str(package.__file__)).parent / "pretrained" for package in (drums_demo, notes_demo))
LARGEST = 4_000_000


@pytest.mark.parametrize("model_dir", [DRUMS / "drums", DRUMS / "specgan_drums", NOTES / "notes"], ids=str)
def test_it_generates_varied_sound_and_is_small(model_dir):
    assert sum(path.stat().st_size for path in model_dir.rglob("*") if path.is_file()) <= LARGEST
    model = wavegan_tf.load_model(str(model_dir))
    assert "MIT" in model.metadata["licence"] and "Trained on" in model.metadata["description"]
    assert model.pitches in (None, range(48, 85))
    clips = model.generate(3, seed=0) if model.pitches is None else model.generate(pitch=[48, 60, 84], seed=0)
    assert model.sample_rate == (16000 if model.pitches is None else 8000) and np.isfinite(clips).all()
    assert (np.abs(clips).reshape(3, -1).max(axis=1) > 0.02).all(), "a clip is silent"
    normed = clips.reshape(3, -1) / np.linalg.norm(clips.reshape(3, -1), axis=1, keepdims=True)
    assert (np.abs(normed @ normed.T)[np.triu_indices(3, 1)] < 0.99).all(), "two clips are the same"
