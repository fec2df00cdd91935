"""The index of a checkpoint, checked before TensorFlow believes it.

TensorFlow's own reader ends the process, or takes the memory, for a shape, a type or a size in an index that cannot be.
An index (`PREFIX.index`) is a sorted table of names and `BundleEntryProto`, as of LevelDB, whose blocks TensorFlow
writes uncompressed; the values lie in `PREFIX.data-00000-of-00001`.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

from wavegan_tf.core.errors import one_line
from wavegan_tf.core.reading import Unreadable, require_regular

_FOOTER_BYTES, _TRAILER_BYTES = 48, 5
_MAGIC = bytes.fromhex("57fb808b247547db")
# An index takes about a hundred bytes for a variable.
_MAX_BYTES = 1 << 26
_MAX_DIMENSIONS, _MAX_ELEMENTS, _MAX_SHARDS = 254, 2**63 - 1, 1 << 16
_STRING = 7  # tensorflow.DT_STRING
_HEADER = b""  # the key of the BundleHeaderProto


def checkpoint_state(directory: str) -> Any:
    """TensorFlow's list of a directory's checkpoints, the file `checkpoint`; None without one, or if it is no text.

    Raises:
      ValueError: it names none, or is no file that can be read without waiting.
    """
    with contextlib.suppress(OSError):
        require_regular(os.path.join(directory, "checkpoint"))
    return tf.train.get_checkpoint_state(directory)


def require_consistent(prefix: str) -> None:
    """Checks that the index of a checkpoint claims nothing that its files do not hold.

    Damage to the values themselves shows when TensorFlow compares their checksums.

    Args:
      prefix: path of the checkpoint without extension.

    Raises:
      Unreadable: it is damaged, or a file of it is missing.
    """
    try:
        require_regular(f"{prefix}.index")
        with open(f"{prefix}.index", "rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise Unreadable(f"its index is larger than {_MAX_BYTES >> 20} MiB")
        _check_entries(prefix, dict(_entries(data)))
    except OSError as error:
        raise Unreadable(f"{os.path.basename(str(error.filename))}: {error.strerror}") from None
    except Unreadable:
        raise
    except Exception as error:  # of indices beyond the data, and the protobuf library's own
        raise Unreadable(f"its index is damaged ({one_line(error)})") from None


def _check_entries(prefix: str, entries: dict[bytes, bytes]) -> None:
    if _HEADER not in entries:
        raise Unreadable("its index has no header")
    header = tensor_bundle_pb2.BundleHeaderProto.FromString(entries.pop(_HEADER))
    if header.endianness != header.LITTLE or not 1 <= header.num_shards <= _MAX_SHARDS:
        raise Unreadable(f"its index claims {header.num_shards} parts of byte order {header.endianness}")
    shards = [f"{prefix}.data-{shard:05d}-of-{header.num_shards:05d}" for shard in range(header.num_shards)]
    sizes = [os.path.getsize(path) for path in shards]
    total = 0
    for key, value in entries.items():
        name, entry = key.decode(), tensor_bundle_pb2.BundleEntryProto.FromString(value)
        if not 0 <= entry.shard_id < len(shards):
            raise Unreadable(f"{name} is in part {entry.shard_id} of {len(shards)}")
        if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > sizes[entry.shard_id]:
            raise Unreadable(f"{name} is at bytes {entry.offset} to {entry.offset + entry.size} of a shorter file")
        _check_size(name, entry, shards[entry.shard_id])
        total += entry.size
    if total > sum(sizes):
        raise Unreadable(f"its variables have {total} bytes, and its files {sum(sizes)}")


def _check_size(name: str, entry: Any, path: str) -> None:
    """Raises Unreadable if a variable is not as large as its shape and type say."""
    dims = [dim.size for dim in entry.shape.dim]
    if entry.shape.unknown_rank or entry.slices or len(dims) > _MAX_DIMENSIONS or min(dims, default=0) < 0:
        raise Unreadable(f"{name} has no whole shape")
    if math.prod(max(dim, 1) for dim in dims) > _MAX_ELEMENTS:
        raise Unreadable(f"{name} claims a shape of 2^63 elements or more")
    elements, dtype = math.prod(dims), tf.dtypes.as_dtype(entry.dtype)
    if entry.dtype == _STRING:
        fits = elements <= entry.size and _strings_size(path, entry, elements) == entry.size
    else:
        fits = (dtype.is_floating or dtype.is_integer or dtype.is_complex or dtype.is_bool) and (
            elements * dtype.size == entry.size
        )
    if not fits:
        raise Unreadable(f"{name} claims {elements} elements of {dtype.name}, and holds {entry.size} bytes")


def _strings_size(path: str, entry: Any, elements: int) -> int:
    """Bytes of so many strings: their lengths, a checksum of these, and they themselves."""
    with open(path, "rb") as file:
        file.seek(entry.offset)
        data = file.read(entry.size)
    place = total = 0
    for _ in range(elements):
        length, place = _varint(data, place)
        total += length
    return place + 4 + total


def _entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table."""
    footer = table[-_FOOTER_BYTES:]
    if len(footer) < _FOOTER_BYTES or not footer.endswith(_MAGIC):
        raise Unreadable("its index is no table, or is cut short")
    place = 0
    for _ in range(2):  # the block of metadata is left aside
        offset, place = _varint(footer, place)
        size, place = _varint(footer, place)
    for _, handle in _block(table, offset, size):
        offset, place = _varint(handle, 0)
        size, _ = _varint(handle, place)
        yield from _block(table, offset, size)


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block, of each key only what differs from the one before."""
    block = table[offset : offset + size]
    if len(block) != size or size < 4 or table[offset + size : offset + size + 1] != b"\0":
        raise Unreadable("its index has a block that is cut short or compressed")
    restarts = 4 * int.from_bytes(block[-4:], "little")
    end = size - 4 - restarts
    if end < 0:
        raise Unreadable("its index has a block that is cut short")
    place, key, starts = 0, b"", set()
    while place < end:
        start = place
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        length, place = _varint(block, place)
        if shared > len(key) or place + own + length > end:
            raise Unreadable("its index has an entry beyond its block")
        if not shared:
            starts.add(start)
        key = key[:shared] + block[place : place + own]
        place += own + length
        yield key, block[place - length : place]
    # Where a search may begin: not in the middle of an entry, where it would find others.
    places = {int.from_bytes(block[at : at + 4], "little") for at in range(end, size - 4, 4)}
    if not places <= starts | {0}:
        raise Unreadable("its index has an entry that begins within another")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and the place behind it."""
    number = 0
    for shift in range(0, 64, 7):
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise Unreadable("its index has a number of too many bytes")
