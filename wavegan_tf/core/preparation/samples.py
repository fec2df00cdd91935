"""Samples of a prepared set, read in TensorFlow's graph out of mapped shards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from wavegan_tf.core.audio.store import num_threads
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import filesystems
from wavegan_tf.core.preparation.manifest import MANIFEST_FILE, Manifest, Shard
from wavegan_tf.core.preparation.mapping import MappedFiles
from wavegan_tf.core.preparation.shards import ALIGNMENT
from wavegan_tf.core.preparation.tables import Tables, digest_of

_CODE, _FLOAT = 2, 4


class MappedSamples:
    """All samples of a set in a local folder, float32 [total, c] once read; see `core.audio.samples.SampleSource`.

    Attributes:
      folder: of the set.
      shard_starts: int64 [shards], the first of all samples in each.
      is_streamed: only some shards are here at a time.
    """

    is_streamed = False

    def __init__(self, folder: str, manifest: Manifest, tables: Tables, mapped: MappedFiles | None = None):
        """Maps the shards.

        Args:
          folder: of the set.
          manifest: of the set.
          tables: of its files.
          mapped: where the shards are mapped, or will be; by default those of the folder are.

        Raises:
          UserError: a shard is missing or has another size, or the tables say of a file what its shard does not hold.
        """
        if mapped is None:
            paths = [filesystems.join(folder, shard.name) for shard in manifest.shards]
            mapped = MappedFiles([shard.size for shard in manifest.shards], paths)
        self.shape = (manifest.samples, manifest.num_channels)
        self.content, self.folder = content_of(manifest.shards), folder
        starts = np.cumsum(tables.lengths) - tables.lengths
        first_files = np.cumsum([0, *(shard.files for shard in manifest.shards)])[:-1]
        self.shard_starts = np.append(starts, manifest.samples)[first_files]
        shard = np.repeat(np.arange(len(manifest.shards)), [shard.files for shard in manifest.shards])
        sizes = np.array([shard.size for shard in manifest.shards], np.int64)[shard]
        is_coded = tables.divisors > 0
        width = np.where(is_coded, _CODE, _FLOAT)
        _check(folder, manifest, tables, sizes, width)
        self._kinds = {bool(kind) for kind in np.unique(is_coded)}
        with tf.init_scope(), tf.device("CPU:0"):
            self._codes, self._floats = mapped.tensor(np.int16), mapped.tensor(np.float32)
            # Of sample 0 of all, if it were in the file: what a sample's own place is counted from.
            self._bases = tf.constant((mapped.starts[shard] + tables.offsets) // width - starts * self.shape[1])
            self._starts = tf.constant(starts[None])
            # Exact, and so is what they divide: the bits are those of code / 32768 / divisor.
            self._divisors = tf.constant(tables.divisors * np.float32(32768))

    def admit(
        self, windows: tf.data.Dataset, starts: Callable[[tf.Tensor], tf.Tensor], in_flight: int
    ) -> tf.data.Dataset:
        """The windows as they are: all samples can be read at any time."""
        return windows

    @tf.autograph.experimental.do_not_convert
    def read(self, start: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Float32 [count, c] from sample `start` of all, within one file."""
        channels = self.shape[1]
        start, count = tf.cast(start, tf.int64), tf.cast(count, tf.int64)
        # As `tf.searchsorted` from the right, which would make more operations of it for each clip.
        after = tf.raw_ops.UpperBound(sorted_inputs=self._starts, values=tf.reshape(start, [1, 1]), out_type=tf.int64)
        file = tf.reshape(after, []) - 1
        # A place beyond 2**31 must not go through a strided slice; `gather` takes it.
        first = tf.gather(self._bases, file) + start * channels
        begin, size = tf.reshape(first, [1]), tf.reshape(count * channels, [1])
        divisor = tf.gather(self._divisors, file)

        def codes() -> tf.Tensor:
            return tf.cast(tf.slice(self._codes, begin, size), tf.float32) / divisor

        def floats() -> tf.Tensor:
            return tf.slice(self._floats, begin, size)

        if len(self._kinds) > 1:
            samples = tf.cond(divisor > 0, codes, floats)
        else:
            samples = codes() if True in self._kinds else floats()
        return tf.reshape(samples, [-1, channels])


def _check(folder: str, manifest: Manifest, tables: Tables, sizes: np.ndarray, width: np.ndarray) -> None:
    """Raises UserError if the tables say of a file what its shard does not hold."""
    lengths, offsets = tables.lengths, tables.offsets
    # In this order, in which nothing overflows.
    is_in = (lengths > 0) & (lengths <= sizes) & (offsets >= ALIGNMENT) & (offsets <= sizes)
    is_in &= offsets % ALIGNMENT == 0
    is_in &= np.where(is_in, offsets + lengths * width * manifest.num_channels, 1 << 62) <= sizes
    is_in &= np.isfinite(tables.divisors) & (tables.divisors >= 0)
    if not is_in.all() or lengths.sum() != manifest.samples:
        raise UserError(
            f"{display_name(filesystems.join(folder, MANIFEST_FILE))}: its tables do not fit its shards; "
            "prepare the data anew"
        )


def content_of(shards: Sequence[Shard]) -> str:
    """Names the samples of shards by their checksums."""
    return hashlib.sha256("".join(shard.sha256 for shard in shards).encode()).hexdigest()[:16]


def verify(folder: str, manifest: Manifest) -> None:
    """Reads all shards and compares their checksums.

    Raises:
      UserError: one is missing or damaged; the message names it and both checksums.
    """
    verify_files(folder, manifest.shards)


def verify_files(folder: str, shards: Sequence[Shard]) -> None:
    """`verify` of these files."""
    paths = [filesystems.join(folder, shard.name) for shard in shards]
    with ThreadPoolExecutor(num_threads()) as pool:
        for path, shard, digest in zip(paths, shards, pool.map(_digest, paths), strict=True):
            if digest != shard.sha256:
                raise UserError(
                    f"{display_name(path)}: is damaged: its sha256 is {digest}, and {MANIFEST_FILE} has "
                    f"{shard.sha256}; copy it again, or prepare the data anew"
                )


def _digest(path: str) -> str:
    try:
        return digest_of(path)
    except OSError as error:
        raise UserError(f"{display_name(path)}: cannot be read ({error.strerror})") from None
