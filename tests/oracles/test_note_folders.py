"""The notes of a folder, with and without NSynth's lists, beside a look at each file and each entry."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gansynth_tf.notes.files import list_notes
from tests.oracles import profile

NAMES = [f"bass_acoustic_{number:03d}-{60 + number:03d}-100" for number in range(4)]
# What an entry of examples.json may be, given the pitch that the name tells, and whether it can be used.
ENTRIES: dict[str, tuple[Any, bool]] = {
    "right": ({"instrument_family_str": "flute", "instrument_source_str": "electronic", "velocity": 25}, True),
    "bare": ({}, True),
    "odd": ({"instrument_family_str": 3, "velocity": "loud"}, True),
    "other pitch": ({"pitch": 12}, False),
    "no pitch": ({"pitch": None}, False),
    "no object": ([60], False),
}


@profile.examples(120)
@given(st.data(), st.booleans(), st.sampled_from(["", "here", "above"]), st.sampled_from(["train", "valid"]))
def test_folders(tmp_path_factory, data, with_lists, place_of_splits, split):
    above = tmp_path_factory.mktemp("above")
    root = above / "notes"
    found: list[tuple[str, Any]] = []  # path, entry
    bad: list[str] = []
    for folder in data.draw(st.sampled_from([["a"], ["b"], ["a", "b"]])):
        (root / folder / "audio").mkdir(parents=True)
        files = data.draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
        entries, wrong = {}, set()
        for name in files:
            (root / folder / "audio" / f"{name}.wav").touch()
        if not with_lists:
            found += [(str(root / folder / "audio" / f"{name}.wav"), None) for name in sorted(files)]
            continue
        (root / folder / f"{NAMES[0]}.wav").touch()  # beside audio/, where no list looks
        for name in data.draw(st.lists(st.sampled_from(NAMES), unique=True)):
            entry, is_right = ENTRIES[data.draw(st.sampled_from(sorted(ENTRIES)))]
            entries[name] = {"pitch": int(name[-7:-4]), **entry} if isinstance(entry, dict) else entry
            if name not in files or not is_right:
                wrong.add(name)
        (root / folder / "examples.json").write_text(json.dumps(entries))
        right = sorted(set(files) & set(entries) - wrong)
        found += [(str(root / folder / "audio" / f"{name}.wav"), entries[name]) for name in right]
        bad += [*wrong, *(set(files) - set(entries))]
    chosen = set(NAMES)
    if place_of_splits:
        rows = {name: data.draw(st.sampled_from(["train", "valid", None])) for name in NAMES}
        lines = ["id,split", *(f"{name},{part}" for name, part in rows.items() if part)]
        target = root if place_of_splits == "here" else above
        (target / "nsynth-gansynth_splits.csv").write_text("\n".join(lines) + "\n")
        chosen = {name for name, part in rows.items() if part == split}
    listed = list_notes(str(root), split)
    expected = [(path, entry) for path, entry in found if path.rpartition("/")[2][:-4] in chosen]
    assert [note.path for note in listed.notes] == [path for path, _ in expected]
    assert listed.of_other_splits == len(found) - len(expected)
    assert sorted(name for name, _ in listed.bad) == sorted(bad)
    for note, (path, entry) in zip(listed.notes, expected, strict=True):
        name = path.rpartition("/")[2][:-4]
        told: tuple[Any, ...] = ("bass", "acoustic", 100)
        if entry is not None:
            values = [entry.get(f"instrument_{key}_str") for key in ("family", "source")] + [entry.get("velocity")]
            told = tuple(v if isinstance(v, kind) else None for v, kind in zip(values, (str, str, int), strict=True))
        assert (note.name, note.pitch) == (name, int(name[-7:-4]))
        assert (note.family, note.source, note.velocity) == told
