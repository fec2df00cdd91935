"""TFRecord files as NSynth and TensorFlow Datasets write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf


def _feature(value) -> tf.train.Feature:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(value)))


def nsynth_example(name: str, pitch: int, audio: np.ndarray, source: int = 0, family: int = 0, **more) -> bytes:
    """As in nsynth-train.tfrecord."""
    values = {
        "note_str": name.encode(), "pitch": pitch, "velocity": 100, "audio": audio, "sample_rate": 16000,
        "instrument_source": source, "instrument_family": family, **more,
    }  # fmt: skip
    return serialized(values)


def tfds_example(name: str, pitch: int, audio: np.ndarray, source: int = 0, family: int = 0) -> bytes:
    """As in nsynth/gansynth_subset."""
    values = {
        "id": name.encode(), "pitch": pitch, "velocity": 100, "audio": audio,
        "instrument/source": source, "instrument/family": family, "instrument/label": 3,
    }  # fmt: skip
    return serialized(values)


def serialized(values: dict) -> bytes:
    """A tf.train.Example."""
    return example(values).SerializeToString()


def example(values: dict) -> tf.train.Example:
    """A tf.train.Example, to be changed."""
    features = {name: _feature(value) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


def write(path: Path, records: list[bytes]) -> Path:
    """Writes a TFRecord file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def write_tfds(data_dir: Path, records: list[bytes], version: str = "2.3.3", split: str = "train") -> None:
    """Writes two shards where TensorFlow Datasets has them."""
    folder = data_dir / "nsynth" / "gansynth_subset" / version
    half = len(records) // 2
    for shard, part in enumerate((records[:half], records[half:])):
        write(folder / f"nsynth-{split}.tfrecord-{shard:05d}-of-00002", part)
