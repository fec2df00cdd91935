"""A set that has just been written, opened for what is computed of it: here, or by ranges where Beam has put it.

Workers that compute moments, ranges or features of a remote set may have no room for a copy of it, and each needs only
a part. Training has its own way to a remote set, which needs no Beam: see `loading`.
"""

from __future__ import annotations

import collections
import contextlib
import os
import tempfile
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, cast

import numpy as np
import tensorflow as tf

from wavegan_tf.core.errors import UserError, through_tensorflow
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import filesystems, manifest, samples
from wavegan_tf.core.preparation import tables as tables_
from wavegan_tf.core.preparation.loading import Prepared, open_prepared
from wavegan_tf.core.preparation.manifest import MANIFEST_FILE, Manifest
from wavegan_tf.core.preparation.tables import Tables

# Of a shard read at a time, and how many of these are kept: clips overlap, and several threads read.
_BLOCK_BYTES, _MOST_BLOCKS = 1 << 20, 32


def open_written(folder: str, kind: str) -> Prepared:
    """Opens a set that this pipeline has written.

    Args:
      folder: of the set, or its address.
      kind: `manifest.AUDIO` or `manifest.NOTES`.

    Raises:
      UserError: it cannot be read, or is not what was written.
    """
    if not filesystems.is_remote(folder):
        return open_prepared(folder, kind, {})
    path = filesystems.join(folder, MANIFEST_FILE)
    made = manifest.parse(filesystems.read(path).decode(errors="replace"), display_name(path))
    with tempfile.TemporaryDirectory() as copy:
        os.mkdir(os.path.join(copy, tables_.FOLDER))
        for name in made.tables:
            with open(os.path.join(copy, tables_.FOLDER, name), "wb") as file:
                file.write(filesystems.read(filesystems.join(folder, f"{tables_.FOLDER}/{name}")))
        has_classes = kind != manifest.AUDIO or bool(made.labels)
        columns, names = tables_.read(copy, made.tables, made.files, has_classes, verify=True)
    found = RemoteSamples(folder, made, columns)
    return Prepared(folder, made, columns, names, cast(samples.MappedSamples, found), ())


class RemoteSamples:
    """All samples of a remote set, float32 [total, c] once read; see `core.audio.samples.SampleSource`.

    Attributes:
      folder: address of the set.
    """

    def __init__(self, folder: str, manifest: Manifest, tables: Tables):
        """Takes the set; nothing is read before it is needed."""
        self.shape = (manifest.samples, manifest.num_channels)
        self.content, self.folder = samples.content_of(manifest.shards), folder
        self._shards, self._tables = manifest.shards, tables
        self._starts = np.cumsum(tables.lengths) - tables.lengths
        self._first_files = np.cumsum([0, *(shard.files for shard in manifest.shards)])[:-1]
        self._lock, self._opened = threading.Lock(), (-1, cast(BinaryIO, None))
        self._blocks = collections.OrderedDict[tuple[int, int], bytes]()

    def admit(
        self, windows: tf.data.Dataset, starts: Callable[[tf.Tensor], tf.Tensor], in_flight: int
    ) -> tf.data.Dataset:
        """The windows as they are: all samples can be read at any time."""
        return windows

    def read(self, start: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Float32 [count, c] from sample `start` of all, within one file; `errors.from_tensorflow` has what fails."""
        found = tf.numpy_function(self._read, [start, count], tf.float32)
        return tf.ensure_shape(found, [None, self.shape[1]])

    @through_tensorflow
    def _read(self, start: np.ndarray, count: np.ndarray) -> np.ndarray:
        file = int(np.searchsorted(self._starts, start, side="right")) - 1
        divisor, channels = self._tables.divisors[file], self.shape[1]
        kind: Any = np.dtype("<i2" if divisor > 0 else "<f4")
        first = int(self._tables.offsets[file]) + (int(start) - int(self._starts[file])) * channels * kind.itemsize
        shard = int(np.searchsorted(self._first_files, file, side="right")) - 1
        try:
            data = self._bytes(shard, first, int(count) * channels * kind.itemsize)
        except UserError:
            with self._lock:  # another attempt must not meet what this one has read
                self._blocks.clear()
                self._close()
            raise
        found = np.frombuffer(data, kind).reshape(-1, channels)
        # To the bit what `samples.MappedSamples.read` gives: multiplying by a power of two is exact.
        return found.astype(np.float32) * np.float32(1 / 32768) / divisor if divisor > 0 else found.astype(np.float32)

    def _bytes(self, shard: int, first: int, size: int) -> bytes:
        numbers = range(first // _BLOCK_BYTES, -(-(first + size) // _BLOCK_BYTES))
        with self._lock:
            data = b"".join([self._block(shard, number) for number in numbers])
        skip = first - numbers.start * _BLOCK_BYTES
        if len(data) < skip + size:
            raise UserError(f"{display_name(self._path(shard))}: is shorter than it was written; prepare the data anew")
        return data[skip : skip + size]

    def _block(self, shard: int, number: int) -> bytes:
        found = self._blocks.pop((shard, number), None)
        if found is None:
            if self._opened[0] != shard:
                self._close()
                self._opened = (shard, filesystems.open_to_read(self._path(shard)))
            found = filesystems.read_at(self._opened[1], self._path(shard), number * _BLOCK_BYTES, _BLOCK_BYTES)
        self._blocks[shard, number] = found
        if len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)
        return found

    def _close(self) -> None:
        with contextlib.suppress(Exception):
            self._opened[1].close()
        self._opened = (-1, cast(BinaryIO, None))

    def _path(self, shard: int) -> str:
        return filesystems.join(self.folder, self._shards[shard].name)
