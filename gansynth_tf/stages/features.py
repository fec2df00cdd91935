"""Features of the notes at the resolution of a stage: computed once where there is room, else as they are used."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from gansynth_tf import normalizer
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.features import Features
from gansynth_tf.notes.stream import NoteStore, note_batches
from gansynth_tf.representation import NONE, PRESPECIFIED
from gansynth_tf.resolution import StageData
from gansynth_tf.stages import prepared
from wavegan_tf.core.audio import cache
from wavegan_tf.core.audio import store as audio_store
from wavegan_tf.core.audio.batches import rows_of, stream_options
from wavegan_tf.core.files import display_name
from wavegan_tf.core.progress import Progress

# Of notes that are transformed together when all are.
BATCH = 8
_NORMALIZER_BATCH = 10
# Notes in a row whose shards are asked for together.
_WINDOW = 1024
_MIB = 1 << 20
# In the directory of a run: decoded audio and features.
CACHE_FOLDER = "data_cache"


def feature_key(config: GANSynthConfig) -> dict[str, Any]:
    """The options that decide what the features of a waveform are."""
    resolutions = config.resolutions.final_resolutions
    return {
        "data_type": config.data_type, "use_unwrap": config.use_unwrap, "resolutions": list(resolutions),
        "num_channels": config.num_channels,
    }  # fmt: skip


def make_features(config: GANSynthConfig) -> Features:
    """The representation of a run.

    Raises:
      UserError: its sizes do not fit together.
    """
    return Features(
        config.data_type,
        config.resolutions.final_resolutions,
        config.audio_length,
        config.sample_rate,
        use_unwrap=config.use_unwrap,
        num_channels=config.num_channels,
    )


def waves_of(store: NoteStore, notes: Sequence[int] | np.ndarray) -> tf.data.Dataset:
    """Batches of the waveforms [b, t, c] of some notes, in the given order; ascending is the fastest."""
    windows = tf.data.Dataset.from_tensor_slices(np.asarray(notes, np.int64)).batch(_WINDOW)
    rows = rows_of(windows, store.samples, store.first_samples, BATCH)
    waves = rows.map(store.wave, num_parallel_calls=tf.data.AUTOTUNE)
    return waves.batch(BATCH).prefetch(2).with_options(stream_options())


def stage_reader(
    config: GANSynthConfig, store: NoteStore, features: Features, data: StageData, cache_dir: str
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from the index of a note to its features, downsampled to the resolution of a stage.

    Args:
      config: the run's options; `data_cache_mb` and `data_disk_mb` say how much room there is.
      store: the notes.
      features: the representation.
      data: at the stage.
      cache_dir: for features that are kept on disk, unless `data_cache_dir` is set.

    Raises:
      UserError: the disk has no room for what `data_disk_mb` allows.
    """
    size = data.resolutions.resolutions(data.num_blocks)
    shape = (*size, features.data_shape[-1])
    row = int(np.prod(shape))
    if (
        config.data_prepared
        and not store.samples.is_streamed
        and (kept := prepared.reader(store.samples.folder, config, feature_key(config), size, row, len(store)))
    ):
        logging.info("features of %d x %d pixels: those of %s", *size, display_name(config.data_prepared))
        return tf.autograph.experimental.do_not_convert(lambda index: tf.reshape(kept(index), shape))
    megabytes = len(store) * row * 4 / _MIB
    downsampled = tf.autograph.experimental.do_not_convert(lambda waves: data.downsample(features.waves_to_data(waves)))
    if megabytes > max(config.data_cache_mb, config.data_disk_mb):
        logging.info("features of %d x %d pixels: computed whenever they are used (%.0f MiB)", *size, megabytes)
        return tf.autograph.experimental.do_not_convert(lambda index: downsampled(store.wave(index)[None])[0])

    def fill(spool: cache.SampleSpool) -> dict[str, Any]:
        started, done = time.monotonic(), 0
        progress = Progress(0, len(store), label="features of {} x {} pixels: note".format(*size), rate="notes/s")
        # Not within the stream of waves, where products of matrices are slower.
        waves_spec = tf.TensorSpec([None, config.audio_length, features.num_channels])
        transform = tf.function(downsampled, input_signature=[waves_spec], autograph=False)
        for waves in waves_of(store, range(len(store))):
            spool.extend([transform(waves).numpy().reshape(-1, row)])
            progress.update(done := done + len(waves), {})
        progress.close()
        rate = len(store) / (time.monotonic() - started)
        logging.info("features of %d x %d pixels: computed once, %.0f notes a second", *size, rate)
        return {}

    key = cache.cache_key([], {**feature_key(config), "notes": store.key, "size": list(size)})
    folder = config.data_cache_dir or cache_dir
    path = os.path.join(folder, f"features-{key}.f32")
    _, kept = audio_store.spooled(path, key, row, config.data_cache_mb * _MIB, fill)
    return tf.autograph.experimental.do_not_convert(
        lambda index: tf.reshape(tf.slice(kept, [index, 0], [1, row]), shape)
    )


def range_key(config: GANSynthConfig) -> dict[str, Any]:
    """The options that decide what the ranges of a set of notes are."""
    return {**feature_key(config), "examples": config.normalizer_num_examples, "seed": config.seed}


def range_batches(config: GANSynthConfig, store: NoteStore) -> int:
    """Batches of notes that the ranges of the data are taken from."""
    # After all notes the range stays as it is.
    return -(-min(config.normalizer_num_examples, len(store)) // _NORMALIZER_BATCH)


def ranges(
    config: GANSynthConfig, store: NoteStore, features: Features, batches: range
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of each frequency and part, over all channels, in some batches of notes.

    Returns:
      float32 [f, 2] each.
    """
    statistics, first = normalizer.RangeStatistics(), batches.start * _NORMALIZER_BATCH
    stream = note_batches(store, store.wave, batch_size=_NORMALIZER_BATCH, seed=config.seed, start_example=first)
    transform = tf.function(lambda waves: features.apart(features.waves_to_data(waves)), autograph=False)
    for waves, _ in stream.take(len(batches)):
        statistics.add(transform(waves).numpy())
    return statistics.bounds


def normalizer_path(config: GANSynthConfig, run_dir: str) -> str:
    """Where a run keeps what its normaliser takes from the notes."""
    return os.path.join(run_dir, "assets", f"{config.data_normalizer}.npz")


def run_normalizer(
    config: GANSynthConfig, store: NoteStore | None, features: Features, run_dir: str, *, is_chief: bool = True
) -> normalizer.Normalizer:
    """The normaliser of a run. What it takes from the notes is kept in `assets/` and taken from there later.

    Args:
      config: the run's options.
      store: the notes; not needed where the run has a normaliser already.
      features: the representation.
      run_dir: the run.
      is_chief: whether to write; the other workers find what it wrote.

    Raises:
      UserError: the file in the run's directory cannot be used, or there is none and no notes are at hand.
    """
    found = _normalizer_of_a_channel(config, store, features, run_dir, is_chief)
    return found.of_channels(features.num_channels)


def _normalizer_of_a_channel(
    config: GANSynthConfig, store: NoteStore | None, features: Features, run_dir: str, is_chief: bool
) -> normalizer.Normalizer:
    """`run_normalizer` for one channel; all have the same, taken from all, which keeps their balance."""
    kind = config.data_normalizer
    if kind == PRESPECIFIED:
        names = ("mag_normalizer_a", "mag_normalizer_b", "p_normalizer_a", "p_normalizer_b")
        return normalizer.prespecified(*(getattr(config, name) for name in names))
    if kind == NONE:
        return normalizer.identity()
    path = normalizer_path(config, run_dir)
    if store is None or os.path.exists(path):
        return normalizer.load(path, kind, features.spec_shape[1])
    bounds = None
    if config.data_prepared:
        bounds = prepared.bounds(store.samples.folder, config, range_key(config))
    if bounds is None:
        bounds = ranges(config, store, features, range(range_batches(config, store)))
    rows = normalizer.RangeStatistics(*bounds).rows(kind, config.normalizer_margin)
    if is_chief:
        normalizer.save(path, rows)
    return normalizer.of_rows(rows)
