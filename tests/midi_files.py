"""Writing MIDI files byte by byte, right ones and wrong ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

# What a track is made of: ticks since the message before, and the bytes of the message.
Timed = tuple[int, bytes]

BEAT = 100  # ticks; at the default tempo a tick is 5 ms


def on(time: int, pitch: int = 60, velocity: int = 100, channel: int = 0) -> Timed:
    """The start of a note."""
    return time, bytes([0x90 | channel, pitch, velocity])


def off(time: int, pitch: int = 60, channel: int = 0) -> Timed:
    """The end of a note."""
    return time, bytes([0x80 | channel, pitch, 64])


def control(time: int, number: int, value: int = 0, channel: int = 0) -> Timed:
    """A controller or a channel mode message."""
    return time, bytes([0xB0 | channel, number, value])


def pedal(time: int, value: int, channel: int = 0) -> Timed:
    """A move of the sustain pedal."""
    return control(time, 64, value, channel)


def meta(time: int, kind: int, data: bytes = b"") -> Timed:
    """A meta event."""
    return time, bytes([0xFF, kind]) + number(len(data)) + data


def tempo(time: int, microseconds: int) -> Timed:
    """A change of tempo, to microseconds a beat."""
    return meta(time, 0x51, microseconds.to_bytes(3, "big"))


def sysex(time: int, data: bytes, status: int = 0xF0) -> Timed:
    """A system exclusive message, or with status F7 an escape."""
    return time, bytes([status]) + number(len(data)) + data


def number(value: int) -> bytes:
    """Variable length: seven bits a byte, the highest bit of all but the last byte set."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.insert(0, 0x80 | value & 0x7F)
    return bytes(digits)


END = meta(0, 0x2F)


def track(messages: Iterable[Timed], running_status: bool = False, end: Timed | None = END) -> bytes:
    """The bytes of a track.

    Args:
      messages: without the end of the track.
      running_status: skip the status of a channel message where the message before has the same.
      end: what ends the track; None for a track without end.
    """
    data, last = b"", 0
    for time, message in [*messages, *([end] if end else [])]:
        same = running_status and message[0] == last
        last = message[0] if message[0] < 0xF0 else 0
        data += number(time) + message[same:]
    return data


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    """A chunk, of a length that may be a lie."""
    return kind + (len(data) if length is None else length).to_bytes(4, "big") + data


def header(tracks: int, kind: int = 1, division: int = BEAT) -> bytes:
    """The header of a file."""
    words = (kind, tracks, division & 0xFFFF)
    return chunk(b"MThd", b"".join(word.to_bytes(2, "big") for word in words))


def save(path: Path, *tracks: Iterable[Timed], kind: int = 1, division: int = BEAT) -> str:
    """Writes a file without fault; returns its path."""
    chunks = [chunk(b"MTrk", track(messages)) for messages in tracks]
    path.write_bytes(header(len(tracks), kind, division) + b"".join(chunks))
    return str(path)
