"""Files of which libsndfile alone would give a part without a word: joined ones, and recordings that were cut off.

Streams written one after another into one ogg or mp3 file (`cat`, internet radio) are read as the files that they were.
A wav whose recorder never filled in the size of its data is read to its end.
"""

from __future__ import annotations

import io
import os
import struct
from typing import BinaryIO

_OGG_HEAD = struct.Struct("<4sBBqIIIB")
_BEGINS = 2  # flag of a page with which a stream begins
# Within so many bytes of its first frame an mp3 tells its length, if it does.
_FRAME_HEAD = 200
_ID3V1, _ID3V1_SIZE = b"TAG", 128


class Section(io.RawIOBase):
    """A part of a file as a file of its own, some bytes of which read otherwise than they are."""

    def __init__(self, path: str, start: int, stop: int, instead: dict[int, bytes] | None = None):
        """Opens bytes start to stop; `instead` gives other bytes, by their place in the file."""
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 - closed with this one
        self._start, self._stop, self._at, self._instead = start, stop, start, instead or {}

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See `io.IOBase`."""
        self._at = offset + {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._stop}[whence]
        return self.tell()

    def tell(self) -> int:
        """See `io.IOBase`."""
        return self._at - self._start

    def readinto(self, buffer) -> int:
        """See `io.RawIOBase`."""
        self._file.seek(self._at)
        data = bytearray(self._file.read(max(0, min(len(buffer), self._stop - self._at))))
        for place, other in self._instead.items():
            for at, byte in enumerate(other, place - self._at):
                if 0 <= at < len(data):
                    data[at] = byte
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()


def sections(path: str) -> list[Section]:
    """The parts of a file that is to be read in parts; none if it is to be read as it is."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] == b"OggS":
            starts = _ogg_starts(file, size)
        elif head[:4] in (b"RIFF", b"RIFX") and head[8:] == b"WAVE":
            instead = _unfilled(file, size, ">" if head[:4] == b"RIFX" else "<")
            return [Section(path, 0, size, instead)] if instead else []
        else:
            starts = _mp3_starts(file, size)
    if len(starts) < 2:
        return []
    return [Section(path, start, stop) for start, stop in zip(starts, [*starts[1:], size], strict=True)]


def _ogg_starts(file: BinaryIO, size: int) -> list[int]:
    """Where groups of Ogg streams begin: with the first page that begins one after pages that do not."""
    starts, at, within = [], 0, True
    while at + _OGG_HEAD.size <= size:
        file.seek(at)
        magic, _, flags, _, _, _, _, count = _OGG_HEAD.unpack(file.read(_OGG_HEAD.size))
        if magic != b"OggS":
            break
        begins = bool(flags & _BEGINS)
        if begins and within:
            starts.append(at)
        within = not begins
        at += _OGG_HEAD.size + count + sum(file.read(count))
    return starts


def _unfilled(file: BinaryIO, size: int, order: str) -> dict[int, bytes]:
    """The sizes of a wav whose data have none though bytes follow: by their places, what they should be."""
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"data":
            rest = min(size - at - 8, 0xFFFFFFFF - 1024)
            if length or not rest:
                return {}
            return {4: struct.pack(f"{order}I", at + rest), at + 4: struct.pack(f"{order}I", rest)}
        at += 8 + length + length % 2
    return {}


def _mp3_starts(file: BinaryIO, size: int) -> list[int]:
    """Where the files begin of which an mp3 is made: each but the last tells its length, by which libsndfile goes."""
    starts, at = [], 0
    while at < size and (found := _mp3_file(file, at)) is not None:
        starts.append(at)
        if not found:
            break
        at += found
        file.seek(at)
        if file.read(len(_ID3V1)) == _ID3V1:
            at += _ID3V1_SIZE
    return starts


def _mp3_file(file: BinaryIO, at: int) -> int | None:
    """The length of the mp3 that begins here, 0 if it does not tell; None if none does."""
    file.seek(at)
    head, tag = file.read(10), 0
    if head[:3] == b"ID3" and len(head) == 10:
        tag = len(head) + sum((byte & 0x7F) << 7 * (3 - place) for place, byte in enumerate(head[6:]))
    file.seek(at + tag)
    frame = file.read(_FRAME_HEAD)
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return None
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    flags = int.from_bytes(frame[place + 4 : place + 8], "big") if place >= 0 else 0
    # A number of frames, and one of bytes.
    return tag + int.from_bytes(frame[place + 12 : place + 16], "big") if flags & 3 == 3 else 0
