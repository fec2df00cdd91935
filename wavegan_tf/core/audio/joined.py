"""Files of which libsndfile alone would give a part without a word: joined ones, and recordings that were cut off.

Files written one after another into one (`cat`, internet radio) are read as the files that they were. A wav whose
recorder never filled in the size of its data is read to its end, and so is an mp3
or flac that tells a shorter length than it has.
"""

from __future__ import annotations

import functools
import io
import os
import struct
from typing import BinaryIO

from absl import logging

from wavegan_tf.core.audio.flac import flac_parts
from wavegan_tf.core.audio.mpeg import mp3_parts
from wavegan_tf.core.files import display_name
from wavegan_tf.core.reading import mapped

_OGG_HEAD = struct.Struct("<4sBBqIIIB")
_BEGINS = 2  # flag of a page with which a stream begins
_WAVES = (b"RIFF", b"RIFX")
_LONG_WAVES = (b"RF64", b"BW64")  # with sizes of 64 bits in a chunk of their own
# Files of chunks, with the order of their bytes.
_CHUNKED = {b"RIFF": "<", b"RIFX": ">", b"FORM": ">"}
# By a frame, an mp3 can have less than it tells. FLAC has 36 bits for the number of samples, and libsndfile takes the
# largest 64-bit number for one that is not told.
_LONGEST_FRAME, _UNKNOWN_FRAMES = 1152, 1 << 40


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
    instead: dict[int, bytes] = {}
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] == b"OggS":
            starts, lost = _ogg_starts(file, size)
            if lost:
                name = display_name(path)
                warn_once(f"{name}: {lost} of its pages are missing, and the sound on them; is it damaged?")
        elif head[:4] in _CHUNKED and len(head) == 12:
            starts = _chunked_starts(file, size, head[:4])
            if head[:4] in _WAVES:
                instead = _unfilled(file, size, _CHUNKED[head[:4]])
        elif head[:4] in _LONG_WAVES:
            # libsndfile knows BW64, which has the same chunks, by the older name.
            starts, instead = [0], {0: b"RF64"} if head[:4] == b"BW64" else {}
            instead |= _unfilled_long(file, size)
        elif head[:4] == b"fLaC" or head[:1] == b"\xff" or head[:3] == b"ID3":
            with mapped(file) as data:
                starts, instead = flac_parts(data) if head[:4] == b"fLaC" else mp3_parts(data)
            if instead:
                warn_once(f"{display_name(path)}: is longer than it tells; it is read to its end")
        else:
            return []
    if len(starts) < 2 and not instead:
        return []
    return [Section(path, start, stop, instead) for start, stop in zip(starts, [*starts[1:], size], strict=True)]


@functools.cache
def warn_once(text: str) -> None:
    """Warns, but not again when the file is decoded again."""
    logging.warning("%s", text)


def warn_of_loss(path: str, missing: int) -> None:
    """Warns of a file that is damaged or cut off; nothing is wrong with one that does not tell its length."""
    if _LONGEST_FRAME < missing < _UNKNOWN_FRAMES:
        warn_once(f"{display_name(path)}: {missing} samples are missing of those that it tells; is it damaged?")


def _ogg_starts(file: BinaryIO, size: int) -> tuple[list[int], int]:
    """Places at which groups of Ogg streams begin, and how many pages are missing by their numbers.

    A group begins with the first page that begins a stream after pages that do not.
    """
    starts, at, within = [], 0, True
    numbers, lost = dict[int, int](), 0
    while at + _OGG_HEAD.size <= size:
        file.seek(at)
        magic, _, flags, _, stream, number, _, count = _OGG_HEAD.unpack(file.read(_OGG_HEAD.size))
        if magic != b"OggS":
            break
        begins = bool(flags & _BEGINS)
        if not begins and stream in numbers:
            lost += max(0, number - numbers[stream] - 1)
        numbers[stream] = number
        if begins and within:
            starts.append(at)
        within = not begins
        at += _OGG_HEAD.size + count + sum(file.read(count))
    return starts, lost


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


def _unfilled_long(file: BinaryIO, size: int) -> dict[int, bytes]:
    """`_unfilled` for an RF64, whose chunk `ds64` has the sizes of file and data and the number of samples."""
    file.seek(12)
    name, length, _, told = struct.unpack("<4sIQQ", file.read(24).ljust(24, b"\0"))
    at = 20 + length + length % 2
    while name == b"ds64" and not told and at + 8 <= size:
        file.seek(at)
        chunk, length = struct.unpack("<4sI", file.read(8))
        rest = size - at - 8
        if chunk == b"data":
            is_unfilled = length in (0, 0xFFFFFFFF) and rest > 0
            return {20: struct.pack("<QQ", size - 8, rest), at + 4: b"\xff" * 4} if is_unfilled else {}
        at += 8 + length + length % 2
    return {}


def _chunked_starts(file: BinaryIO, size: int, kind: bytes) -> list[int]:
    """Places at which wav or aiff files begin that stand one after another."""
    starts, at = [0], 0
    while True:
        file.seek(at + 4)
        (length,) = struct.unpack(f"{_CHUNKED[kind]}I", file.read(4))
        at += 8 + length + length % 2
        file.seek(at)
        head = file.read(12)
        if len(head) < 12 or head[:4] != kind or head[8:] not in (b"WAVE", b"AIFF", b"AIFC"):
            return starts
        starts.append(at)
