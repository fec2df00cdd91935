"""Notes of MIDI files, against the original's reading and files made message by message."""

from __future__ import annotations

import json
import os
from pathlib import Path

import mido
import numpy as np
import pytest

from gansynth_tf import midi
from tests.originals import GOLDENS
from wavegan_tf.core.errors import UserError

EXAMPLE = GOLDENS / "gansynth" / "example.mid"
GOLDEN = np.load(GOLDENS / "gansynth" / "generate_util.npz")
BEAT = 100  # ticks; at the default tempo a tick is 5 ms


def on(time, pitch=60, velocity=100, channel=0):
    return mido.Message("note_on", time=time, note=pitch, velocity=velocity, channel=channel)


def off(time, pitch=60, channel=0):
    return mido.Message("note_off", time=time, note=pitch, channel=channel)


def pedal(time, value, channel=0):
    return mido.Message("control_change", time=time, control=64, value=value, channel=channel)


def tempo(time, microseconds):
    return mido.MetaMessage("set_tempo", time=time, tempo=microseconds)


def save(path: Path, *tracks, kind=1, division=BEAT) -> str:
    file = mido.MidiFile(type=kind, ticks_per_beat=division)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    file.save(path)
    return str(path)


def played(path, **options):
    notes = midi.read_midi(path, **options)
    rows = zip(notes.pitches, notes.velocities, notes.start_times, notes.end_times, strict=True)
    return [(int(p), int(v), round(float(s), 6), round(float(e), 6)) for p, v, s, e in rows]


@pytest.mark.parametrize(("prefix", "limits"), [("midi", (36, 84)), ("midi_min60_max84", (60, 84))])
def test_the_example_is_read_as_the_original_reads_it(prefix, limits):
    notes = midi.read_midi(str(EXAMPLE), *limits)
    for name in ("pitches", "velocities"):
        np.testing.assert_array_equal(getattr(notes, name), GOLDEN[f"{prefix}_{name}"])
    for name in ("start_times", "end_times"):
        np.testing.assert_allclose(getattr(notes, name), GOLDEN[f"{prefix}_{name}"], atol=1e-12)
    assert len(notes) == len(json.loads(str(GOLDEN["midi_all_json"]))) and notes.out_of_range == 0


def test_pitches_outside_are_left_out_and_counted(tmp_path):
    path = save(tmp_path / "x.mid", [on(0, 24), on(0, 35), on(0, 90), off(100, 24), off(0, 35), off(0, 90)])
    notes = midi.read_midi(path, 24, 84)
    assert list(notes.pitches) == [24, 35] and notes.out_of_range == 1
    with pytest.raises(UserError, match=r"x\.mid: none of its 3 notes has a pitch from 40 to 50$"):
        midi.read_midi(path, 40, 50)


def test_tempo_changes_count_for_all_tracks_wherever_they_stand(tmp_path):
    conductor = [tempo(0, 1_000_000), tempo(200, 250_000)]
    melody = [on(100), off(200), tempo(0, 500_000), on(100, 61), off(100, 61)]
    # Beat 1 to 3: a second until beat 2, then a quarter; beat 4 to 5 at half a second.
    assert played(save(tmp_path / "x.mid", conductor, melody)) == [(60, 100, 1.0, 2.25), (61, 100, 2.75, 3.25)]


def test_the_default_tempo_is_120(tmp_path):
    assert played(save(tmp_path / "x.mid", [on(100), off(100)])) == [(60, 100, 0.5, 1.0)]


def test_smpte_divisions_count_frames(tmp_path):
    path = save(tmp_path / "x.mid", [on(0), tempo(10, 123_456), off(1990)])
    data = bytearray(Path(path).read_bytes())
    data[12:14] = bytes([256 - 25, 40])  # 25 frames of 40 ticks: a tick is a millisecond, whatever the tempo
    Path(path).write_bytes(data)
    assert played(path) == [(60, 100, 0.0, 2.0)]


def test_running_status_is_read(tmp_path):
    track = bytes([0, 0x90, 60, 100, 50, 60, 0, 0, 62, 90, 50, 62, 0, 0, 0xFF, 0x2F, 0])
    head = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, BEAT]) + b"MTrk" + len(track).to_bytes(4, "big")
    (tmp_path / "x.mid").write_bytes(head + track)
    assert played(str(tmp_path / "x.mid")) == [(60, 100, 0.0, 0.25), (62, 90, 0.25, 0.5)]


def test_tracks_and_channels_have_their_own_keys(tmp_path):
    first = [on(0), off(300)]
    second = [on(100), on(0, 60, 50, channel=1), off(100), off(200, channel=1)]
    path = save(tmp_path / "x.mid", first, second)
    assert played(path) == [(60, 100, 0.0, 1.5), (60, 100, 0.5, 1.0), (60, 50, 0.5, 2.0)]


def test_a_note_without_end_sounds_to_the_end_of_the_file(tmp_path):
    path = save(tmp_path / "x.mid", [on(0), on(100, 64)], [on(0, 67), off(400, 67)])
    assert played(path) == [(60, 100, 0.0, 2.0), (67, 100, 0.0, 2.0), (64, 100, 0.5, 2.0)]


def test_overlapping_notes_of_one_key_end_together(tmp_path):
    path = save(tmp_path / "x.mid", [on(0), on(100, velocity=50), off(100), off(100)])
    assert played(path) == [(60, 100, 0.0, 1.0), (60, 50, 0.5, 1.0)]


def test_a_key_struck_again_at_the_moment_of_its_end_sounds_on(tmp_path):
    path = save(tmp_path / "x.mid", [on(0), on(100, velocity=50), off(0), off(100)])
    assert played(path) == [(60, 100, 0.0, 0.5), (60, 50, 0.5, 1.0)]


def test_notes_without_length_are_left_out_and_counted(tmp_path):
    notes = midi.read_midi(save(tmp_path / "x.mid", [on(0), off(0), on(0, 62), off(100, 62)]))
    assert list(notes.pitches) == [62] and notes.without_length == 1


def test_the_pedal_holds_notes_until_it_is_lifted_or_the_key_is_struck_again(tmp_path):
    track = [
        pedal(0, 64), on(0), off(50), on(0, 62), off(50, 62), on(100), off(50), pedal(50, 63),
        on(0, 65), off(50, 65), pedal(50, 127), on(0, 67), off(50, 67), on(50, 69), off(50, 69),
    ]  # fmt: skip
    path = save(tmp_path / "x.mid", track)
    assert played(path) == [
        (60, 100, 0.0, 1.0),  # struck again at 1.0
        (62, 100, 0.25, 1.5),
        (60, 100, 1.0, 1.5),
        (65, 100, 1.5, 1.75),  # the pedal is up
        (67, 100, 2.0, 2.75),  # never lifted: to the end of the file
        (69, 100, 2.5, 2.75),
    ]
    assert played(path, sustain=False)[0] == (60, 100, 0.0, 0.25)


def test_the_pedal_holds_its_own_channel_only(tmp_path):
    track = [pedal(0, 127, channel=1), on(0), on(0, 62, channel=1), off(50), off(0, 62, channel=1), pedal(50, 0, 1)]
    assert played(save(tmp_path / "x.mid", track)) == [(60, 100, 0.0, 0.25), (62, 100, 0.0, 0.5)]


def test_drums_are_notes_unless_they_are_not_wanted(tmp_path):
    path = save(tmp_path / "x.mid", [on(0, channel=9), on(0, 62), off(50, channel=9), off(0, 62)])
    assert [note[0] for note in played(path)] == [60, 62]
    assert [note[0] for note in played(path, drums=False)] == [62] and midi.read_midi(path, drums=False).drums == 1
    only = save(tmp_path / "y.mid", [on(0, channel=9), off(50, channel=9), on(0, 62), off(0, 62)])
    with pytest.raises(UserError, match=r"y\.mid: holds no note to play: 1 are drums, 1 end where they start$"):
        midi.read_midi(only, drums=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as MIDI"),
        (b"RIFF not a MIDI file at all", "cannot be read as MIDI"),
        (EXAMPLE.read_bytes()[:40], "cannot be read as MIDI"),
        (EXAMPLE.read_bytes()[:70] + b"\xff" * 20, "cannot be read as MIDI"),
        (EXAMPLE.read_bytes()[:12] + b"\x00\x00" + EXAMPLE.read_bytes()[14:], "a beat of 0 ticks"),
        (EXAMPLE.read_bytes()[:9] + b"\x02" + EXAMPLE.read_bytes()[10:], "is of type 2"),
        (EXAMPLE.read_bytes().replace(b"\x51\x03\x03\xd0\x90", b"\x51\x03\x00\x00\x00"), "a tempo of 0 microseconds"),
        (EXAMPLE.read_bytes().replace(b"\x51\x03\x03\xd0\x90", b"\x51\x01\x03\xd0\x90"), "cannot be read as MIDI"),
    ],
    ids=["empty", "text", "cut", "garbage", "no ticks", "type 2", "no tempo", "short tempo"],
)
def test_broken_files_are_one_line(tmp_path, content, words):
    (tmp_path / "x.mid").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.mid: .*{words}") as error:
        midi.read_midi(str(tmp_path / "x.mid"))
    assert "\n" not in str(error.value)


def test_files_without_notes_and_missing_ones_are_named(tmp_path):
    with pytest.raises(UserError, match=r"x\.mid: holds no note$"):
        midi.read_midi(save(tmp_path / "x.mid", [tempo(0, 500_000)]))
    with pytest.raises(UserError, match=r"none\.mid: cannot be read as MIDI \(No such file or directory\)"):
        midi.read_midi(str(tmp_path / "none.mid"))
    os.mkfifo(tmp_path / "pipe.mid")
    for path in (tmp_path / "pipe.mid", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read as MIDI \(it is not a regular file\)"):
            midi.read_midi(str(path))


def test_days_of_silence_are_refused(tmp_path):
    path = save(tmp_path / "x.mid", [tempo(0, 16_000_000), on(2**27), off(100)], division=1)
    with pytest.raises(UserError, match="has notes after more than 24 hours"):
        midi.read_midi(path)
