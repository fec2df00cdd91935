"""Moments computed by the pipeline that prepares data: sums of each batch of clips, put together in their order."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from specgan_tf import moments
from specgan_tf.geometry import Framing, Moments
from specgan_tf.moments import Sums
from wavegan_tf.core.audio import clips
from wavegan_tf.core.audio.clips import ClipStore
from wavegan_tf.core.audio.options import Slicing
from wavegan_tf.core.audio.store import AudioStore
from wavegan_tf.core.errors import from_tensorflow
from wavegan_tf.core.preparation import manifest, ranged, results

PARTS = ("counts", "means", "squares")


def count_batches(settings: Mapping[str, Any]) -> int:
    """Batches of clips of which moments are taken."""
    return -(-clips.count_first_epoch(_store(**_place(settings)), settings["seed"]) // moments.BATCH)


def write_sums(settings: Mapping[str, Any], unit: Mapping[str, Any]) -> None:
    """Keeps the sums of the batches of a unit; for `results.Results`."""
    store, batches = _store(**_place(settings)), range(unit["first"], unit["last"])
    stream = clips.first_epoch(store, batch_size=moments.BATCH, seed=settings["seed"], batches=batches)
    with from_tensorflow():
        found = list(moments.sums(stream, Framing(**settings["framing"])))
    counts, means, squares = (np.array(column) for column in zip(*found, strict=True))
    results.keep(unit, counts=counts, means=means, squares=squares)


def of_parts(parts: Iterable[list[np.ndarray]]) -> Moments:
    """The moments, given `PARTS` of each unit in order."""
    return moments.of_sums(
        Sums(int(count), mean, squares) for part in parts for count, mean, squares in zip(*part, strict=True)
    )


def _place(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"folder": settings["folder"], "key": settings["key"], **settings["slicing"]}


@functools.lru_cache(maxsize=1)
def _store(folder: str, key: str, **slicing: Any) -> ClipStore:
    """The clips of a set; `key` makes it another when the folder holds another."""
    opened = ranged.open_written(folder, manifest.AUDIO)
    audio = AudioStore(opened.names, opened.tables.lengths, (), opened.samples)
    return ClipStore(audio, Slicing(**slicing), opened.manifest.sample_rate)
