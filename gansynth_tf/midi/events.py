"""Standard MIDI Files as lists of events.

Read here rather than by mido, which loses the waiting time of meta events that it does not know, plays only as many
tracks as the header counts, and refuses whole files for bytes that no note needs.

Lengths and counts in a file may be wrong: a track goes to its end-of-track event, and all tracks that are there count.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import struct
from typing import NamedTuple

MAX_BYTES = 1 << 28
META, TEMPO, _END_OF_TRACK = 0xFF, 0x51, 0x2F
_SYSEX = (0xF0, 0xF7)
# Data bytes of each kind of channel message, and of the system messages that have any.
_CHANNEL_SIZES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SYSTEM_SIZES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_CHUNK_HEAD, _HEADER_LENGTH = 8, 6
_HEADER, _TRACK = b"MThd", b"MTrk"
_END_EVENT = bytes([META, _END_OF_TRACK, 0])


class Event(NamedTuple):
    """One event of a track.

    Attributes:
      tick: from the start of the file on.
      status: first byte of the message: of channel messages, their kind and channel.
      data: the other bytes as they stand in the file, which may be above 127; of a meta event, its type and its data.
    """

    tick: int
    status: int
    data: bytes


@dataclasses.dataclass
class MidiFile:
    """A MIDI file.

    Attributes:
      kind: 0, 1 or 2.
      division: ticks of a beat; below 0, -frames of a second in the upper byte and ticks of a frame in the lower.
      tracks: events of each.
      faults: what is wrong with the file, in words.
    """

    kind: int
    division: int
    tracks: list[list[Event]] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)


class DamagedMidi(Exception):
    """Why a file cannot be read; the message is the reason alone."""


def read_events(path: str) -> MidiFile:
    """Reads a MIDI file of any type, also within a RIFF container (RMID).

    Raises:
      DamagedMidi: it is none, or its events cannot be told apart.
      OSError: it cannot be opened.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise DamagedMidi("it is not a regular file")
    if status.st_size > MAX_BYTES:
        raise DamagedMidi(f"it is larger than {MAX_BYTES >> 20} MiB")
    with open(path, "rb") as stream:
        data = stream.read()
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = data[max(0, data.find(_HEADER)) :]
    if data[:4] != _HEADER or len(data) < _CHUNK_HEAD + _HEADER_LENGTH:
        raise DamagedMidi("it does not begin with a MIDI header")
    length, kind, count, division = struct.unpack_from(">IHHh", data, 4)
    file = MidiFile(kind, division)
    _read_tracks(data, _CHUNK_HEAD + (length if _is_chunk(data, _CHUNK_HEAD + length) else _HEADER_LENGTH), file)
    if not file.tracks:
        raise DamagedMidi("it holds no track")
    if count != len(file.tracks):
        file.faults.append(f"its header gives {count} as the number of tracks, and it holds {len(file.tracks)}")
    wrong = sum(event.status < 0xF0 and max(event.data) > 127 for track in file.tracks for event in track)
    if wrong:
        file.faults.append(f"data bytes above 127 in {wrong} of its messages")
    return file


def _read_tracks(data: bytes, position: int, file: MidiFile) -> None:
    """Adds the tracks that begin at `position` or after, whatever other chunks and stray bytes lie between them."""
    while 0 <= position < len(data):
        if data.startswith(_TRACK, position) and _is_chunk(data, position):
            position = _Track(data, position, file).read()
        elif _is_chunk(data, position):
            position = _chunk_end(data, position)
        elif _TRACK.startswith(data[position : position + 4]) and len(data) - position < _CHUNK_HEAD:
            raise DamagedMidi(f"it ends too early, where track {len(file.tracks) + 1} begins")
        else:
            position = data.find(_TRACK, position + 1)


def _is_chunk(data: bytes, position: int) -> bool:
    """Tells whether a chunk begins here: a track of any length, or another chunk that ends within the file."""
    if position + _CHUNK_HEAD > len(data):
        return False
    kind = data[position : position + 4]
    if kind == _TRACK:
        return True
    return all(0x20 <= byte < 0x7F for byte in kind) and _chunk_end(data, position) <= len(data)


def _chunk_end(data: bytes, position: int) -> int:
    return position + _CHUNK_HEAD + int.from_bytes(data[position + 4 : position + _CHUNK_HEAD], "big")


class _Track:
    """Reads one track."""

    def __init__(self, data: bytes, position: int, file: MidiFile) -> None:
        self._data, self._file = data, file
        self._start, self._declared_end = position + _CHUNK_HEAD, _chunk_end(data, position)
        self._position = self._start
        end = self._declared_end
        self._length_fits = end == len(data) or _is_chunk(data, end)

    def read(self) -> int:
        """Adds the track's events to the file; returns where to look for the next chunk."""
        events: list[Event] = []
        tick = running = 0
        ended = False
        while not ended and not self._is_over():
            tick += self._number()
            status = self._byte()
            if status < 0x80:  # the first data byte of a message like the last
                if not running:
                    raise DamagedMidi(f"{self._name()} has a data byte where a message should begin")
                self._position -= 1
                status = running
            events.append(Event(tick, status, self._message(status)))
            if status < 0xF0:  # system messages and meta events in between leave it as it is
                running = status
            ended = status == META and events[-1].data[0] == _END_OF_TRACK
        self._file.tracks.append(events)
        if not ended:
            self._file.faults.append(f"{self._name(-1)} has no end-of-track event")
        return self._next_chunk()

    def _name(self, later: int = 0) -> str:
        return f"track {len(self._file.tracks) + 1 + later}"

    def _is_over(self) -> bool:
        """Tells whether the track ends here for want of an end-of-track event."""
        at = self._position
        if at == self._declared_end:
            return self._length_fits or not self._end_follows()
        wrong_length = at > self._declared_end or not self._length_fits
        return at >= len(self._data) or (wrong_length and self._data.startswith(_TRACK, at))

    def _end_follows(self) -> bool:
        """Tells whether the bytes up to the next track, or the end of the file, hold an end-of-track event."""
        following = self._data.find(_TRACK, self._position)
        return self._data.find(_END_EVENT, self._position, following if following >= 0 else None) >= 0

    def _next_chunk(self) -> int:
        at, end = self._position, self._declared_end
        if at == end:
            return at
        declared, found = end - self._start, at - self._start
        self._file.faults.append(f"{self._name(-1)} has {declared} bytes by its length, and ends after {found}")
        within = at < end and self._length_fits and not self._data.startswith(_TRACK, at)
        return end if within else at

    def _message(self, status: int) -> bytes:
        """The bytes of a message after its status."""
        if status == META:
            return self._bytes(1) + self._bytes(self._number())
        if status in _SYSEX:
            return self._bytes(self._number())
        return self._bytes(_SYSTEM_SIZES.get(status, 0) if status >= 0xF0 else _CHANNEL_SIZES[status & 0xF0])

    def _number(self) -> int:
        """A number of variable length: seven bits a byte, the highest bit of all but the last byte set."""
        value = 0
        for _ in range(4):
            byte = self._byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise DamagedMidi(f"{self._name()} has a time or a length of more than four bytes")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        found = self._data[self._position : self._position + count]
        if len(found) < count:
            raise DamagedMidi(f"it ends too early, within an event of {self._name()}")
        self._position += count
        return found
