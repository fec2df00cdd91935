"""Files whose checksums are right, whatever they claim: records, and the indices of checkpoints."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def _table() -> list[int]:
    found = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return found


_TABLE = _table()


def checksum(data: bytes) -> bytes:
    """CRC-32C as TensorFlow masks it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def record(payload: bytes, length: int | None = None) -> bytes:
    """A TFRecord, of a length that may be a lie."""
    header = struct.pack("<Q", len(payload) if length is None else length)
    return header + checksum(header) + payload + checksum(payload)


def varint(value: int) -> bytes:
    """A protocol buffer's number; negative ones have 64 bits."""
    value &= 2**64 - 1
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def number(field: int, value: int) -> bytes:
    """A field of a number."""
    return varint(field << 3) + varint(value)


def message(field: int, payload: bytes) -> bytes:
    """A field of bytes or of a message."""
    return varint(field << 3 | 2) + varint(len(payload)) + payload


HEADER = number(1, 1) + number(2, 0) + message(3, number(1, 1))


def entry(
    data: bytes, dims: Sequence[int], dtype: int = 1, offset: int = 0, size: int | None = None, shard: int = 0, more=b""
) -> bytes:
    """A BundleEntryProto; `data` is what the checksum is of."""
    shape = b"".join(message(2, number(1, dim)) for dim in dims)
    place = number(3, shard) + number(4, offset) + number(5, len(data) if size is None else size)
    return number(1, dtype) + message(2, shape) + place + varint(6 << 3 | 5) + checksum(data) + more


def _block(items: Sequence[tuple[bytes, bytes]]) -> bytes:
    parts = [varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in items]
    starts = [sum(map(len, parts[:number])) for number in range(len(parts))] or [0]
    return b"".join(parts) + struct.pack(f"<{len(starts) + 1}I", *starts, len(starts))


def index(items: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The index of a checkpoint: a table of keys and values."""
    handles: list[bytes] = []
    table = b""
    for block in (_block(items), _block([]), None):
        block = _block([(b"\xff", handles[0])]) if block is None else block
        handles.append(varint(len(table)) + varint(len(block)))
        table += block + b"\0" + checksum(block + b"\0")
    return table + (handles[1] + handles[2]).ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")
