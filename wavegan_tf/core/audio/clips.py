"""A folder of audio files as a stream of fixed-length clips.

The order of clips is a pure function of (seed, example index). In one epoch every file is cut into clips from
a random start, and all clips of the epoch are shuffled. Epochs follow one another without end; batches run on
across them.
"""

from __future__ import annotations

import dataclasses
import functools

import tensorflow as tf

from wavegan_tf.core import flags
from wavegan_tf.core.audio.batches import read_batches, stream_options
from wavegan_tf.core.audio.files import find_audio_files
from wavegan_tf.core.audio.options import ClipOptions, Slicing
from wavegan_tf.core.audio.slicing import clip_counts, clip_positions, expected_clips
from wavegan_tf.core.audio.store import AudioStore, open_store
from wavegan_tf.core.draws import purpose_seed
from wavegan_tf.core.errors import UserError

# Passes over little audio are drawn many at a time: about as many file starts, or clips, as this.
_BLOCK_DRAWS = 1 << 16


@dataclasses.dataclass(frozen=True)
class ClipSummary:
    """Audio that was found.

    Attributes:
      files: usable files.
      clips: in one epoch, on average over the random starts.
      seconds: of audio in the usable files.
      skipped: files that could not be used.
    """

    files: int
    clips: float
    seconds: float
    skipped: int


@dataclasses.dataclass(frozen=True)
class ClipStore:
    """Decoded audio and the rules by which clips are cut from it."""

    audio: AudioStore
    slicing: Slicing
    sample_rate: int

    @functools.cached_property
    def clips_per_epoch(self) -> float:
        """Clips in one epoch, on average over the random starts."""
        return expected_clips(self.audio.lengths, self.slicing)

    @property
    def summary(self) -> ClipSummary:
        """For the line at the start of a run."""
        seconds = self.audio.samples.shape[0] / self.sample_rate
        return ClipSummary(len(self.audio.files), self.clips_per_epoch, seconds, len(self.audio.skipped))


def load_clips(options: ClipOptions, cache_dir: str) -> ClipStore:
    """Finds and decodes the audio of a run.

    Args:
      options: what to read and how to cut it.
      cache_dir: where decoded audio goes that does not fit `data_cache_mb`, unless `data_cache_dir` is set.

    Raises:
      UserError: no folder, no audio, no usable file, none long enough for a clip, or a bad file without
        `data_skip_bad`.
    """
    flags.require(data_dir=options.data_dir)
    decoded = open_store(
        find_audio_files(options.data_dir, skip_bad=options.data_skip_bad),
        options.decoding(),
        cache_dir=options.data_cache_dir or cache_dir,
        memory_limit=options.data_cache_mb << 20,
        skip_bad=options.data_skip_bad,
    )
    store = ClipStore(decoded, options.slicing(), options.data_sample_rate)
    if store.clips_per_epoch <= 0:
        raise UserError(
            f"--data_dir={options.data_dir}: the longest file has {decoded.lengths.max()} samples, a clip "
            f"{options.data_slice_len}; --data_pad_end or --data_first_slice pads with zeros"
        )
    return store


class _Order:
    """The order of the clips: blocks of whole epochs, each a pure function of (seed, block)."""

    def __init__(self, store: ClipStore, seed: int) -> None:
        self._seed, self._slicing = seed, store.slicing
        num_files = len(store.audio.lengths)
        self._passes = max(1, int(_BLOCK_DRAWS // max(num_files, store.clips_per_epoch)))
        with tf.device("CPU:0"):
            # File f of epoch p of the block is row p * num_files + f.
            self._lengths = tf.tile(tf.constant(store.audio.lengths), [self._passes])
            self._starts = tf.tile(tf.constant(store.audio.starts), [self._passes])
        self._num_files = num_files

    def _offsets(self, block: tf.Tensor) -> tf.Tensor:
        if not self._slicing.random_start:
            return tf.zeros_like(self._lengths)
        seed = purpose_seed(self._seed, block, "clips/offsets")
        size = [self._passes * self._num_files]
        offsets = tf.random.stateless_uniform(size, seed, 0, self._slicing.slice_len, tf.int32, alg="philox")
        return tf.cast(offsets, tf.int64)

    @tf.autograph.experimental.do_not_convert
    def block(self, block: tf.Tensor) -> tf.Tensor:
        """The clips of a block, shuffled within each epoch: int64 [clips, 2], first sample and length."""
        row, clips = self._clips(self._offsets(block))
        keys = tf.random.stateless_uniform(
            [tf.size(row)], purpose_seed(self._seed, block, "clips/order"), None, None, tf.int64, alg="philox"
        )
        # One sort shuffles every epoch and keeps the epochs in order: the epoch stands in the top bits.
        keys = (row // self._num_files) * 2**46 + tf.bitwise.bitwise_and(keys, 2**46 - 1)
        return tf.gather(clips, tf.argsort(keys, stable=True))

    def _clips(self, offsets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The clips of a block as they lie in the files, with the row of each one's file in the block."""
        row, start = clip_positions(self._lengths, offsets, self._slicing)
        samples = tf.minimum(tf.gather(self._lengths, row) - start, self._slicing.slice_len)
        return row, tf.stack([tf.gather(self._starts, row) + start, samples], axis=1)

    def first_epoch(self) -> tf.Tensor:
        """The clips of the first epoch in the order of the files, as rows of `block`.

        Where random starts leave too little of files that are hardly longer than a clip, clips begin with the files.
        """
        with tf.device("CPU:0"):
            found = self._first_epoch(self._offsets(tf.constant(0, tf.int64)))
            return found if len(found) else self._first_epoch(tf.zeros_like(self._lengths))

    def _first_epoch(self, offsets: tf.Tensor) -> tf.Tensor:
        row, clips = self._clips(offsets)
        return tf.boolean_mask(clips, row < self._num_files)

    def locate(self, example: int) -> tuple[int, int]:
        """The block that holds an example of the endless stream, and its place in that block."""
        count = tf.function(
            lambda block: tf.reduce_sum(clip_counts(self._lengths - self._offsets(block), self._slicing)),
            input_signature=[tf.TensorSpec([], tf.int64)],
        ).get_concrete_function()  # TensorFlow warns of many functions that are traced by their first call
        with tf.device("CPU:0"):
            if not self._slicing.random_start:
                return divmod(example, int(count(tf.constant(0, tf.int64))))
            block = 0
            while example >= (clips := int(count(tf.constant(block, tf.int64)))):
                example -= clips
                block += 1
        return block, example


def clip_batches(
    store: ClipStore,
    *,
    batch_size: int,
    seed: int,
    start_example: int = 0,
    worker: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """The endless stream of batches.

    Args:
      store: from `load_clips`.
      batch_size: clips in a batch of all workers together.
      seed: of the order.
      start_example: clips that were taken before, by all workers together; the stream goes on with the next.
      worker: this one reads rows [worker * b / n, (worker + 1) * b / n) of each batch, and only these.
      num_workers: n; the batches of all together are the same whatever it is.

    Returns:
      float32 [b / n, slice_len, c]; no Python and no state in it.

    Raises:
      UserError: the batch can't be divided among the workers.
    """
    order = _Order(store, seed)
    first_block, skip = order.locate(start_example)
    rows = tf.data.Dataset.range(first_block, tf.int64.max)
    rows = rows.map(lambda block: order.block(block)[tf.where(block == first_block, skip, 0) :]).prefetch(1)
    rows = rows.flat_map(tf.data.Dataset.from_tensor_slices)
    return read_batches(
        rows, functools.partial(_read_clip, store), batch_size=batch_size, worker=worker, num_workers=num_workers
    )


def first_epoch(store: ClipStore, *, batch_size: int, seed: int) -> tf.data.Dataset:
    """The clips of the first epoch of `clip_batches`, each once, in the order of the files.

    Returns:
      float32 [b, slice_len, c]; the last batch may be smaller.
    """
    rows = tf.data.Dataset.from_tensor_slices(_Order(store, seed).first_epoch())
    clips = rows.map(functools.partial(_read_clip, store), num_parallel_calls=tf.data.AUTOTUNE)
    return clips.batch(batch_size).prefetch(2).with_options(stream_options())


@tf.autograph.experimental.do_not_convert
def _read_clip(store: ClipStore, row: tf.Tensor) -> tf.Tensor:
    """Float32 [slice_len, c] of a row of `_Order.block`, zero-padded at the end."""
    start, samples = row[0], row[1]
    # Not samples[a:b]: TensorFlow's strided slice crashes beyond 2**31 samples.
    clip = tf.slice(store.audio.samples, [start, 0], [samples, -1])
    clip = tf.pad(clip, [[0, store.slicing.slice_len - samples], [0, 0]])
    return tf.ensure_shape(clip, [store.slicing.slice_len, store.audio.samples.shape[1]])
