"""MIDI files in the page are read as by gansynth_tf.midi.reading: same notes to the last bit, faults and words."""

from __future__ import annotations

import pathlib
import random
from typing import Any

import numpy as np
import pytest

from gansynth_tf.midi import reading
from tests import javascript, midi_files
from tests.gansynth.midi.test_oracle import random_file
from tests.midi_files import control, meta, off, on, pedal, sysex, tempo
from tests.originals import GOLDENS
from wavegan_tf.core.errors import UserError

ROOT = pathlib.Path(__file__).parents[3]
READ = """
const { readMidi, UnusableMidi } = await load("notes.js");
answer(given.map(({ hex, options }) => {
  try {
    const { notes, ...rest } = readMidi(new Uint8Array(Buffer.from(hex, "hex")), options);
    return { notes: notes.map(({ pitch, velocity, start, end }) => [pitch, velocity, start, end]), ...rest };
  } catch (error) {
    if (!(error instanceof UnusableMidi)) throw error;
    return { error: error.message };
  }
}));
"""
OPTIONS: list[dict[str, Any]] = [{}, {"sustain": False}, {"drums": False}, {"minPitch": 55, "maxPitch": 61}]
PYTHON_NAMES = {"minPitch": "min_pitch", "maxPitch": "max_pitch"}


def expected(path: pathlib.Path, options: dict[str, Any]) -> dict[str, Any]:
    try:
        found = reading.read_midi(str(path), **{PYTHON_NAMES.get(name, name): v for name, v in options.items()})
    except UserError as error:
        return {"error": str(error).removeprefix(f"{path}: ")}
    columns = (found.pitches, found.velocities, found.start_times, found.end_times)
    rows = [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    counts = {"outOfRange": found.out_of_range, "withoutLength": found.without_length, "drums": found.drums}
    return {"notes": rows, **counts, "faults": list(found.faults)}


def assert_read_alike(folder: pathlib.Path, contents: list[bytes], options: list[dict[str, Any]]) -> list[Any]:
    """Reads every file with every set of options, here and in the page; returns what the page found."""
    cases = [(content, chosen) for content in contents for chosen in options]
    found = javascript.run(READ, [{"hex": content.hex(), "options": chosen} for content, chosen in cases])
    path = folder / "x.mid"
    for (content, chosen), one in zip(cases, found, strict=True):
        path.write_bytes(content)
        assert one == expected(path, chosen), (content[:200].hex(), chosen)
    return found


def file(*tracks: Any, kind: int = 1, division: int = midi_files.BEAT, **options: Any) -> bytes:
    chunks = [midi_files.chunk(b"MTrk", midi_files.track(messages, **options)) for messages in tracks]
    return midi_files.header(len(tracks), kind, division) + b"".join(chunks)


def test_the_files_of_the_repository(tmp_path):
    paths = [ROOT / "gansynth_tf" / "demo" / "tune.mid", GOLDENS / "gansynth" / "example.mid"]
    found = assert_read_alike(tmp_path, [path.read_bytes() for path in paths], OPTIONS)
    assert all(len(one["notes"]) > 5 for one in found[:: len(OPTIONS)])


CHORDS = [on(0), on(0, 64), pedal(50, 127), off(50), off(0, 64), on(10, 60, 30), off(20), pedal(10, 0), on(0, 62)]
WRITTEN = {
    "tempos of two tracks": file([tempo(0, 1_000_000), tempo(200, 250_000)], [on(100), off(200), tempo(0, 400_001)]),
    "running status": file([*CHORDS, on(5, 60, 0)], running_status=True),
    "type 0": file(CHORDS, kind=0),
    "type 2, one track": file(CHORDS, kind=2),
    "type 2, two tracks": file(CHORDS, CHORDS, kind=2),
    "frames": file([on(1), off(7)], division=-(29 << 8) + 80),
    "drums": file([on(0, channel=9), on(0, 62), off(50, channel=9), off(9, 62)]),
    "only drums": file([on(0, channel=9), off(50, channel=9)]),
    "channel modes": file([pedal(0, 127), on(0), on(0, 64), off(50), control(50, 123), control(9, 120), on(0), off(9)]),
    "no note": file([tempo(0, 500_000)]),
    "no length": file([on(0), off(0)]),
    "bytes above 127": file([control(0, 7, 200), on(0, 60, 200), on(0, 253), off(100), off(0, 253)]),
    "system messages": file([sysex(0, b"\x90\xff\xf7"), (0, b"\xf8"), (0, b"\xf2\x01\x02"), on(0), off(9)]),
    "a long text": file([meta(200, 1, b"\xff" * 300), on(0), off(100)]),
    "container": b"RIFF" + bytes(4) + b"RMIDdata" + bytes(4) + file(CHORDS),
    "count": midi_files.header(7) + midi_files.chunk(b"MTrk", midi_files.track(CHORDS)) + b"\0junk",
    "no end": file(CHORDS, end=None),
    "no tempo": file([tempo(0, 0), *CHORDS]),
    "short tempo": file([meta(0, 0x51, b"\1"), *CHORDS]),
    "no ticks": file(CHORDS, division=0),
    "no ticks in a frame": file(CHORDS, division=-(25 << 8)),
    "days": file([tempo(0, 16_000_000), on(2**27), off(100)], division=1),
    "no status": midi_files.header(1) + midi_files.chunk(b"MTrk", b"\0\x3c\x64"),
    "no track": midi_files.header(0),
    "empty": b"",
}


def test_files_of_every_kind(tmp_path):
    found = assert_read_alike(tmp_path, list(WRITTEN.values()), OPTIONS)
    errors = [name for name, one in zip(WRITTEN, found[:: len(OPTIONS)], strict=True) if "error" in one]
    assert errors == [
        "type 2, two tracks", "no note", "no length", "no tempo", "short tempo", "no ticks", "no ticks in a frame",
        "days", "no status", "no track", "empty",
    ]  # fmt: skip


def test_tracks_and_headers_that_lie_about_their_length(tmp_path):
    first, second = midi_files.track([on(0), off(100)]), midi_files.track([on(100, 62), off(100, 62)])
    contents = []
    for length in [*range(len(first) + 40), 1 << 20, 0xFFFFFFFF]:
        contents.append(
            midi_files.header(2) + midi_files.chunk(b"MTrk", first, length) + midi_files.chunk(b"MTrk", second)
        )
        words = midi_files.header(1)[8:] + bytes(length % 5)
        contents.append(midi_files.chunk(b"MThd", words, length) + midi_files.chunk(b"MTrk", first))
    assert_read_alike(tmp_path, contents, [{}])


def random_contents(seed: int, count: int) -> list[bytes]:
    """Files made at random, of which a third are cut or have bytes changed."""
    rng, chance = np.random.default_rng(seed), random.Random(seed)
    contents = []
    for _ in range(count):
        content = bytearray(random_file(rng)[0])
        fate = chance.randrange(6)
        if fate == 0:
            del content[chance.randrange(len(content)) :]
        elif fate == 1:
            for _ in range(chance.randrange(1, 6)):
                content[chance.randrange(len(content))] = chance.choice([0, 1, 63, 127, 128, 144, 255])
        contents.append(bytes(content))
    return contents


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 8))])
def test_files_made_at_random(tmp_path, seed):
    found = assert_read_alike(tmp_path, random_contents(seed, 250), [{}, {"sustain": False}])
    assert sum("error" in one for one in found) < len(found) / 2
