"""Which notes a folder holds, and what is said of those that cannot be used."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from gansynth_tf.notes import files
from gansynth_tf.notes.files import BadNote, Note, list_notes, note_of_name, notes_of_paths
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.options import NoteOptions
from wavegan_tf.core.audio import decode
from wavegan_tf.core.errors import UserError

NOTES = Path(__file__).parents[2] / "data" / "notes"
ENTRIES = json.loads((NOTES / "examples.json").read_text())


def write_wav(path, samples=160):
    """A short quiet sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    decode.write(str(path), np.linspace(-0.1, 0.1, samples, dtype=np.float32), 16000)


@pytest.mark.parametrize(
    ("name", "pitch"),
    [
        ("bass_acoustic_000-036-100", 36), ("synth_lead_synthetic_012-127-025", 127), ("flute_C4", 60), ("a4", 69),
        ("piano F#3 (2)", 54), ("horn_Bb2_soft", 46), ("cello Cs5", 73), ("e0", 16), ("pad-midi61", 61),
        ("note048", 48), ("Pitch7 take 2", 7), ("60", 60), ("my sound 72", 72), ("rate16000_72", 72),
        ("violin_A4_440", 69), ("flute_C♯4", 61), ("E♭4", 63), ("Cello D♭2 (3)", 37), ("F♯-mute A♯3", 58),
        ("A0v1", 21), ("A4vel100rr2", 69), ("C4pp", 60), ("Ds5mf", 75), ("FluteC4", 60), ("BassE♭2v3", 39),
        ("key60", 60), ("PianoKey60", 60), ("Midi 61", 61), ("midi_61 take 2", 61), ("C4_midi60", 60), ("p60", 60),
        ("60_100", 60), ("piano 060-127", 60), ("21_100", 21), ("a_61", 61), ("disc4 61", 61), ("x_C4_2_90", 60),
    ],
)  # fmt: skip
def test_names_tell_the_pitch(name, pitch):
    assert note_of_name(name).pitch == pitch


def test_nsynths_names_tell_more():
    note = note_of_name("synth_lead_synthetic_012-060-025")
    assert (note.family, note.source, note.velocity) == ("synth_lead", "synthetic", 25)
    assert note_of_name("flute_C4").source is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kick", "encodes no pitch"), ("take 3 of 61", "encodes several pitches"), ("c4-e4", "encodes several pitches"),
        ("sound_440", "encodes no pitch"), ("midi200", "pitch 200 is not a MIDI number from 0 to 127"),
        ("bass_acoustic_000-136-100", "pitch 136 is not a MIDI number"),
        ("C 4", r"no clear pitch \(C 4\)"), ("flute_C_4", r"no clear pitch \(C_4\)"), ("A-4", "no clear pitch"),
        ("C-1", "no clear pitch"), ("C♯ 4", "no clear pitch"), ("part b 4 061", "no clear pitch"),
        ("take_b2_midi61", "several pitches"), ("piano_p1_060", "several pitches"), ("C4_midi61", "several pitches"),
        ("C4 A0v1", "several pitches"), ("12_60", "several pitches"), ("60_64", "several pitches"),
        ("1_60_100", "several pitches"), ("20_100", "several pitches"), ("disc4", "no pitch"), ("C10", "no pitch"),
        ("C44", "no pitch"), ("monkey60", "no pitch"), ("C4x", "no pitch"), ("C##4", "no pitch"),
        ("B9", "pitch 131 is not a MIDI number"), ("H4", "no pitch"), ("٦٠", "no pitch"), ("", "no pitch"),
        ("000060", "no pitch"),
        ],
)  # fmt: skip
def test_names_that_tell_no_pitch_are_bad(name, reason):
    with pytest.raises(BadNote, match=reason):
        note_of_name(name)


def counted(pattern, numbers):
    return [pattern.format(number) for number in numbers]


@pytest.mark.parametrize(
    "names",
    [
        counted("kick_{:03d}.wav", range(1, 75)), counted("{}.wav", range(100)), counted("note{}.wav", range(1, 128)),
        counted("Key{:02d}.wav", range(1, 89)), counted("a {}.wav", range(11, 30)), ["take_5.wav"],
        # What a split into parts has left of several counts, and what begins late beside them.
        [*counted("kick_{}.wav", (3, 24, 28)), *counted("snare_{}.wav", (7, 61)), *counted("hat_{}.wav", (24, 25, 60))],
        [*counted("x/{}.wav", range(5)), *counted("y/{}.wav", range(40, 45))],
    ],
)  # fmt: skip
def test_numbers_that_count_the_files_are_no_pitches(names):
    for note, name in zip(notes_of_paths(names), names, strict=True):
        assert isinstance(note, BadNote), name
        assert re.search(r"^the number \d+ in its name counts files and encodes no pitch; name it as", str(note))


@pytest.mark.parametrize("low", [12, 21, 24, 60])
@pytest.mark.parametrize("pattern", ["{}.wav", "piano_{:03d}.wav", "note{}.wav", "p{}.wav"])
def test_numbers_that_begin_at_an_audible_pitch_are_pitches(low, pattern):
    names = counted(pattern, range(low, 100))
    notes = [note for note in notes_of_paths(names) if isinstance(note, Note)]
    assert [(note.pitch, note.path) for note in notes] == list(zip(range(low, 100), names, strict=True))
    # A count beside them, of fewer files, is told apart; pitches that are named stay what they are.
    more = [*counted("take_{}.wav", range(20)), "deep_C0.wav", "deep_midi3.wav", "midi_5.wav", "60_100.wav"]
    mixed = notes_of_paths([*more, *names])
    assert all(isinstance(note, BadNote) for note in mixed[:20])
    good = [note for note in mixed[20:] if isinstance(note, Note)]
    assert [note.pitch for note in good] == [12, 3, 5, 60, *range(low, 100)]
    assert [note.has_bare_number for note in good] == [False] * 4 + [True] * len(names)


def test_a_folder_of_counted_sounds_has_no_notes(tmp_path):
    for number in range(1, 31):
        write_wav(tmp_path / "kit" / f"kick_{number:03d}.wav")
    found = list_notes(str(tmp_path), "train")
    assert not found.notes and len(found.bad) == 30
    options = NoteOptions(data_dir=str(tmp_path))
    with pytest.raises(UserError, match="holds no note that can be used; kick_001: the number 1 in its name counts"):
        load_notes(options, str(tmp_path / "cache"))
    write_wav(tmp_path / "kit" / "tom_midi45.wav")
    assert [note.pitch for note in list_notes(str(tmp_path), "train").notes] == [45]


def test_pitches_from_bare_numbers_are_named(tmp_path, caplog):
    for name in ("a_61", "a_62", "horn_midi63"):
        write_wav(tmp_path / f"{name}.wav")
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert len(load_notes(NoteOptions(data_dir=str(tmp_path)), str(tmp_path / "cache"))) == 3
    assert "2 notes have their pitch from a number in the name, such as 61 of a_61; if that counts" in caplog.text


def test_nsynths_folder_is_read_by_its_list():
    found = list_notes(str(NOTES), "train")
    assert [note.name for note in found.notes] == sorted(ENTRIES) and not found.bad
    for note in found.notes:
        entry = ENTRIES[note.name]
        assert (note.pitch, note.velocity) == (entry["pitch"], entry["velocity"])
        assert (note.family, note.source) == (entry["instrument_family_str"], entry["instrument_source_str"])
        assert Path(note.path) == NOTES / "audio" / f"{note.name}.flac"


def test_a_folder_beside_a_list_is_read_by_its_names(tmp_path):
    (tmp_path / "examples.json").write_text(json.dumps(ENTRIES))
    name = min(ENTRIES)
    for folder in ("audio", "flutes", "flutes/deep"):
        (tmp_path / folder).mkdir()
        shutil.copy(NOTES / "audio" / f"{name}.flac", tmp_path / folder)
    for folder in ("audio", "flutes/deep", "flutes/deep/", "flutes/deep//"):
        found = list_notes(str(tmp_path / folder), "train")
        assert [note.pitch for note in found.notes] == [ENTRIES[name]["pitch"]] and not found.bad
    assert len(list_notes(str(tmp_path / "flutes"), "train").notes) == 2


@pytest.mark.parametrize("end", ["", "/", "//", "/.", "/audio/.."])
def test_a_list_counts_once_however_its_folder_is_written(tmp_path, monkeypatch, end):
    (tmp_path / "examples.json").write_text(json.dumps(ENTRIES))
    (tmp_path / "audio").mkdir()
    name = min(ENTRIES)
    shutil.copy(NOTES / "audio" / f"{name}.flac", tmp_path / "audio")
    monkeypatch.chdir(tmp_path)
    for folder in (str(tmp_path), "."):
        found = list_notes(folder + end, "train")
        assert [note.name for note in found.notes] == [name]
        assert len(found.bad) == len(ENTRIES) - 1


def test_lists_of_several_parts_and_the_subsets_split(tmp_path):
    """NSynth's three parts, side by side, with GANSynth's list of splits above them."""
    names = sorted(ENTRIES)[:6]
    for part, members in (("nsynth-train", names[:3]), ("nsynth-valid", names[3:])):
        (tmp_path / part / "audio").mkdir(parents=True)
        (tmp_path / part / "examples.json").write_text(json.dumps({name: ENTRIES[name] for name in members}))
        for name in members:
            shutil.copy(NOTES / "audio" / f"{name}.flac", tmp_path / part / "audio")
    assert [note.name for note in list_notes(str(tmp_path), "train").notes] == names
    rows = "\n".join(f"{name},{'train' if place % 2 else 'test'}" for place, name in enumerate(names))
    (tmp_path / files.SPLITS_FILE).write_text(f"id,split\n{rows}\n")
    assert [note.name for note in list_notes(str(tmp_path), "train").notes] == names[1::2]
    assert [note.name for note in list_notes(str(tmp_path / "nsynth-valid"), "test").notes] == names[4:5]
    (tmp_path / files.SPLITS_FILE).write_text("name,part\na,b\n")
    with pytest.raises(UserError, match="nsynth-gansynth_splits.csv: must have the columns id and split"):
        list_notes(str(tmp_path), "train")


def test_bad_entries_are_named(tmp_path):
    entries = {
        "bass_acoustic_000-036-100": {"pitch": 40},
        "no_file": {"pitch": 60},
        "no_pitch": {"velocity": 3},
        "text_pitch": {"pitch": "60"},
        "high": {"pitch": 128},
        "list": [60],
        "good": {"pitch": 61, "velocity": "loud", "instrument_family_str": 7},
        "../outside": {"pitch": 60},
    }
    (tmp_path / "examples.json").write_text(json.dumps(entries))
    for name in ("bass_acoustic_000-036-100", "no_pitch", "text_pitch", "high", "list", "good", "unlisted_C4"):
        write_wav(tmp_path / "audio" / f"{name}.wav")
    write_wav(tmp_path / "outside.wav")
    found = list_notes(str(tmp_path), "train")
    assert [(note.name, note.pitch, note.velocity, note.family) for note in found.notes] == [("good", 61, None, None)]
    assert dict(found.bad) == {
        "bass_acoustic_000-036-100": "has pitch 40, and 36 by its name",
        "no_file": "has no file in audio/",
        "../outside": "has no file in audio/",
        "no_pitch": "pitch None is not a MIDI number from 0 to 127",
        "text_pitch": "pitch '60' is not a MIDI number from 0 to 127",
        "high": "pitch 128 is not a MIDI number from 0 to 127",
        "list": "its entry in examples.json is not an object",
        "unlisted_C4": "is not in examples.json",
    }


def test_any_folder_with_pitches_in_its_names(tmp_path):
    for name in ("deep/flute C4.wav", "b/kick.wav", "a_61.wav"):
        write_wav(tmp_path / name)
    found = list_notes(str(tmp_path), "train")
    assert [(note.name, note.pitch) for note in found.notes] == [("a_61", 61), ("flute C4", 60)]
    assert found.bad[0][0] == "kick"


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read as JSON"), ("[1]", "must be a JSON object")])
def test_lists_that_cannot_be_read_are_named(tmp_path, text, message):
    write_wav(tmp_path / "audio" / "a.wav")
    (tmp_path / "examples.json").write_text(text)
    with pytest.raises(UserError, match=f"examples.json: {message}"):
        list_notes(str(tmp_path), "train")


def test_folders_without_audio_are_refused(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        list_notes(str(tmp_path / "nowhere"), "train")
    with pytest.raises(UserError, match="holds no audio file"):
        list_notes(str(tmp_path), "train")
