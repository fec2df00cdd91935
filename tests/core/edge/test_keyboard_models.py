"""The page of the demo's trained GANSynth plays a MIDI file as `gansynth_tf.render_midi` does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

import gansynth_tf
import gansynth_tf.demo
from tests.core.edge.test_midi_clips import drop, saved

DEMO = Path(gansynth_tf.demo.__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "tolerance"), [("float32", 1e-4), ("float16", 0.02)])
def test_the_demos_notes_start_soon_and_sound_as_the_saved_model(pages, tmp_path, weights, tolerance):
    model = gansynth_tf.load_model(str(DEMO / "pretrained" / "notes"))
    path = tmp_path / "notes.html"
    model.export_edge(path, weights)
    if weights == "float16":
        assert path.stat().st_size < 7_000_000
    page = pages.open(path)
    assert float(page.get_attribute("html", "data-ready")) < 2
    drop(page, "tune.mid", (DEMO / "tune.mid").read_bytes())
    _, samples, rate = saved(page)
    expected = gansynth_tf.render_midi(model, DEMO / "tune.mid", seed=0)[:, 0]
    assert rate == model.sample_rate and len(samples) == len(expected)
    # Of the peak; a third of the smaller tolerance are the 16 bits of the file.
    assert np.abs(samples - expected).max() < tolerance * np.abs(expected).max()
    expect(page.get_by_text("All notes ready")).to_be_visible()
