"""Shards: decoded files one after another, as int16 codes where these are exact, else as float32.

A shard begins with `MAGIC` and zeros up to `ALIGNMENT` bytes, as does each file in it. Of codes, the samples are
code / 32768 / divisor in float32, to the bit what the decoder and its normalisation give. Beside a shard lie its facts
(npz), which appear when it is whole: a shard that has them is never written again.
"""

from __future__ import annotations

import array
import dataclasses
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import filesystems
from wavegan_tf.core.reading import MAX_TEXT_BYTES, Unreadable, arrays_in, parse_json, whole_number
from wavegan_tf.core.writing import npz

MAGIC = b"AUDSHRD1"
ALIGNMENT = 64
# Longer files are decoded twice, for the peak and to keep, as `core.audio.store` does.
_LONG_BYTES = 1 << 25
_COLUMNS = {"index": np.int64, "offset": np.int64, "length": np.int64, "divisor": np.float32, "peak": np.float32,
            "power": np.float64}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ShardFacts:
    """Facts about a shard.

    Attributes:
      size: bytes.
      sha256: of all bytes.
      skipped: (place in the shard's list of files, reason) of those that cannot be used.
      index: int64 [files], place of each in the list.
      offset: int64 [files], byte at which each begins.
      length: int64 [files], samples of each.
      divisor: float32 [files], by which codes are divided; 0 for a file of float32.
      peak: float32 [files], largest absolute sample before normalisation.
      power: float64 [files], mean square before normalisation.
    """

    size: int
    sha256: str
    skipped: tuple[tuple[int, str], ...]
    index: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    divisor: np.ndarray
    peak: np.ndarray
    power: np.ndarray


def shard_name(number: int, count: int) -> str:
    """The file of a shard."""
    return f"shard-{number:05d}-of-{count:05d}.audio"


def facts_path(folder: str, number: int, count: int) -> str:
    """The path of the facts about a shard."""
    return filesystems.join(folder, f"{shard_name(number, count)}.npz")


def read_facts(folder: str, number: int, count: int, key: str) -> ShardFacts | None:
    """The facts of a shard of this key that is whole by its size; None if there is none."""
    path = filesystems.join(folder, shard_name(number, count))
    facts = facts_path(folder, number, count)
    try:
        size = filesystems.size_of(path)
        if size is None or filesystems.size_of(facts) is None:
            return None
        columns = arrays_in(io.BytesIO(filesystems.read(facts)), [*_COLUMNS, "text"], MAX_TEXT_BYTES)
        text = parse_json(columns.pop().tobytes().decode())
        if text["key"] != key or whole_number(text, "size", 0, 1 << 62) != size:
            return None
        skipped = tuple((int(place), str(reason)) for place, reason in text["skipped"])
        return ShardFacts(size, str(text["sha256"]), skipped, *columns)
    except (OSError, Unreadable, UserError, KeyError, TypeError, ValueError):
        return None


def write_shard(settings: Mapping[str, Any], unit: Mapping[str, Any]) -> None:
    """Decodes the files of a shard and writes them and their facts, unless that has been done.

    Args:
      settings: folder, key, num_shards, decoding (arguments of `Decoding`) and skip_bad.
      unit: number of the shard, and the path of a JSON list of its files.

    Raises:
      UserError: it cannot be written, or a file is bad without `skip_bad`.
    """
    from wavegan_tf.core.audio.options import Decoding

    folder, count, number = settings["folder"], settings["num_shards"], unit["number"]
    if read_facts(folder, number, count, settings["key"]) is not None:
        return
    decoding = Decoding(**settings["decoding"])
    files = json.loads(filesystems.read(unit["list"]).decode(errors="surrogateescape"))
    columns: dict[str, array.array] = {name: array.array(np.dtype(kind).char) for name, kind in _COLUMNS.items()}
    skipped: list[tuple[int, str]] = []
    with filesystems.new_file(filesystems.join(folder, shard_name(number, count))) as file:
        sink = _Sink(file)
        sink.write(MAGIC)
        for place, path in enumerate(files):
            try:
                row: tuple = (place, *_write_file(sink, path, decoding))
            except _Unusable as error:
                if not settings["skip_bad"]:
                    raise UserError(
                        f"{display_name(path)}: {error}; repair or remove it, or set --data_skip_bad=true"
                    ) from None
                skipped.append((place, str(error)))
                continue
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    text = {"key": settings["key"], "size": sink.size, "sha256": sink.digest.hexdigest(), "skipped": skipped}
    arrays = {name: np.frombuffer(columns[name], kind) for name, kind in _COLUMNS.items()}
    arrays["text"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    filesystems.write(facts_path(folder, number, count), npz(**arrays))


class _Unusable(Exception):
    """Why a file cannot be used; the message is the reason alone."""


class _Sink:
    """A file that is written from its beginning, with the digest of what went there."""

    def __init__(self, file: BinaryIO):
        self._file, self.size, self.digest = file, 0, hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)

    def align(self) -> int:
        """Fills up with zeros; returns where the next byte goes."""
        self.write(bytes(-self.size % ALIGNMENT))
        return self.size


class _Scan:
    """Length, peak and exactness of a file, found before the first of its samples is written.

    Attributes:
      kept: its blocks, None if they are too many to be held.
      length: samples.
      peak: largest absolute sample.
      squares: sum of the squares.
      is_exact: whether all samples are int16 codes divided by 32768.
    """

    def __init__(self, blocks: Iterable[np.ndarray]):
        self.kept: list[np.ndarray] | None = []
        self.length, self.peak, self.squares, self.is_exact = 0, 0.0, 0.0, True
        size = 0
        for block in blocks:
            size += block.nbytes
            self.kept = [*self.kept, block] if self.kept is not None and size <= _LONG_BYTES else None
            self.length += len(block)
            self.peak = max(self.peak, float(np.max(np.abs(block), initial=0.0)))
            self.squares += float(np.sum(np.square(block, dtype=np.float64)))
            self.is_exact = self.is_exact and self.peak <= 1 and _codes(block) is not None


def _write_file(sink: _Sink, path: str, decoding: Any) -> tuple[int, int, np.float32, np.float32, float]:
    """Writes a file of at least one sample; returns its `_COLUMNS` without the first.

    Raises:
      _Unusable: it cannot be decoded; nothing of it was written.
    """
    from wavegan_tf.core.audio.decode import AudioError, decode_blocks, peak_divisor

    with filesystems.local_copy(path) as local:
        arguments = (local, decoding.sample_rate, decoding.num_channels, decoding.fast_wav)
        try:
            found = _Scan(decode_blocks(*arguments))
        except AudioError as error:
            raise _Unusable(str(error).removeprefix(f"{display_name(local)}: ")) from None
        divisor = peak_divisor(found.peak if decoding.normalize else 1.0)
        offset = sink.align()
        try:
            for block in decode_blocks(*arguments) if found.kept is None else found.kept:
                data = _codes(block) if found.is_exact else np.asarray(block / divisor, "<f4")
                assert data is not None, "a file has other samples than a moment ago"
                if data.size:  # A resampler may end with an empty block, of which NumPy makes no view of bytes.
                    sink.write(np.ascontiguousarray(data).data.cast("B"))
        except AudioError as error:
            raise UserError(f"{display_name(path)}: changed while it was read ({one_line(error)})") from None
    kept_divisor = divisor if found.is_exact else np.float32(0)
    power = found.squares / (found.length * decoding.num_channels)
    return offset, found.length, kept_divisor, np.float32(found.peak), power


def _codes(block: np.ndarray) -> np.ndarray | None:
    """The int16 codes that are these samples to the bit once divided by 32768; None if some are not.

    Args:
      block: float32 [t, c] in [-1, 1].
    """
    codes = np.minimum(block * np.float32(32768), np.float32(32767)).astype("<i2")
    # Bits, as -0.0 equals 0.0.
    is_exact = np.array_equal((codes * np.float32(1 / 32768)).view(np.uint32), block.view(np.uint32))
    return codes if is_exact else None
