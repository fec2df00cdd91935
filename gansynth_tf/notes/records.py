"""Notes in TFRecord files: NSynth's own, and those that TensorFlow Datasets prepares."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from gansynth_tf.notes.files import BadNote, Note, checked_pitch
from gansynth_tf.notes.options import FAMILIES, SOURCES, TFDS_CONFIGS
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name
from wavegan_tf.core.reading import Unreadable, whole_records


def tfds_files(tfds_data_dir: str, split: str, config: str = TFDS_CONFIGS[0]) -> list[str]:
    """TFRecord files of `nsynth/<config>:2.3.*`, the newest of these versions.

    Args:
      tfds_data_dir: TensorFlow Datasets' data_dir.
      split: "train", "valid" or "test".
      config: one of `TFDS_CONFIGS`.

    Raises:
      UserError: they are not there.
    """
    name = f"nsynth/{config}"
    folder = os.path.join(tfds_data_dir, *name.split("/"))
    versions = tf.io.gfile.glob(os.path.join(folder, "2.3.*"))
    newest = max(versions, key=_last_number, default=None)
    files = sorted(tf.io.gfile.glob(os.path.join(newest, f"nsynth-{split}.tfrecord*"))) if newest else []
    if not files:
        raise UserError(
            f"--tfds_data_dir={display_name(tfds_data_dir)}: holds no {name}/2.3.*/nsynth-{split}.tfrecord*; "
            f"prepare it with: tfds build {name}"
        )
    return files


def _last_number(version: str) -> int:
    last = version.rstrip("/").rpartition(".")[2]
    return int(last) if last.isdecimal() else -1


def nsynth_files(train_data_path: str) -> list[str]:
    """TFRecord files that a path, or a pattern with * in it, names.

    Raises:
      UserError: there are none.
    """
    files = [train_data_path] if os.path.isfile(train_data_path) else sorted(glob.glob(train_data_path))
    if not files:
        raise UserError(f"--train_data_path={display_name(train_data_path)}: no such file")
    return files


def records(files: list[str]) -> Iterator[tuple[str, bytes | str]]:
    """(name, serialised example) of all records; in place of what is left of a damaged file, its name and the reason.

    Names tell the file and the place in it.
    """
    for path in files:
        index = 0
        shown = display_name(os.path.basename(path))
        try:
            count, fault = whole_records(path)
            for record in tf.data.TFRecordDataset(path).take(count).as_numpy_iterator():
                yield f"{shown}, record {index}", record
                index += 1
        except (OSError, Unreadable, tf.errors.OpError) as error:
            fault = one_line(error)
        if fault:
            yield f"{shown}, from record {index}", f"cannot be read ({fault})"


def first_damage(path: str) -> str:
    """The name of the place from which a file cannot be read; empty if all of it can."""
    return next((place for place, record in records([path]) if isinstance(record, str)), "")


def parse(place: str, record: bytes | str) -> tuple[Note, np.ndarray, int | None]:
    """Reads a record.

    Args:
      place: the note's name if it has none.
      record: a serialised tf.train.Example, or the reason why there is none.

    Returns:
      The note, its samples float32 [t], none if it has no audio, and its sample rate, if it tells one.

    Raises:
      BadNote: it is no note.
    """
    if isinstance(record, str):
        raise BadNote(record)
    try:
        features = tf.train.Example.FromString(record).features.feature
    except Exception:  # the protobuf library's own exception
        raise BadNote("is no tf.train.Example") from None
    name = _text(features, "note_str") or _text(features, "id") or place
    audio = np.array(features["audio"].float_list.value if "audio" in features else [], np.float32)
    note = Note(
        name,
        checked_pitch(_integer(features, "pitch"), name),
        _name_of(FAMILIES, _integer(features, "instrument_family", "instrument/family")),
        _name_of(SOURCES, _integer(features, "instrument_source", "instrument/source")),
        _integer(features, "velocity"),
    )
    return note, audio, _integer(features, "sample_rate")


def _integer(features: Any, *names: str) -> int | None:
    for name in names:
        if name in features and features[name].int64_list.value:
            return int(features[name].int64_list.value[0])
    return None


def _text(features: Any, name: str) -> str:
    values = features[name].bytes_list.value if name in features else ()
    return display_name(os.fsdecode(values[0])) if values else ""


def _name_of(names: tuple[str, ...], number: int | None) -> str | None:
    return names[number] if number is not None and 0 <= number < len(names) else None
