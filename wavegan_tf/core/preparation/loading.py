"""Prepared audio opened for training, as `core.audio.clips.load_clips` opens a folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from wavegan_tf.core.audio import clips
from wavegan_tf.core.audio.batches import ShuffleWindow
from wavegan_tf.core.audio.clip_store import ClipStore, require_clips
from wavegan_tf.core.audio.files import report_skipped
from wavegan_tf.core.audio.labels import Labelling, listed
from wavegan_tf.core.audio.options import ClipOptions
from wavegan_tf.core.audio.store import AudioStore
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import manifest, remote, samples
from wavegan_tf.core.preparation import tables as tables_
from wavegan_tf.core.preparation.filesystems import is_remote
from wavegan_tf.core.preparation.manifest import AUDIO, COMMANDS, Manifest
from wavegan_tf.core.preparation.options import decoding_options, require_one_place
from wavegan_tf.core.preparation.preparing import read_skipped
from wavegan_tf.core.preparation.streaming import StreamedSamples


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A prepared set that is open.

    Attributes:
      folder: where it is.
      manifest: what it is.
      tables: of its files.
      names: of its files.
      samples: of all of them.
      skipped: (name, reason) of files that could not be used.
      window: what is shuffled together; None for whole epochs.
    """

    folder: str
    manifest: Manifest
    tables: tables_.Tables
    names: tables_.Names
    samples: samples.MappedSamples
    skipped: tuple[tuple[str, str], ...]
    window: ShuffleWindow | None = None


def open_prepared(
    folder: str,
    kind: str,
    wanted: Mapping[str, Any],
    *,
    cache_dir: str = "",
    verify: bool = False,
    skip_bad: bool = True,
    shuffle_shards: int = 0,
) -> Prepared:
    """Opens a prepared set.

    Args:
      folder: of the set, or its address on a remote filesystem.
      kind: `manifest.AUDIO` or `manifest.NOTES`.
      wanted: the options with which it must have been prepared, by flag.
      cache_dir: where a set from a remote filesystem is copied to, or the shards of it that are being read.
      verify: whether to compare the checksums of all shards first.
      skip_bad: whether files may have been skipped.
      shuffle_shards: how many shards are shuffled together, 0 for all; a remote set of more is streamed.

    Raises:
      UserError: it is missing, damaged, of another kind or of other options, or has skipped files that it must not.
    """
    shown = f"--data_prepared={display_name(folder)}"
    address = folder if is_remote(folder) else ""
    if address:
        folder, _ = remote.fetch(address, cache_dir, shuffle_shards)
    if not os.path.isdir(folder):
        raise UserError(f"{shown}: is not a folder; give what {COMMANDS[kind]} has written")
    found = manifest.read(folder)
    if found.kind != kind:
        raise UserError(f"{shown}: was written by {COMMANDS[found.kind]}; give what {COMMANDS[kind]} has written")
    manifest.require_same(found.options, wanted, folder)
    skipped = read_skipped(folder, found.skipped)
    if skipped and not skip_bad:
        name, reason = skipped[0]
        raise UserError(f"{name}: {reason}; repair or remove it and prepare anew, or set --data_skip_bad=true")
    columns, names = tables_.read(folder, found.tables, found.files, kind != AUDIO or bool(found.labels), verify)
    # Sizes are compared before hours may go by with checksums.
    mapped: samples.MappedSamples
    if address and not all(remote.is_there(folder, shard) for shard in found.shards):
        mapped = StreamedSamples(folder, found, columns, address, cache_dir, verify)
        logging.info("%s: streamed, %d of its %d shards at a time", shown, shuffle_shards, len(found.shards))
    else:
        mapped = samples.MappedSamples(folder, found, columns)
        if verify:
            samples.verify(folder, found)
            logging.info("%s: checksums of %d shards are right", shown, len(found.shards))
    report_skipped(skipped)
    is_whole = not 0 < shuffle_shards < len(found.shards)
    window = None if is_whole else ShuffleWindow(mapped.shard_starts, shuffle_shards)
    return Prepared(folder, found, columns, names, mapped, skipped, window)


def load_clips(
    options: ClipOptions, cache_dir: str, labelling: Labelling | None = None, is_balanced: bool = False
) -> ClipStore:
    """`core.audio.clips.load_clips`, from a folder or, with `data_prepared`, from what was prepared of it.

    Raises:
      UserError: see there, and `open_prepared`.
    """
    require_one_place(options.data_dir, options.data_prepared)
    if not options.data_prepared:
        return clips.load_clips(options, cache_dir, labelling, is_balanced)
    folder = options.data_prepared
    opened = open_prepared(
        folder,
        AUDIO,
        {**decoding_options(options), "data_labels": labelling.rule if labelling else "none"},
        cache_dir=options.data_cache_dir or cache_dir,
        verify=options.data_verify,
        skip_bad=options.data_skip_bad,
        shuffle_shards=options.data_shuffle_shards,
    )
    audio = AudioStore(opened.names, opened.tables.lengths, opened.skipped, opened.samples)
    store = ClipStore(audio, options.slicing(), options.data_sample_rate, window=opened.window)
    if labelling is not None:
        names, numbers = _labels(opened, labelling)
        store = dataclasses.replace(store, labels=names, file_labels=numbers, is_balanced=is_balanced)
    is_new = labelling is None or labelling.known is None
    require_clips(store, f"--data_prepared={display_name(folder)}", is_new)
    return store


def _labels(opened: Prepared, labelling: Labelling) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the labels, and int64 [files], the number of each file's; those of a run that is continued count.

    Raises:
      UserError: that run does not know one, or a file has none of them.
    """
    numbers, names = opened.tables.classes.astype(np.int64), opened.manifest.labels
    if numbers.min() < 0 or numbers.max() >= len(names):
        raise UserError(f"{display_name(opened.folder)}: a file has a label that is not in its manifest; prepare anew")
    if labelling.known is None:
        return names, numbers
    counts = np.bincount(numbers, minlength=len(names)).tolist()
    there = {name: count for name, count in zip(names, counts, strict=True) if count}
    unknown = [name for name in there if name not in labelling.known]
    if unknown:
        raise UserError(
            f"--data_labels={labelling.rule}: {unknown[0]!r} is no label of the run in this directory, which has "
            f"{', '.join(labelling.known)}; found {listed(there)}"
        )
    place = {name: number for number, name in enumerate(labelling.known)}
    return labelling.known, np.array([place.get(name, -1) for name in names], np.int64)[numbers]
