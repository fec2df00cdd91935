"""Which notes a folder holds: by NSynth's examples.json and audio/, or by file names that tell the pitch."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from wavegan_tf.core.audio_files import display_name, find_audio_files, stem_of
from wavegan_tf.core.errors import UserError

EXAMPLES_FILE = "examples.json"
SPLITS_FILE = "nsynth-gansynth_splits.csv"
PITCH_LIMITS = range(128)

_NSYNTH_NAME = re.compile(
    r"(?P<family>[a-z_]+?)_(?P<source>acoustic|electronic|synthetic)_\d+-(?P<pitch>\d{3})-(?P<velocity>\d{3})"
)
_NOTE_NAME = re.compile(r"([A-Ga-g])([#sb]?)(\d)")
_NAMED_NUMBER = re.compile(r"(?:midi|note|pitch|p)(\d{1,3})", re.IGNORECASE)
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "s": 1, "b": -1}


@dataclasses.dataclass(frozen=True)
class Note:
    """What is known of a note before it is decoded.

    Attributes:
      name: for messages.
      pitch: MIDI number.
      family: of the instrument, such as "brass"; None if it is not known.
      source: of the sound, such as "acoustic"; None if it is not known.
      velocity: MIDI velocity; None if it is not known.
      path: of its file; empty for a record.
    """

    name: str
    pitch: int
    family: str | None = None
    source: str | None = None
    velocity: int | None = None
    path: str = ""


class BadNote(Exception):
    """Why a note cannot be used; the message is the reason alone."""


@dataclasses.dataclass
class NoteList:
    """Notes, and (name, reason) of those that cannot be used."""

    notes: list[Note] = dataclasses.field(default_factory=list)
    bad: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def checked_pitch(pitch: Any, name: str) -> int:
    """A MIDI number that no other statement about the note contradicts.

    Raises:
      BadNote: it is none, or the note's name tells another one.
    """
    if isinstance(pitch, bool) or not isinstance(pitch, int) or pitch not in PITCH_LIMITS:
        raise BadNote(f"pitch {pitch!r} is not a MIDI number from 0 to 127")
    match = _NSYNTH_NAME.fullmatch(name)
    if match and int(match["pitch"]) != pitch:
        raise BadNote(f"has pitch {pitch}, and {int(match['pitch'])} by its name")
    return pitch


def note_of_name(name: str) -> Note:
    """What a file name without extension tells: bass_acoustic_000-036-100, flute_C#4, horn-midi60, 60.

    Middle C is C4, MIDI number 60.

    Raises:
      BadNote: it tells no pitch, or several.
    """
    match = _NSYNTH_NAME.fullmatch(name)
    if match:
        pitch = checked_pitch(int(match["pitch"]), name)
        return Note(name, pitch, match["family"], match["source"], int(match["velocity"]))
    words = [word for word in re.split(r"[^A-Za-z0-9#]+", name) if word]
    named = {_pitch_of_note(*match.groups()) for match in map(_NOTE_NAME.fullmatch, words) if match}
    numbered = {int(match[1]) for match in map(_NAMED_NUMBER.fullmatch, words) if match}
    pitches = named or numbered or {int(word) for word in words if word.isdecimal() and int(word) in PITCH_LIMITS}
    if len(pitches) != 1:
        what = "several pitches" if pitches else "no pitch"
        raise BadNote(f"its name tells {what}; name it as bass_acoustic_000-036-100, flute_C#4 or flute_midi61")
    return Note(name, checked_pitch(pitches.pop(), name))


def _pitch_of_note(letter: str, accidental: str, octave: str) -> int:
    return 12 * (int(octave) + 1) + _SEMITONES[letter.lower()] + _ACCIDENTALS[accidental]


def list_notes(data_dir: str, split: str) -> NoteList:
    """The notes of a folder, sub-folders included, in the order of their paths.

    Args:
      data_dir: the folder. If it or a sub-folder holds examples.json beside audio/, as NSynth does, only what these
        list counts.
      split: which notes to take where nsynth-gansynth_splits.csv lies in the folder or the one above.

    Raises:
      UserError: the folder or its lists cannot be read, or there is no audio.
    """
    files = find_audio_files(data_dir)
    folders = sorted({os.path.dirname(os.path.dirname(path)) for path in files} | {data_dir})
    lists = [path for path in (os.path.join(folder, EXAMPLES_FILE) for folder in folders) if os.path.exists(path)]
    found = NoteList()
    if lists:
        for path in lists:
            _add_listed(found, path, files)
    else:
        for path in files:
            name = stem_of(path)
            with _bad_notes_go_to(found, name):
                found.notes.append(dataclasses.replace(note_of_name(name), path=path))
    chosen = _names_of_split(data_dir, split)
    if chosen is not None:
        found.notes = [note for note in found.notes if note.name in chosen]
    return found


@contextlib.contextmanager
def _bad_notes_go_to(found: NoteList, name: str) -> Iterator[None]:
    try:
        yield
    except BadNote as error:
        found.bad.append((display_name(name), str(error)))


def _add_listed(found: NoteList, list_path: str, files: list[str]) -> None:
    """Adds the notes of one examples.json, and reports what has no entry or no file."""
    entries = _read_examples(list_path)
    folder = os.path.join(os.path.dirname(list_path), "audio")
    paths = {stem_of(path): path for path in files if os.path.dirname(path) == folder}
    for name in sorted(entries):
        with _bad_notes_go_to(found, name):
            if name not in paths:
                raise BadNote("has no file in audio/")
            found.notes.append(dataclasses.replace(_note_of_entry(name, entries[name]), path=paths[name]))
    found.bad += [(display_name(name), f"is not in {EXAMPLES_FILE}") for name in sorted(set(paths) - set(entries))]


def _read_examples(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{display_name(path)}: cannot be read as JSON ({error})") from None
    if not isinstance(entries, dict):
        raise UserError(f"{display_name(path)}: must be a JSON object with an entry for each note")
    return entries


def _note_of_entry(name: str, entry: Any) -> Note:
    if not isinstance(entry, dict):
        raise BadNote(f"its entry in {EXAMPLES_FILE} is not an object")
    family, source, velocity = (
        entry.get(key) for key in ("instrument_family_str", "instrument_source_str", "velocity")
    )
    return Note(
        name,
        checked_pitch(entry.get("pitch"), name),
        family if isinstance(family, str) else None,
        source if isinstance(source, str) else None,
        velocity if isinstance(velocity, int) else None,
    )


def _names_of_split(data_dir: str, split: str) -> set[str] | None:
    """Names of the notes that the list of GANSynth's subset has for a split, or None without such a list."""
    for folder in (data_dir, os.path.dirname(os.path.abspath(data_dir))):
        path = os.path.join(folder, SPLITS_FILE)
        if os.path.exists(path):
            try:
                with open(path, encoding="utf-8", newline="") as file:
                    return set(_rows_of_split(csv.DictReader(file), split, path))
            except (OSError, ValueError, csv.Error) as error:
                raise UserError(f"{display_name(path)}: cannot be read ({error})") from None
    return None


def _rows_of_split(rows: csv.DictReader, split: str, path: str) -> Iterator[str]:
    if not {"id", "split"} <= set(rows.fieldnames or ()):
        raise UserError(f"{display_name(path)}: must have the columns id and split")
    return (row["id"] for row in rows if row["split"] == split)
