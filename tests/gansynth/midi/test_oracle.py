"""`read_midi` against a slow reader, over files made at random and over all orders of events within a tick."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gansynth_tf.midi import reading
from tests import midi_files
from wavegan_tf.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Sent:
    """A message as it reaches the player: messages are numbered in the order in which they are played."""

    index: int
    tick: int
    track: int
    message: bytes

    @property
    def channel(self) -> int:
        return self.message[0] & 0x0F

    def strikes(self) -> bool:
        return self.message[0] >> 4 == 9 and self.message[2] > 0

    def lets_go(self, note: Sent) -> bool:
        """Is the note-off of the key of this note."""
        kind = self.message[0] >> 4
        is_off = kind == 8 or (kind == 9 and self.message[2] == 0)
        return is_off and (self.track, self.channel, self.message[1]) == (note.track, note.channel, note.message[1])

    def is_control(self, channel: int, *numbers: int) -> bool:
        return self.message[0] == 0xB0 | channel and self.message[1] in numbers

    def lifts(self, channel: int) -> bool:
        return self.is_control(channel, 121) or (self.is_control(channel, 64) and self.message[2] < 64)


class SlowReader:
    """Each note by itself, by a search through all messages."""

    def __init__(self, tracks: list[list[midi_files.Timed]], division: int, sustain: bool) -> None:
        timed = []
        for index, messages in enumerate(tracks):
            ticks = np.cumsum([time for time, _ in messages], dtype=np.int64).tolist()
            timed += [(tick, index, message) for tick, (_, message) in zip(ticks, messages, strict=True)]
        timed.sort(key=lambda row: row[:2])
        self.sent = [Sent(number, *row) for number, row in enumerate(timed)]
        self.end = max((row[0] for row in timed), default=0)
        self.division, self.sustain = division, sustain

    def release(self, note: Sent) -> Sent | None:
        """Ends the key of a note."""
        for later in self.sent[note.index + 1 :]:
            if later.is_control(note.channel, 120, 123, 124, 125, 126, 127):
                return later
            # What starts at this moment goes on if an earlier note of the key ends.
            if later.lets_go(note) and (later.tick > note.tick or not self.earlier_held(later, note)):
                return later
        return None

    def earlier_held(self, by: Sent, note: Sent) -> bool:
        for other in self.sent[: by.index]:
            if other.strikes() and other.tick < by.tick and by.lets_go(other):
                released = self.release(other)
                if released is None or released.index >= by.index:
                    return True
        return False

    def note_end(self, note: Sent) -> int:
        """The tick at which a note ends."""
        released = self.release(note)
        if released is None:
            return self.end
        if released.is_control(note.channel, 120) or released.tick == note.tick or not self.pedal_before(released):
            return released.tick
        again = [s for s in self.sent if s.strikes() and (s.channel, s.message[1]) == (note.channel, note.message[1])]
        if any(s.tick == released.tick for s in again):
            return released.tick
        for later in self.sent[released.index :]:
            if later in again or later.lifts(note.channel) or later.is_control(note.channel, 120):
                return later.tick
        return self.end

    def pedal_before(self, released: Sent) -> bool:
        moves = [s for s in self.sent[: released.index] if s.is_control(released.channel, 64, 121)]
        return self.sustain and bool(moves) and not moves[-1].lifts(released.channel)

    def seconds(self, tick: int) -> float:
        """A tick in seconds."""
        if self.division < 0:
            rate = {24: Fraction(24), 25: Fraction(25), 29: Fraction("29.97"), 30: Fraction(30)}
            return float(tick / (rate[-(self.division >> 8)] * (self.division & 0xFF)))
        elapsed, last, tempo = 0, 0, 500_000
        for change in self.sent:
            if change.tick < tick and change.message[:2] == b"\xff\x51":
                elapsed, last = elapsed + (change.tick - last) * tempo, change.tick
                tempo = int.from_bytes(change.message[3:6], "big")
        return float(Fraction(elapsed + (tick - last) * tempo, 10**6 * self.division))

    def notes(self) -> list[tuple[int, int, float, float]]:
        """(pitch, velocity, start, end) by start and pitch, of the notes that last."""
        found = [(s, self.note_end(s)) for s in self.sent if s.strikes()]
        found = sorted((pair for pair in found if pair[1] > pair[0].tick), key=lambda p: (p[0].tick, p[0].message[1]))
        return [(s.message[1], s.message[2], self.seconds(s.tick), self.seconds(end)) for s, end in found]


def random_message(rng: np.random.Generator) -> bytes:
    """Few keys and channels, so that they meet; every kind of message there is."""
    channel, pitch, value = int(rng.integers(2)), 60 + int(rng.integers(2)), int(rng.choice([0, 1, 63, 64, 127]))
    kinds = {
        "note": 10, "off": 8, "pedal": 6, "mode": 1, "control": 1, "tempo": 1, "meta": 2, "sysex": 1, "other": 1,
    }  # fmt: skip
    kind = rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values()))
    data = rng.integers(0, 256, int(rng.choice([0, 1, 2, 5, 200])), np.uint8).tobytes()
    if kind == "note":
        return midi_files.on(0, pitch, value, channel)[1]
    if kind == "off":
        return midi_files.off(0, pitch, channel)[1]
    if kind == "pedal":
        return midi_files.pedal(0, value, channel)[1]
    if kind == "mode":
        return midi_files.control(0, int(rng.integers(120, 128)), value, channel)[1]
    if kind == "control":
        return midi_files.control(0, int(rng.integers(120)) & 0x3F, value, channel)[1]
    if kind == "tempo":
        return midi_files.tempo(0, int(rng.integers(1, 2_000_000)))[1]
    if kind == "meta":
        return midi_files.meta(0, int(rng.choice([n for n in range(128) if n not in (0x2F, 0x51)])), data)[1]
    if kind == "sysex":
        return midi_files.sysex(0, data, int(rng.choice([0xF0, 0xF7])))[1]
    status = int(rng.choice([0xA0, 0xC0, 0xD0, 0xE0]))
    return bytes([status | channel, *[value] * (1 if status in (0xC0, 0xD0) else 2)])


def random_file(rng: np.random.Generator) -> tuple[bytes, list[list[midi_files.Timed]], int]:
    """A file, its tracks and its division; headers may lie about tracks and lengths."""
    kind = int(rng.integers(3))
    division = int(rng.choice([1, 4, 96, 480, -(24 << 8) + 8, -(25 << 8) + 40, -(29 << 8) + 80, -(30 << 8) + 4]))
    # Times of up to four bytes, yet no more hours than a recording may have.
    scale = int(rng.choice([1, 100] if division in (1, 4) else [1, 100, 20000]))
    tracks, chunks = [], []
    for _ in range(int(rng.integers(1, 5)) if kind == 1 else 1):
        times = rng.choice([0, 0, 0, 1, 2], int(rng.integers(0, 30))) * scale
        messages = [(int(time), random_message(rng)) for time in times]
        end = (int(rng.integers(3)) * scale, midi_files.END[1])
        fate = rng.choice(["right", "right", "lie", "no end"])
        data = midi_files.track(messages, bool(rng.integers(2)), None if fate == "no end" else end)
        length = max(0, len(data) + int(rng.integers(-40, 40))) if fate == "lie" else len(data)
        chunks.append(midi_files.chunk(b"MTrk", data, length))
        tracks.append(messages if fate == "no end" else [*messages, end])
        if rng.integers(4) == 0:
            chunks.append(midi_files.chunk(b"XFIH", rng.integers(0, 256, 7, np.uint8).tobytes()))
    count = len(tracks) if rng.integers(2) else int(rng.integers(10))
    return midi_files.header(count, kind, division) + b"".join(chunks), tracks, division


def assert_same(path: Path, content: bytes, tracks: list[list[midi_files.Timed]], division: int, sustain: bool) -> None:
    path.write_bytes(content)
    expected = SlowReader(tracks, division, sustain).notes()
    if not expected:
        with pytest.raises(UserError, match="holds no note"):
            reading.read_midi(str(path), sustain=sustain)
        return
    found = reading.read_midi(str(path), sustain=sustain)
    rows = list(zip(found.pitches.tolist(), found.velocities.tolist(), strict=True))
    assert rows == [row[:2] for row in expected], content.hex()
    times = np.stack([found.start_times, found.end_times], 1)
    np.testing.assert_allclose(times, [row[2:] for row in expected], 1e-12, 1e-12, err_msg=content.hex())


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(s, marks=pytest.mark.slow) for s in range(4, 40))])
def test_random_files_have_the_notes_that_a_slow_reader_finds(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for _ in range(250):
        content, tracks, division = random_file(rng)
        assert_same(tmp_path / "x.mid", content, tracks, division, bool(rng.integers(4)))


def test_every_order_of_events_within_a_tick(tmp_path):
    moment = [midi_files.on(0), midi_files.off(0), midi_files.pedal(0, 127), midi_files.pedal(0, 0)]
    after = [midi_files.off(10), midi_files.pedal(10, 0)]
    beginnings = [[], [midi_files.on(0)], [midi_files.pedal(0, 127)], [midi_files.pedal(0, 127), midi_files.on(0)]]
    for before, order in itertools.product(beginnings, itertools.permutations(moment)):
        for places in itertools.product((0, 1), repeat=3):  # in which track each but the first stands
            tracks: list[list[midi_files.Timed]] = [[*before], []]
            for place, (_, message) in zip((0, *places), order, strict=True):
                tracks[place].append((10 if not any(time for time, _ in tracks[place]) else 0, message))
            tracks[0] += [*after, midi_files.END]
            tracks[1].append((50, midi_files.END[1]))
            chunks = b"".join(midi_files.chunk(b"MTrk", midi_files.track(t, end=None)) for t in tracks)
            assert_same(tmp_path / "x.mid", midi_files.header(2) + chunks, tracks, midi_files.BEAT, True)
