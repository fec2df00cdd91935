"""The work of gansynth_prepare beyond decoding: ranges and features of prepared notes, unit by unit."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.normalizer import RangeStatistics, identity
from gansynth_tf.notes.loading import store_of
from gansynth_tf.notes.stream import NoteStore
from gansynth_tf.resolution import StageData
from gansynth_tf.stages import features, prepared
from wavegan_tf.core.errors import from_tensorflow
from wavegan_tf.core.preparation import filesystems, manifest, ranged, results

BOUNDS = ("low", "high")
_FEATURE_FILE_BYTES, _FEWEST_FILES = 1 << 28, 16


@functools.lru_cache(maxsize=1)
def _notes(text: str, key: str) -> tuple[GANSynthConfig, NoteStore]:
    """The options that a JSON text holds, and their notes; `key` makes them others when the folder holds others."""
    config = GANSynthConfig(**json.loads(text))
    return config, store_of(config, ranged.open_written(config.data_prepared, manifest.NOTES), config.num_channels)


def _opened(settings: Mapping[str, Any]) -> tuple[GANSynthConfig, NoteStore]:
    return _notes(json.dumps(settings["config"], sort_keys=True), settings["key"])


def write_ranges(settings: Mapping[str, Any], unit: Mapping[str, Any]) -> None:
    """Keeps the smallest and largest values of a unit's batches of notes; for `results.Results`."""
    config, store = _opened(settings)
    with from_tensorflow():
        low, high = features.ranges(config, store, features.make_features(config), range(unit["first"], unit["last"]))
    results.keep(unit, low=low, high=high)


def count_range_batches(settings: Mapping[str, Any]) -> int:
    """Batches of notes that ranges are taken from."""
    return features.range_batches(*_opened(settings))


def of_ranges(parts: list[list[np.ndarray]]) -> dict[str, Any]:
    """The bounds of all units as JSON values; they are float32, which these hold exactly."""
    total = RangeStatistics()
    for low, high in parts:
        total.merge(low, high)
    return {name: array.astype(float).tolist() for name, array in zip(BOUNDS, total.bounds, strict=True)}


def notes_per_file(settings: Mapping[str, Any]) -> int:
    """Notes in each file of features: whole batches, as a run without prepared features transforms them."""
    config, store = _opened(settings)
    largest = 4 * 2 * int(np.prod(config.resolutions.resolutions(max(settings["blocks"]))))
    files = max(-(-len(store) * largest // _FEATURE_FILE_BYTES), _FEWEST_FILES)
    return features.BATCH * -(-len(store) // (files * features.BATCH))


def count_notes(settings: Mapping[str, Any]) -> int:
    """Notes of the set."""
    return len(_opened(settings)[1])


def write_features(settings: Mapping[str, Any], unit: Mapping[str, Any]) -> None:
    """Writes the features of a file's notes at each resolution, and keeps sizes and checksums."""
    config, store = _opened(settings)
    each = settings["notes_per_file"]
    notes = range(unit["first"] * each, min(unit["last"] * each, len(store)))
    representation, sizes = features.make_features(config), []
    stages = [StageData(config.resolutions, blocks, identity()) for blocks in settings["blocks"]]
    transform = tf.function(
        lambda waves: [stage.downsample(representation.waves_to_data(waves)) for stage in stages],
        input_signature=[tf.TensorSpec([None, config.audio_length, config.num_channels])],
        autograph=False,
    )
    for number in range(unit["first"], unit["last"]):
        part = range(number * each, min((number + 1) * each, len(store)))
        with from_tensorflow():
            made = [list(column) for column in zip(*_batches(store, part, transform), strict=True)]
        for blocks, batches in zip(settings["blocks"], made, strict=True):
            data = np.concatenate(batches).astype("<f4").tobytes()
            filesystems.write(filesystems.join(settings["folder"], feature_file(config, blocks, number)), data)
            sizes.append((number, blocks, len(part), len(data), *_words(hashlib.sha256(data).digest())))
    assert notes.stop == part.stop
    results.keep(unit, files=np.array(sizes, np.int64))


def _batches(store: NoteStore, notes: range, transform: Any) -> Iterator[list[np.ndarray]]:
    for waves in features.waves_of(store, notes):
        yield [made.numpy() for made in transform(waves)]


def _words(digest: bytes) -> list[int]:
    return np.frombuffer(digest, "<i8").tolist()


def feature_file(config: GANSynthConfig, blocks: int, number: int) -> str:
    """The file of features in the folder of the set."""
    return f"{prepared.FEATURE_FOLDER}/{prepared.name_of(config.resolutions.resolutions(blocks))}-{number:05d}.f32"


def of_features(settings: Mapping[str, Any], parts: list[list[np.ndarray]]) -> dict[str, Any]:
    """The manifest's entries for features, by the name of their size."""
    config, _ = _opened(settings)
    rows = np.concatenate([files for (files,) in parts])
    found: dict[str, Any] = {}
    for blocks in settings["blocks"]:
        of_size = [row for row in rows.tolist() if row[1] == blocks]
        found[prepared.name_of(config.resolutions.resolutions(blocks))] = {
            "settings": prepared.depends_on(config, features.feature_key(config)),
            "notes_per_file": settings["notes_per_file"],
            "files": [
                {"name": feature_file(config, blocks, number), "size": size, "files": notes,
                 "sha256": np.array(words, "<i8").tobytes().hex()}
                for number, _, notes, size, *words in sorted(of_size)
            ],
        }  # fmt: skip
    return found
