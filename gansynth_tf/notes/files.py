"""Notes of a folder: by NSynth's examples.json and audio/, or by file names that encode the pitch."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from wavegan_tf.core.audio.files import find_audio_files, stem_of
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.reading import read_json, read_text

EXAMPLES_FILE = "examples.json"
SPLITS_FILE = "nsynth-gansynth_splits.csv"
PITCH_LIMITS = range(128)

_NSYNTH_NAME = re.compile(
    r"(?P<family>[a-z_]+?)_(?P<source>acoustic|electronic|synthetic)_\d+-(?P<pitch>\d{3})-(?P<velocity>\d{3})"
)
# Where a word begins (FluteC4 has two) and ends; a note's may end with how it is played: v1, vel100, rr2, pp, mf.
_BEGIN = r"(?:(?<![A-Za-z0-9#♯♭])|(?<=[a-z])(?=[A-Z]))"
_END = r"(?![A-Za-z0-9#♯♭])"
_PLAYED = r"(?:(?:v|vel|rr)[0-9]{1,3}|p{1,4}|m[pf]|f{1,4}|sfz)*"
_NOTE_NAME = re.compile(rf"{_BEGIN}([A-Ga-g])([#♯s♭b]?)([0-9]){_PLAYED}{_END}")
_NAMED_NUMBER = re.compile(rf"{_BEGIN}(?i:pitch|midi[ _-]?)([0-9]{{1,3}}){_END}")
_NUMBERED_NOTE = re.compile(rf"{_BEGIN}(?i:note|key)([0-9]{{1,3}}){_END}")
_NUMBER = re.compile(rf"{_BEGIN}[pP]?([0-9]{{1,3}}){_END}")
# C0, of 16 Hz.
_LOWEST_BARE_PITCH = 12
# C_4 may be a note or the fourth of section C; C-1 is the lowest note of MIDI, or C1.
_UNCLEAR = re.compile(rf"{_BEGIN}[A-Ga-g][#♯s♭b]?[ _-]+[0-9]{_END}")
# Pitch and velocity. Smaller numbers may as well be a count and a pitch.
_PITCH_AND_VELOCITY = re.compile(rf"{_BEGIN}(0?(?:2[1-9]|[3-9][0-9]))[ _-](1[0-9][0-9]){_END}")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "s": 1, "♭": -1, "b": -1}
# How to name a note.
ADVICE = "name it as bass_acoustic_000-036-100, flute_C#4 or flute_midi61"


@dataclasses.dataclass(frozen=True)
class Note:
    """A note before it is decoded.

    Attributes:
      name: for messages.
      pitch: MIDI number.
      family: of the instrument, such as "brass"; None if it is not known.
      source: of the sound, such as "acoustic"; None if it is not known.
      velocity: MIDI velocity; None if it is not known.
      path: of its file; empty for a record.
      has_bare_number: the pitch is a number in the name that could also count files: 61, note61 or key61.
    """

    name: str
    pitch: int
    family: str | None = None
    source: str | None = None
    velocity: int | None = None
    path: str = ""
    has_bare_number: bool = False


class BadNote(Exception):
    """Why a note cannot be used; the message is the reason alone."""


@dataclasses.dataclass
class NoteList:
    """Notes, (name, reason) of those that cannot be used, and how many are of other splits."""

    notes: list[Note] = dataclasses.field(default_factory=list)
    bad: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    of_other_splits: int = 0


def checked_pitch(pitch: Any, name: str) -> int:
    """A MIDI number that no other statement about the note contradicts.

    Raises:
      BadNote: it is none, or the note's name encodes another one.
    """
    if isinstance(pitch, bool) or not isinstance(pitch, int) or pitch not in PITCH_LIMITS:
        raise BadNote(f"pitch {pitch!r} is not a MIDI number from 0 to 127")
    match = _NSYNTH_NAME.fullmatch(name)
    if match and int(match["pitch"]) != pitch:
        raise BadNote(f"has pitch {pitch}, and {int(match['pitch'])} by its name")
    return pitch


def note_of_name(name: str) -> Note:
    """Reads a file name without extension: bass_acoustic_000-036-100, flute_C#4, FluteE♭4pp, horn-midi60, 60, 60_100.

    Middle C is C4, MIDI number 60. Bare numbers count where no note is named; midi61, note61, pitch61 and key61
    count beside it.

    Raises:
      BadNote: it encodes no pitch, or several, or it is not clear which.
    """
    match = _NSYNTH_NAME.fullmatch(name)
    if match:
        pitch = checked_pitch(int(match["pitch"]), name)
        return Note(name, pitch, match["family"], match["source"], int(match["velocity"]))
    velocity = None
    pitches = {_pitch_of_note(*groups) for groups in _NOTE_NAME.findall(name)}
    pitches |= {int(number) for number in _NAMED_NUMBER.findall(name)}
    has_bare_number = not pitches
    pitches |= {int(number) for number in _NUMBERED_NOTE.findall(name)}
    if not pitches:
        unclear = _UNCLEAR.search(name)
        if unclear:
            raise BadNote(f"its name encodes no clear pitch ({unclear[0]}); {ADVICE}")
        numbers = [int(number) for number in _NUMBER.findall(name) if int(number) in PITCH_LIMITS]
        pair = _PITCH_AND_VELOCITY.search(name)
        if pair and len(numbers) == 2 and int(pair[2]) in PITCH_LIMITS:
            numbers = [int(pair[1])]
            velocity, has_bare_number = int(pair[2]), False
        pitches = set(numbers)
    if len(pitches) != 1:
        raise BadNote(f"its name encodes {'several pitches' if pitches else 'no pitch'}; {ADVICE}")
    return Note(name, checked_pitch(pitches.pop(), name), velocity=velocity, has_bare_number=has_bare_number)


def notes_of_paths(paths: Sequence[str]) -> list[Note | BadNote]:
    """Reads the names of files together, which shows whether bare numbers count the files, as in kick_001, kick_002.

    The numbers of files whose names differ in nothing else count them, if one is below `_LOWEST_BARE_PITCH`, which
    nobody hears as a pitch. Where that holds for half of the files with bare numbers or more, it holds for all of them:
    what is left of a count, as after a split into parts, need not begin at its beginning.

    Returns:
      The note of each, with its path, or why it is none.
    """
    notes: list[Note | BadNote] = []
    series: dict[tuple[str, str], list[int]] = {}
    for place, path in enumerate(paths):
        try:
            note = dataclasses.replace(note_of_name(stem_of(path)), path=path)
        except BadNote as error:
            notes.append(error)
            continue
        notes.append(note)
        if note.has_bare_number:
            series.setdefault((os.path.dirname(path), re.sub("[0-9]+", "0", note.name)), []).append(place)
    pitches = [note.pitch if isinstance(note, Note) else -1 for note in notes]
    counted = [places for places in series.values() if min(pitches[place] for place in places) < _LOWEST_BARE_PITCH]
    if 2 * sum(map(len, counted)) >= sum(map(len, series.values())):
        counted = list(series.values())
    for place in (place for places in counted for place in places):
        notes[place] = BadNote(f"the number {pitches[place]} in its name counts files and encodes no pitch; {ADVICE}")
    return notes


def _pitch_of_note(letter: str, accidental: str, octave: str) -> int:
    return 12 * (int(octave) + 1) + _SEMITONES[letter.lower()] + _ACCIDENTALS[accidental]


def list_notes(data_dir: str, split: str, skip_bad: bool = True) -> NoteList:
    """The notes of a folder, sub-folders included, in the order of their paths.

    Args:
      data_dir: the folder. If it or a sub-folder holds examples.json beside audio/, as NSynth does, only what these
        list counts.
      split: which notes to take where nsynth-gansynth_splits.csv lies in the folder or the one above.
      skip_bad: report sub-folders that cannot be listed and go on, instead of stopping at the first.

    Raises:
      UserError: the folder or its lists cannot be read, or there is no audio.
    """
    root = data_dir.rstrip(os.sep) or data_dir  # "/" stays.
    files = find_audio_files(root, skip_bad=skip_bad)
    above = {os.path.dirname(os.path.dirname(path)) for path in files}
    folders = sorted({folder for folder in above if folder.startswith(os.path.join(root, ""))} | {root})
    lists = [path for path in (os.path.join(folder, EXAMPLES_FILE) for folder in folders) if os.path.exists(path)]
    found = NoteList()
    if lists:
        for path in lists:
            _add_listed(found, path, files)
    else:
        for path, note in zip(files, notes_of_paths(files), strict=True):
            if isinstance(note, Note):
                found.notes.append(note)
            else:
                found.bad.append((display_name(stem_of(path)), str(note)))
    chosen = _names_of_split(data_dir, split)
    if chosen is not None:
        found.of_other_splits = sum(note.name not in chosen for note in found.notes)
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
        entries = read_json(path)
    except (OSError, ValueError) as error:
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
                text = io.StringIO(read_text(path), newline="")
                return set(_rows_of_split(csv.DictReader(text), split, path))
            except (OSError, ValueError, csv.Error) as error:
                raise UserError(f"{display_name(path)}: cannot be read ({error})") from None
    return None


def _rows_of_split(rows: csv.DictReader, split: str, path: str) -> Iterator[str]:
    if not {"id", "split"} <= set(rows.fieldnames or ()):
        raise UserError(f"{display_name(path)}: must have the columns id and split")
    return (row["id"] for row in rows if row["split"] == split)
