"""A folder of audio files as a stream of fixed-length clips.

The order of clips is a pure function of (seed, example index). In one epoch every file is cut into clips from
a random start, and all clips of the epoch are shuffled. Epochs follow one another without end; batches run on
across them.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from wavegan_tf.core import flags
from wavegan_tf.core.audio import balancing
from wavegan_tf.core.audio.batches import read_batches, rows_of, runs_of, shuffled, stream_options
from wavegan_tf.core.audio.clip_store import ClipStore, require_clips
from wavegan_tf.core.audio.files import find_audio_files
from wavegan_tf.core.audio.labels import Labelling
from wavegan_tf.core.audio.options import ClipOptions
from wavegan_tf.core.audio.samples import read_samples
from wavegan_tf.core.audio.slicing import clip_counts, clip_positions
from wavegan_tf.core.audio.store import open_store
from wavegan_tf.core.draws import purpose_seed

# Passes over little audio are drawn many at a time: about as many file starts, or clips, as this.
_BLOCK_DRAWS = 1 << 16


def load_clips(
    options: ClipOptions, cache_dir: str, labelling: Labelling | None = None, is_balanced: bool = False
) -> ClipStore:
    """Finds and decodes the audio of a run.

    Args:
      options: what to read and how to cut it.
      cache_dir: where decoded audio goes that does not fit `data_cache_mb`, unless `data_cache_dir` is set.
      labelling: how files get labels; None for none. Files without one are left out.
      is_balanced: see `ClipStore`.

    Raises:
      UserError: no folder, no audio, no usable file, none long enough for a clip, or a bad file without
        `data_skip_bad`; or labels that cannot be used, see `Labelling.apply`, or one without a clip.
    """
    flags.require(data_dir=options.data_dir)
    files = find_audio_files(options.data_dir, skip_bad=options.data_skip_bad)
    labelled = None if labelling is None else labelling.apply(options.data_dir, files, options.data_skip_bad)
    decoded = open_store(
        files if labelled is None else list(labelled.files),
        options.decoding(),
        cache_dir=options.data_cache_dir or cache_dir,
        memory_limit=options.data_cache_mb << 20,
        skip_bad=options.data_skip_bad,
    )
    store = ClipStore(decoded, options.slicing(), options.data_sample_rate)
    if labelled is not None:
        numbers = np.array([labelled.files[path] for path in decoded.files], np.int64)
        store = dataclasses.replace(store, labels=labelled.names, file_labels=numbers, is_balanced=is_balanced)
    require_clips(store, f"--data_dir={options.data_dir}", is_new=labelling is None or labelling.known is None)
    return store


class _Order:
    """The order of the clips: blocks of whole epochs, each a pure function of (seed, block)."""

    def __init__(self, store: ClipStore, seed: int) -> None:
        self._seed, self._slicing = seed, store.slicing
        self._num_labels, self._is_balanced = len(store.labels), store.is_balanced
        self._window = store.window
        num_files = len(store.audio.lengths)
        self._passes = max(1, int(_BLOCK_DRAWS // max(num_files, store.clips_per_epoch)))
        with tf.device("CPU:0"):
            # File f of epoch p of the block is row p * num_files + f.
            self._lengths = tf.tile(tf.constant(store.audio.lengths), [self._passes])
            self._starts = tf.tile(tf.constant(store.audio.starts), [self._passes])
            self._labels = tf.tile(tf.constant(store.file_labels), [self._passes]) if store.labels else None
        self._num_files = num_files

    def _offsets(self, block: tf.Tensor) -> tf.Tensor:
        if not self._slicing.random_start:
            return tf.zeros_like(self._lengths)
        seed = purpose_seed(self._seed, block, "clips/offsets")
        size = [self._passes * self._num_files]
        offsets = tf.random.stateless_uniform(size, seed, 0, self._slicing.slice_len, tf.int32, alg="philox")
        return tf.cast(offsets, tf.int64)

    @tf.autograph.experimental.do_not_convert
    def block(self, block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The clips of a block, shuffled within each epoch or each window of it.

        Returns:
          int64 [clips, 2], first sample and length, with a third column of labels' numbers where there are any; and
          int64 [clips], the number of each one's epoch, or of its window.
        """
        row, clips = self._clips(self._offsets(block))
        group = row // self._num_files
        if self._is_balanced:
            group, clips = self._balanced(block, group, clips)
        if self._window is not None:
            windows = self._window.windows(self._passes, purpose_seed(self._seed, block, "clips/windows"))
            shards = self._window.shards(clips[:, 0])
            group = group * self._window.count + tf.gather_nd(windows, tf.stack([group, shards], axis=1))
        order = self._shuffled(block, "clips/order", group)
        return tf.gather(clips, order), tf.gather(group, order)

    def _shuffled(self, block: tf.Tensor, purpose: str, group: tf.Tensor) -> tf.Tensor:
        return shuffled(group, purpose_seed(self._seed, block, purpose))

    def _balanced(self, block: tf.Tensor, epoch: tf.Tensor, clips: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The clips of a block with as many of each label in an epoch as there are of the most frequent one."""
        group = epoch * self._num_labels + clips[:, 2]
        clips = tf.gather(clips, self._shuffled(block, "clips/balance", group))
        counts = tf.math.unsorted_segment_sum(tf.ones_like(group), group, self._passes * self._num_labels)
        groups, index = balancing.repeated(counts, self._num_labels)
        return groups // self._num_labels, tf.gather(clips, index)

    def _size(self, block: tf.Tensor) -> tf.Tensor:
        """The number of clips of a block."""
        counts = clip_counts(self._lengths - self._offsets(block), self._slicing)
        if self._is_balanced:
            epoch = tf.range(tf.size(counts, tf.int64)) // self._num_files
            group = epoch * self._num_labels + self._labels
            counts = tf.math.unsorted_segment_sum(counts, group, self._passes * self._num_labels)
            counts = balancing.balanced_counts(counts, self._num_labels)
        return tf.reduce_sum(counts)

    def _clips(self, offsets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The clips of a block as they lie in the files, with the row of each one's file in the block."""
        row, start = clip_positions(self._lengths, offsets, self._slicing)
        samples = tf.minimum(tf.gather(self._lengths, row) - start, self._slicing.slice_len)
        columns = [tf.gather(self._starts, row) + start, samples]
        if self._labels is not None:
            columns.append(tf.gather(self._labels, row))
        return row, tf.stack(columns, axis=1)

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
            self._size, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False
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
      float32 [b / n, slice_len, c]; of a store with labels, pairs of that and int32 [b / n], their numbers. No Python
      and no state is in it.

    Raises:
      UserError: the batch can't be divided among the workers.
    """
    order = _Order(store, seed)
    first_block, skip = order.locate(start_example)

    @tf.autograph.experimental.do_not_convert
    def rest(block: tf.Tensor) -> tuple[tf.Tensor, ...]:
        first = tf.where(block == first_block, skip, 0)
        return tuple(column[first:] for column in order.block(block))

    blocks = tf.data.Dataset.range(first_block, tf.int64.max).map(rest).prefetch(1)
    windows = blocks.map(lambda rows, _: rows) if store.window is None else blocks.flat_map(runs_of)
    rows = rows_of(windows, store.audio.samples, _first_samples, batch_size)
    read = functools.partial(_read_labelled if store.labels else _read_clip, store)
    return read_batches(rows, read, batch_size=batch_size, worker=worker, num_workers=num_workers)


def count_first_epoch(store: ClipStore, seed: int) -> int:
    """How many clips `first_epoch` has."""
    return len(_Order(store, seed).first_epoch())


def first_epoch_labels(store: ClipStore, seed: int) -> np.ndarray:
    """Numbers int64 [n] of the labels of `first_epoch`'s clips, of a store that has labels."""
    return _Order(store, seed).first_epoch().numpy()[:, 2]


def first_epoch(
    store: ClipStore, *, batch_size: int, seed: int, batches: range | None = None
) -> tf.data.Dataset:
    """The clips of the first epoch of `clip_batches`, each once, in the order of the files and without labels.

    Args:
      store: from `load_clips`.
      batch_size: clips in a batch.
      seed: of the order.
      batches: which of them, in a row; by default all.

    Returns:
      float32 [b, slice_len, c]; the last batch may be smaller.
    """
    found = _Order(store, seed).first_epoch()
    if batches is not None:
        found = found[batches.start * batch_size : batches.stop * batch_size]
    windows = tf.data.Dataset.from_tensor_slices(found).batch(_BLOCK_DRAWS)
    rows = rows_of(windows, store.audio.samples, _first_samples, batch_size)
    clips = rows.map(functools.partial(_read_clip, store), num_parallel_calls=tf.data.AUTOTUNE)
    return clips.batch(batch_size).prefetch(2).with_options(stream_options())


@tf.autograph.experimental.do_not_convert
def _first_samples(rows: tf.Tensor) -> tf.Tensor:
    """Int64 [n], the first samples of rows of `_Order.block`."""
    return rows[:, 0]


@tf.autograph.experimental.do_not_convert
def _read_clip(store: ClipStore, row: tf.Tensor) -> tf.Tensor:
    """Float32 [slice_len, c] of a row of `_Order.block`, zero-padded at the end."""
    start, samples = row[0], row[1]
    clip = read_samples(store.audio.samples, start, samples)
    clip = tf.pad(clip, [[0, store.slicing.slice_len - samples], [0, 0]])
    return tf.ensure_shape(clip, [store.slicing.slice_len, store.audio.samples.shape[1]])


@tf.autograph.experimental.do_not_convert
def _read_labelled(store: ClipStore, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`_read_clip`, and the number of its label, int32 []."""
    return _read_clip(store, row), tf.cast(row[2], tf.int32)
