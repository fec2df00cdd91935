"""MPEG audio: where the files begin that one is made of, and how many frames each has (ISO 11172-3, ISO 13818-3)."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

# Within so many bytes of its first frame an mp3 tells its length, if it does.
_MARK_END = 200
# Further away, what looks like a frame is none.
_FARTHEST = 1 << 20
# kbit/s, by whether it is MPEG 1, and layer (ISO 11172-3, 2.4.2.3, and ISO 13818-3).
_BITRATES = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def mp3_parts(data: mmap.mmap) -> tuple[list[int], dict[int, bytes]]:
    """Finds where the files begin of which an mp3 is made, each with its number of frames, by which libsndfile goes.

    Returns:
      The places; and by their places the right numbers, where a file tells too few.
    """
    starts, instead = [0], {}
    mark, told, frames = -1, -1, 0

    def check() -> None:
        if 0 <= told < frames - 1:
            instead[mark + 8] = frames.to_bytes(4, "big")

    for at, size in _mpeg_frames(data):
        found = _mp3_mark(data, at, size)
        if found < 0:
            frames += 1
            continue
        check()
        if frames:
            starts.append(at)
        flags = int.from_bytes(data[found + 4 : found + 8], "big")
        told = int.from_bytes(data[found + 8 : found + 12], "big") if flags & 1 else -1
        mark, frames = found, 0
    check()
    return starts, instead


def _mp3_mark(data: mmap.mmap, at: int, size: int) -> int:
    """The place of the mark in a frame without sound, which tells the number of frames to come; -1 in any other."""
    frame = data[at : at + min(size, _MARK_END)]
    return max((at + place if place >= 0 else -1) for place in (frame.find(b"Xing"), frame.find(b"Info")))


def _mpeg_frames(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """The frames of an MPEG audio file: their places and sizes. Tags and noise between them are skipped."""
    at = 0
    while at >= 0:
        at += _id3_size(data, at)
        size = _mpeg_frame_size(data[at : at + 4])
        if size:
            yield at, size
            at += size
        else:
            at = _next_mpeg_frame(data, at + 1)


def _next_mpeg_frame(data: mmap.mmap, at: int) -> int:
    """The next place at which a frame begins that another one follows, or a tag; -1 if there is none nearby."""
    end = at + _FARTHEST
    tag = data.find(b"ID3", at, end)
    while tag >= 0 and not _id3_size(data, tag):
        tag = data.find(b"ID3", tag + 1, end)
    stop = tag if tag >= 0 else end
    while (at := data.find(b"\xff", at, stop)) >= 0:
        size = _mpeg_frame_size(data[at : at + 4])
        if size and _mpeg_frame_size(data[at + size : at + size + 4]):
            return at
        at += 1
    return tag


def _id3_size(data: mmap.mmap, at: int) -> int:
    """Bytes of a tag (ID3v2); 0 if none begins here."""
    head = data[at : at + 10]
    if head[:3] != b"ID3" or len(head) < 10 or max(head[6:]) > 0x7F:
        return 0
    return len(head) + sum(byte << 7 * (3 - place) for place, byte in enumerate(head[6:]))


def _mpeg_frame_size(head: bytes) -> int:
    """Bytes of an MPEG audio frame by its first four (ISO 11172-3, 2.4.1.3); 0 if none begins with them."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or rate == 3 or not 0 < bitrate < 15:
        return 0
    kilobits = _BITRATES[version == 3, layer][bitrate - 1]
    sample_rate = (44100, 48000, 32000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12000 * kilobits // sample_rate + padding) * 4
    slots = 72000 if layer == 3 and version != 3 else 144000
    return slots * kilobits // sample_rate + padding
