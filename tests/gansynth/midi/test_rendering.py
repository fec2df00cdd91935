"""Memory that a MIDI performance needs: one that no machine holds is refused before it is played."""

from __future__ import annotations

import types
from typing import Any

import pytest

from gansynth_tf.midi import reading, rendering
from tests.midi_files import off, on, save
from wavegan_tf.core import memory
from wavegan_tf.core.errors import UserError

MODEL: Any = types.SimpleNamespace(sample_rate=1000, metadata={"audio_length": 500})


@pytest.mark.parametrize("missing", [0, 1])
def test_a_clip_that_no_machine_holds_is_refused(tmp_path, monkeypatch, missing):
    """A file of a few bytes may play for a day, of which a clip in memory takes gigabytes."""
    path = save(tmp_path / "x.mid", [on(0), off(100), on(200_000), off(100)])
    notes = reading.read_midi(path)
    # 1001 seconds and the 3 after them, in float64 and float32, and two notes of half a second.
    monkeypatch.setattr(memory, "of_machine", lambda: 12 * 1_004_000 + 4 * 2 * 500 - missing)
    if not missing:
        rendering._require_room(path, notes, MODEL)
        return
    with pytest.raises(UserError, match="^midi_file=.*x.mid: 2 notes and a clip of 1,004 seconds need at least"):
        rendering._require_room(path, notes, MODEL)
