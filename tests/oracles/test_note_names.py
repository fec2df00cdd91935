"""Pitches of file names beside a table of every note's name."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gansynth_tf.notes.files import BadNote, note_of_name
from gansynth_tf.notes.options import FAMILIES, SOURCES
from tests.oracles import profile

NATURAL = ("C", "", "D", "", "E", "F", "", "G", "", "A", "", "B")


def spelled() -> dict[str, int]:
    """Every name of every note, by going up a keyboard of twelve keys an octave from C0, which is 12."""
    found = {}
    for octave in range(10):
        for step, letter in enumerate(NATURAL):
            if letter:
                key = 12 * (octave + 1) + step
                for accidental, move in (("", 0), ("#", 1), ("♯", 1), ("s", 1), ("b", -1), ("♭", -1)):
                    found[f"{letter}{accidental}{octave}"] = key + move
                    found[f"{letter.lower()}{accidental}{octave}"] = key + move
    return found


NOTES = spelled()
# Words that tell no pitch, none of them one letter long, nor one that ends as a note's name begins.
WORDS = ("flute", "take", "Piano", "velo", "x2y", "loop")
PLAYED = ("", "v1", "vel100", "rr2", "p", "pp", "mf", "ff", "sfz", "v12pp")
NUMBERED = ("midi", "Midi", "MIDI", "midi_", "midi-", "midi ", "note", "pitch", "key", "KEY")


@st.composite
def parts(draw):
    """A part of a name, and what it tells: a kind, and a number."""
    kind = draw(st.sampled_from(["word", "note", "glued", "named", "number", "p number"]))
    if kind == "word":
        return draw(st.sampled_from(WORDS)), (kind, None)
    if kind in ("note", "glued"):
        name = draw(st.sampled_from(sorted(NOTES)))
        if kind == "glued":
            name = name[0].upper() + name[1:]
        text = ("Flute" if kind == "glued" else "") + name + draw(st.sampled_from(PLAYED))
        return text, ("note", NOTES[name])
    number = draw(st.sampled_from([0, 1, 20, 21, 60, 61, 99, 100, 127, 128, 199, 2019]))
    if kind == "named":
        assume(number < 1000)
        return f"{draw(st.sampled_from(NUMBERED))}{number}", ("note", number)
    digits = f"{number:0{draw(st.integers(1, 3))}d}"
    return ("p" if kind == "p number" else "") + digits, (kind, number)


def told(facts, separators):
    """The pitch and the velocity that a name tells, or None if it is not clear which."""
    pitches = {number for kind, number in facts if kind == "note"}
    velocity = None
    if not pitches:
        numbers = [number for kind, number in facts if kind in ("number", "p number") and number < 128]
        pitches = set(numbers)
        for index in range(len(facts) - 1):
            (kind, number), (other, second) = facts[index : index + 2]
            is_pair = kind == other == "number" and 21 <= number <= 99 and 100 <= second <= 127
            if is_pair and len(numbers) == 2 and separators[index] != ".":
                pitches, velocity = {number}, second
    if len(pitches) != 1 or min(pitches) > 127:
        return None
    return pitches.pop(), velocity


@profile.examples(1500)
@given(st.lists(parts(), min_size=1, max_size=4), st.data())
def test_pitches_of_names(chosen, data):
    separators = [data.draw(st.sampled_from(["_", "-", " ", "."])) for _ in chosen[1:]]
    texts, facts = [text for text, _ in chosen], [fact for _, fact in chosen]
    name = texts[0] + "".join(separator + text for separator, text in zip(separators, texts[1:], strict=True))
    expected = told(facts, separators)
    if expected is None:
        with pytest.raises(BadNote):
            note_of_name(name)
        return
    note = note_of_name(name)
    assert (note.pitch, note.velocity) == expected, name
    assert (note.name, note.family, note.source) == (name, None, None)


def test_every_note_in_every_spelling():
    assert len(NOTES) == 840
    for text, pitch in NOTES.items():
        if pitch > 127:
            with pytest.raises(BadNote):
                note_of_name(text)
        else:
            assert note_of_name(text).pitch == pitch, text


def test_every_pair_of_numbers():
    """A pitch and a velocity where the first can be no count and the second no pitch; else one of them at the most."""
    for first in range(131):
        for second in range(131):
            expected = told([("number", first), ("number", second)], ["_"])
            if expected is None:
                with pytest.raises(BadNote):
                    note_of_name(f"{first}_{second}")
            else:
                note = note_of_name(f"{first}_{second}")
                assert (note.pitch, note.velocity) == expected, (first, second)


@profile.examples(200)
@given(st.sampled_from(FAMILIES), st.sampled_from(SOURCES), st.integers(0, 130), st.integers(0, 127))
def test_names_of_nsynth(family, source, pitch, velocity):
    name = f"{family}_{source}_{velocity * 7:03d}-{pitch:03d}-{velocity:03d}"
    if pitch > 127:
        with pytest.raises(BadNote, match="is not a MIDI number"):
            note_of_name(name)
        return
    note = note_of_name(name)
    assert (note.pitch, note.family, note.source, note.velocity) == (pitch, family, source, velocity)
