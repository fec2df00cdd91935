"""FLAC: where the files begin that one is made of, and how many samples each has (RFC 9639)."""

from __future__ import annotations

import mmap
import re

# The mark, and the head of the first block, which is of 34 bytes in every file.
_BEGIN = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
# Of the first block, from its beginning: the number of samples is the lower 36 bits of these eight bytes.
_TOTAL, _TOTAL_BITS = slice(18, 26), (1 << 36) - 1
# A frame is hardly longer, where the file does not tell.
_LONGEST_FRAME = 1 << 18


def flac_parts(data: mmap.mmap) -> tuple[list[int], dict[int, bytes]]:
    """Finds where the files begin that a FLAC file is made of, each with its number of samples, which decoders believe.

    Returns:
      The places; and by their places the right numbers, where a file tells too few.
    """
    starts = [found.start() for found in _BEGIN.finditer(data)]
    instead = {}
    for start, stop in zip(starts, [*starts[1:], len(data)], strict=True):
        field = int.from_bytes(data[start + _TOTAL.start : start + _TOTAL.stop], "big")
        told, total = field & _TOTAL_BITS, _last_sample(data, start, stop)
        if 0 < told < total:
            instead[start + _TOTAL.start] = (field - told + total).to_bytes(8, "big")
    return starts, instead


def _last_sample(data: mmap.mmap, start: int, stop: int) -> int:
    """The number of samples by the last frame; 0 if there is none."""
    block_size = int.from_bytes(data[start + 8 : start + 10], "big")
    longest = int.from_bytes(data[start + 15 : start + 18], "big") or _LONGEST_FRAME
    # A tag may follow the last frame.
    first, at = max(start + 42, stop - 2 * longest - 1024), stop
    while (at := data.rfind(b"\xff", first, at)) >= 0:
        end = _end_of_frame(data[at : at + 16], block_size)
        if end:
            return end
    return 0


def _end_of_frame(head: bytes, block_size: int) -> int:
    """Samples up to the end of the frame that begins with these bytes (RFC 9639, section 9.1); 0 if none does."""
    if len(head) < 6 or head[1] & 0xFE != 0xF8:
        return 0
    number, at = _coded_number(head[4:])
    at += 4
    length_code, rate_code = head[2] >> 4, head[2] & 15
    length = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608}.get(length_code, 0)
    if length_code > 7:
        length = 256 << length_code - 8
    if length_code in (6, 7):
        size = length_code - 5
        length = int.from_bytes(head[at : at + size], "big") + 1
        at += size
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if not length or number < 0 or at >= len(head) or _checksum(head[:at]) != head[at]:
        return 0
    return length + (number if head[1] & 1 else number * block_size)


def _coded_number(data: bytes) -> tuple[int, int]:
    """A number as FLAC codes it, in UTF-8's way with up to seven bytes, and how many it takes; -1 if it is none."""
    lead = data[0]
    if lead < 0x80:
        return lead, 1
    size = 8 - (~lead & 0xFF).bit_length()
    if not 2 <= size <= 7 or len(data) < size or any(byte >> 6 != 2 for byte in data[1:size]):
        return -1, 1
    value = lead & (0x7F >> size)
    for byte in data[1:size]:
        value = value << 6 | byte & 0x3F
    return value, size


def _checksum(data: bytes) -> int:
    """CRC-8 with the polynomial x^8 + x^2 + x + 1."""
    found = 0
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found << 1 ^ 0x107 if found & 0x80 else found << 1
    return found
