"""Notes of MIDI files, against the original's reading and files made message by message."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from gansynth_tf.midi import reading
from tests import midi_files
from tests.midi_files import control, meta, off, on, pedal, save, sysex, tempo
from tests.originals import GOLDENS
from wavegan_tf.core.errors import UserError

EXAMPLE = GOLDENS / "gansynth" / "example.mid"
GOLDEN = np.load(GOLDENS / "gansynth" / "generate_util.npz")


def played(path, **options):
    notes = reading.read_midi(path, **options)
    rows = zip(notes.pitches, notes.velocities, notes.start_times, notes.end_times, strict=True)
    return [(int(p), int(v), round(float(s), 6), round(float(e), 6)) for p, v, s, e in rows]


@pytest.mark.parametrize(("prefix", "limits"), [("midi", (36, 84)), ("midi_min60_max84", (60, 84))])
def test_the_example_is_read_as_the_original_reads_it(prefix, limits):
    notes = reading.read_midi(str(EXAMPLE), *limits)
    for name in ("pitches", "velocities"):
        np.testing.assert_array_equal(getattr(notes, name), GOLDEN[f"{prefix}_{name}"])
    for name in ("start_times", "end_times"):
        np.testing.assert_allclose(getattr(notes, name), GOLDEN[f"{prefix}_{name}"], atol=1e-12)
    assert len(notes) == len(json.loads(str(GOLDEN["midi_all_json"]))) and notes.out_of_range == 0


def test_pitches_outside_are_left_out_and_counted(tmp_path):
    path = save(tmp_path / "x.mid", [on(0, 24), on(0, 35), on(0, 90), off(100, 24), off(0, 35), off(0, 90)])
    notes = reading.read_midi(path, 24, 84)
    assert list(notes.pitches) == [24, 35] and notes.out_of_range == 1
    with pytest.raises(UserError, match=r"x\.mid: none of its 3 notes has a pitch from 40 to 50$"):
        reading.read_midi(path, 40, 50)


def test_tempo_changes_count_for_all_tracks_wherever_they_stand(tmp_path):
    conductor = [tempo(0, 1_000_000), tempo(200, 250_000)]
    melody = [on(100), off(200), tempo(0, 500_000), on(100, 61), off(100, 61)]
    # Beat 1 to 3: a second until beat 2, then a quarter; beat 4 to 5 at half a second.
    assert played(save(tmp_path / "x.mid", conductor, melody)) == [(60, 100, 1.0, 2.25), (61, 100, 2.75, 3.25)]


def test_the_default_tempo_is_120(tmp_path):
    assert played(save(tmp_path / "x.mid", [on(100), off(100)])) == [(60, 100, 0.5, 1.0)]


def test_smpte_divisions_count_frames(tmp_path):
    # 25 frames of 40 ticks: a tick is a millisecond, whatever the tempo.
    path = save(tmp_path / "x.mid", [on(0), tempo(10, 123_456), off(1990)], division=-(25 << 8) + 40)
    assert played(path) == [(60, 100, 0.0, 2.0)]


def test_running_status_is_read(tmp_path):
    # Goes on after meta events and system exclusive messages, as many files have it though the standard does not.
    first, between, second = [0, 0x90, 60, 100, 50, 60, 0], [0, 0xFF, 1, 0, 0, 0xF0, 1, 0xF7], [0, 62, 90, 50, 62, 0]
    track = bytes([*first, *between, *second, 0, 0xFF, 0x2F, 0])
    (tmp_path / "x.mid").write_bytes(midi_files.header(1) + midi_files.chunk(b"MTrk", track))
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
    notes = reading.read_midi(save(tmp_path / "x.mid", [on(0), off(0), on(0, 62), off(100, 62)]))
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


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ([off(0), pedal(0, 127)], 0.5),  # let go before the pedal goes down
        ([pedal(0, 127), off(0)], 1.0),
        ([pedal(0, 127), pedal(0, 0), off(0)], 0.5),
        ([pedal(0, 127), off(0), pedal(0, 0)], 0.5),
        ([pedal(0, 0), pedal(0, 127), off(0)], 1.0),
        ([off(0), pedal(0, 0), pedal(0, 127)], 0.5),
    ],
)
def test_the_order_within_a_tick_decides_what_the_pedal_holds(tmp_path, moment, end):
    track = [on(0), (100, moment[0][1]), *moment[1:], pedal(100, 0)]
    assert played(save(tmp_path / "x.mid", track)) == [(60, 100, 0.0, end)]


def test_within_a_tick_tracks_are_played_one_after_another(tmp_path):
    keys, pedals = [on(0), off(100)], [pedal(100, 127), pedal(100, 0)]
    assert played(save(tmp_path / "x.mid", keys, pedals)) == [(60, 100, 0.0, 0.5)]
    assert played(save(tmp_path / "x.mid", pedals, keys)) == [(60, 100, 0.0, 1.0)]


def test_a_chord_ends_where_the_pedal_is_pressed_anew_on_the_beat(tmp_path):
    track = [
        on(0), on(0, 64), off(100), off(0, 64), pedal(0, 127), on(0, 62), on(0, 65), off(100, 62), off(0, 65),
        pedal(0, 0), pedal(0, 127), on(0, 67), off(100, 67), pedal(0, 0),
    ]  # fmt: skip
    assert [note[2:] for note in played(save(tmp_path / "x.mid", track))] == [
        (0.0, 0.5), (0.0, 0.5), (0.5, 1.0), (0.5, 1.0), (1.0, 1.5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "ends"),
    [
        (control(50, 123), [1.0, 1.0]),  # All Notes Off lets the keys go, and the pedal holds
        (control(50, 126), [1.0, 1.0]),  # so does a change of mode
        (control(50, 120), [0.5, 0.5]),  # All Sound Off
        (control(50, 121), [0.5, 1.5]),  # Reset All Controllers lifts the pedal
        (control(50, 123, channel=1), [1.0, 1.5]),
    ],
)
def test_channel_mode_messages(tmp_path, message, ends):
    # 60 is let go at 0.25 and held by the pedal until 1.0, 64 is held by its key to 1.5.
    track = [pedal(0, 127), on(0), on(0, 64), off(50), message, pedal(100, 0), off(100, 64)]
    assert [note[3] for note in played(save(tmp_path / "x.mid", track))] == ends


@pytest.mark.parametrize("kind", [0x00, 0x01, 0x08, 0x0A, 0x0F, 0x20, 0x4B, 0x54, 0x58, 0x59, 0x60, 0x7F])
@pytest.mark.parametrize("size", [0, 1, 2, 5, 300])
def test_meta_events_wait_and_nothing_else(tmp_path, kind, size):
    event = meta(200, kind, bytes([0xFF]) * size)
    assert played(save(tmp_path / "x.mid", [event, on(0), off(100)], [on(0, 62), off(100, 62)])) == [
        (62, 100, 0.0, 0.5),
        (60, 100, 1.0, 1.5),
    ]


def test_bytes_that_no_note_needs(tmp_path):
    track = [
        sysex(0, bytes([0x43, 0xFF, 0x90, 0xF7])), sysex(0, b"\xfa", status=0xF7), (0, b"\xf8"), (0, b"\xf2\x01\x02"),
        control(0, 7, 200), on(0, velocity=200), on(0, 253), off(100), off(0, 253),
    ]  # fmt: skip
    notes = reading.read_midi(save(tmp_path / "x.mid", track))
    assert (list(notes.pitches), list(notes.velocities), notes.out_of_range) == ([60], [127], 1)
    assert notes.faults == ("data bytes above 127 in 4 of its messages",)


NOTES = midi_files.track([on(0), off(100)])
LATER = midi_files.track([on(100, 62), off(100, 62)])
OF_NOTES, OF_LATER = [(60, 100, 0.0, 0.5)], [(62, 100, 0.5, 1.0)]


@pytest.mark.parametrize(
    ("content", "expected", "faults"),
    [
        (midi_files.header(1) + midi_files.chunk(b"MTrk", NOTES), OF_NOTES, []),
        (midi_files.header(1, kind=2) + midi_files.chunk(b"MTrk", NOTES), OF_NOTES, []),
        (midi_files.header(1) + midi_files.chunk(b"XFIH", b"MTrk") + midi_files.chunk(b"MTrk", NOTES), OF_NOTES, []),
        (
            midi_files.header(2) + b"".join(midi_files.chunk(b"MTrk", data) for data in (NOTES, LATER)) + b"\0\0junk",
            OF_NOTES + OF_LATER,
            [],
        ),
        (
            midi_files.header(1) + midi_files.chunk(b"MTrk", NOTES) + b"\0" + midi_files.chunk(b"MTrk", LATER),
            OF_NOTES + OF_LATER,
            ["its header gives 1 as the number of tracks, and it holds 2"],
        ),
        (
            midi_files.header(1) + midi_files.chunk(b"MTrk", NOTES[:-4]) + bytes(7),
            OF_NOTES,
            ["track 1 has no end-of-track event"],
        ),
        (  # what stands behind the end of a track is none of its events
            midi_files.header(1) + midi_files.chunk(b"MTrk", NOTES + NOTES),
            OF_NOTES,
            ["track 1 has 24 bytes by its length, and ends after 12"],
        ),
    ],
    ids=["right", "type 2, one track", "other chunk", "junk behind", "count", "no end", "behind the end"],
)
def test_files_that_hold_more_or_less_than_they_say(tmp_path, content, expected, faults):
    (tmp_path / "x.mid").write_bytes(content)
    assert played(str(tmp_path / "x.mid")) == expected
    assert list(reading.read_midi(str(tmp_path / "x.mid")).faults) == faults
    riff = b"RMID" + b"LIST" + (4).to_bytes(4, "little") + b"INFO" + b"data" + len(content).to_bytes(4, "little")
    wrapped = b"RIFF" + (len(riff) + len(content)).to_bytes(4, "little") + riff + content + b"\0"
    (tmp_path / "x.rmi").write_bytes(wrapped)
    assert played(str(tmp_path / "x.rmi")) == expected


@pytest.mark.parametrize(("length", "more"), [(0, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 2), (30, 0), (0xFFFFFFFF, 0)])
def test_a_header_may_be_longer_or_lie_about_its_length(tmp_path, length, more):
    words = midi_files.header(2)[8:] + bytes(more)
    tracks = midi_files.chunk(b"MTrk", NOTES) + midi_files.chunk(b"MTrk", LATER)
    (tmp_path / "x.mid").write_bytes(midi_files.chunk(b"MThd", words, length) + tracks)
    assert played(str(tmp_path / "x.mid")) == OF_NOTES + OF_LATER


@pytest.mark.parametrize("length", [*range(len(NOTES) + 40), 1 << 20, 0xFFFFFFFF])
def test_a_track_ends_with_its_end_event_whatever_its_length_says(tmp_path, length):
    chunks = midi_files.chunk(b"MTrk", NOTES, length) + midi_files.chunk(b"MTrk", LATER)
    (tmp_path / "x.mid").write_bytes(midi_files.header(2) + chunks)
    assert played(str(tmp_path / "x.mid")) == OF_NOTES + OF_LATER
    named = f"track 1 has {length} bytes by its length, and ends after {len(NOTES)}"
    assert list(reading.read_midi(str(tmp_path / "x.mid")).faults) == ([] if length == len(NOTES) else [named])


def test_drums_are_notes_unless_they_are_not_wanted(tmp_path):
    path = save(tmp_path / "x.mid", [on(0, channel=9), on(0, 62), off(50, channel=9), off(0, 62)])
    assert [note[0] for note in played(path)] == [60, 62]
    assert [note[0] for note in played(path, drums=False)] == [62] and reading.read_midi(path, drums=False).drums == 1
    only = save(tmp_path / "y.mid", [on(0, channel=9), off(50, channel=9), on(0, 62), off(0, 62)])
    with pytest.raises(UserError, match=r"y\.mid: holds no note to play: 1 are drums, 1 end where they start$"):
        reading.read_midi(only, drums=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as MIDI"),
        (b"RIFF not a MIDI file at all", "cannot be read as MIDI"),
        (EXAMPLE.read_bytes()[:40], "it ends too early, within an event of track 1"),
        (EXAMPLE.read_bytes()[:50], "it ends too early, where track 2 begins"),
        (EXAMPLE.read_bytes()[:47], r"holds no note; its header gives 2 as the number of tracks, and it holds 1"),
        (EXAMPLE.read_bytes()[:70] + b"\xff" * 20, "cannot be read as MIDI"),
        (EXAMPLE.read_bytes()[:12] + b"\x00\x00" + EXAMPLE.read_bytes()[14:], "a beat of 0 ticks"),
        (EXAMPLE.read_bytes()[:9] + b"\x02" + EXAMPLE.read_bytes()[10:], "is of type 2"),
        (midi_files.header(0), "it holds no track"),
        (midi_files.header(1) + midi_files.chunk(b"MTrk", b"\0\x3c\x64"), "track 1 has a data byte where a message"),
        (EXAMPLE.read_bytes().replace(b"\x51\x03\x03\xd0\x90", b"\x51\x03\x00\x00\x00"), "a tempo of 0 microseconds"),
        (EXAMPLE.read_bytes().replace(b"\x51\x03\x03\xd0\x90", b"\x51\x01\x03\xd0\x90"), "cannot be read as MIDI"),
    ],
    ids=[
        "empty",
        "text",
        "cut",
        "cut between",
        "cut before",
        "garbage",
        "no ticks",
        "type 2",
        "no track",
        "no status",
        "no tempo",
        "short tempo",
    ],
)
def test_broken_files_are_one_line(tmp_path, content, words):
    (tmp_path / "x.mid").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.mid: .*{words}") as error:
        reading.read_midi(str(tmp_path / "x.mid"))
    assert "\n" not in str(error.value)


def test_files_without_notes_and_missing_ones_are_named(tmp_path):
    with pytest.raises(UserError, match=r"x\.mid: holds no note$"):
        reading.read_midi(save(tmp_path / "x.mid", [tempo(0, 500_000)]))
    with pytest.raises(UserError, match=r"none\.mid: cannot be read as MIDI \(No such file or directory\)"):
        reading.read_midi(str(tmp_path / "none.mid"))
    os.mkfifo(tmp_path / "pipe.mid")
    for path in (tmp_path / "pipe.mid", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read as MIDI \(it is not a regular file\)"):
            reading.read_midi(str(path))


def test_days_of_silence_are_refused(tmp_path):
    path = save(tmp_path / "x.mid", [tempo(0, 16_000_000), on(2**27), off(100)], division=1)
    with pytest.raises(UserError, match="has notes after more than 24 hours"):
        reading.read_midi(path)
