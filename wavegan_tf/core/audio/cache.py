"""Decoded samples collected in memory or, when they grow too large, in one file that later runs use again.

Beside the raw float32 file lies an index (JSON): the key that names what was decoded and how, checksums, and
whatever the caller wants to find again. Both appear under their names only when whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import temporary_beside
from wavegan_tf.core.reading import read_json
from wavegan_tf.core.writing import why

FORMAT_VERSION = 3
_CHECKED_BYTES = 1 << 20
_ALIGNMENT = 64


class SampleSpool:
    """Collects blocks of samples in memory and moves to a file when they pass the limit."""

    def __init__(self, cache_path: str, memory_limit: int) -> None:
        """Starts empty.

        Args:
          cache_path: the file to write if need be; its folder is made if missing.
          memory_limit: bytes to hold in memory at most.
        """
        self._cache_path = cache_path
        self._temporary = ""
        self._memory_limit = memory_limit
        self._blocks: list[np.ndarray] = []
        self._size = 0
        self._file: BinaryIO | None = None

    @property
    def in_memory(self) -> bool:
        """False once the samples go to the file."""
        return self._file is None

    def extend(self, blocks: Iterable[np.ndarray]) -> int:
        """Appends float32 blocks [t, c]; returns how many samples they hold.

        Raises:
          UserError: the file can't be written.
        """
        length = 0
        for block in blocks:
            length += len(block)
            self._size += block.nbytes
            self._blocks.append(block)
            if self._file is not None or self._size > self._memory_limit:
                self._write()
        return length

    def _write(self) -> None:
        try:
            if self._file is None:
                folder = os.path.dirname(self._cache_path)
                os.makedirs(folder, exist_ok=True)
                self._temporary = temporary_beside(self._cache_path)
                logging.info("the data pass --data_cache_mb, writing them to %s", self._cache_path)
                self._file = open(self._temporary, "wb")  # noqa: SIM115 (`discard` closes it)
            for block in self._blocks:
                self._file.write(np.ascontiguousarray(block, "<f4").data)
            self._blocks.clear()
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> UserError:
        return UserError(
            f"{self._cache_path}: cannot be written after {self._size >> 20} MiB ({why(error)}); "
            "free space there, choose another --data_cache_dir, or raise --data_cache_mb to keep it in memory"
        )

    def take(self) -> np.ndarray:
        """The samples collected in memory, float32 [total, c], aligned for TensorFlow; it keeps none."""
        room = np.empty(self._size + _ALIGNMENT, np.uint8)
        first = -room.ctypes.data % _ALIGNMENT
        samples = room[first : first + self._size].view(np.float32).reshape(-1, self._blocks[0].shape[1])
        at = 0
        self._blocks.reverse()
        while self._blocks:  # each block is freed once copied, so that two copies of all never stand together
            block = self._blocks.pop()
            samples[at : at + len(block)] = block
            at += len(block)
        return samples

    def save(self, key: str, contents: dict[str, Any]) -> None:
        """Completes the file and its index.

        Args:
          key: `cache_key` of what was decoded.
          contents: JSON values that `read_index` gives back.

        Raises:
          UserError: it can't be written.
        """
        assert self._file is not None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            index = {
                "version": FORMAT_VERSION,
                "key": key,
                "size": self._size,
                "checksum": _checksum(self._temporary),
                "contents": contents,
                "contents_checksum": _json_checksum(contents),
            }
            with open(f"{self._temporary}.json", "w", encoding="utf-8") as file:
                json.dump(index, file)
            os.replace(self._temporary, self._cache_path)
            os.replace(f"{self._temporary}.json", index_path(self._cache_path))
        except OSError as error:
            raise self._not_written(error) from error

    def discard(self) -> None:
        """Removes what an unfinished run would leave behind."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:  # a full disk also refuses the last bytes of the buffer
                logging.debug("%s was not complete", self._temporary)
        for path in (self._temporary, f"{self._temporary}.json") if self._temporary else ():
            with contextlib.suppress(OSError):
                os.remove(path)


def cache_key(files: list[str], decoding: dict[str, Any]) -> str:
    """Names a list of files, their sizes and times, and the way they are decoded."""
    digest = hashlib.sha256(json.dumps([FORMAT_VERSION, decoding]).encode())
    for path in files:
        try:
            status = os.stat(path)
            identity = (os.path.abspath(path), status.st_size, status.st_mtime_ns)
        except OSError:
            identity = (os.path.abspath(path), -1, -1)
        digest.update(json.dumps(identity).encode())
    return digest.hexdigest()[:24]


def index_path(cache_path: str) -> str:
    """Where the index of a cache file lies."""
    return f"{cache_path}.json"


def read_index(cache_path: str, key: str) -> dict[str, Any] | None:
    """The values that `SampleSpool.save` was given, or None if there is no whole cache of this key."""
    if not os.path.exists(index_path(cache_path)):
        return None
    try:
        index = read_json(index_path(cache_path))
        contents = index.pop("contents")
        expected = {
            "version": FORMAT_VERSION,
            "key": key,
            "size": os.path.getsize(cache_path),
            "checksum": _checksum(cache_path),
            "contents_checksum": _json_checksum(contents),
        }
        if index == expected:
            return contents
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    logging.warning("%s: is damaged and will be recreated", cache_path)
    return None


def _json_checksum(contents: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(contents, sort_keys=True).encode())


def _checksum(path: str) -> list[int]:
    """Of the beginning and the end: reading a whole cache at every start costs more than it protects."""
    with open(path, "rb") as file:
        head = zlib.crc32(file.read(_CHECKED_BYTES))
        file.seek(max(0, os.path.getsize(path) - _CHECKED_BYTES))
        return [head, zlib.crc32(file.read())]
