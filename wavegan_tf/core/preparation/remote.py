"""Prepared data of a remote filesystem, copied into a local folder, from which any number of runs map them.

TensorFlow's filesystems read them (gs:// by itself, others with plugins), so that training needs no Apache Beam.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf
from absl import logging

from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name, replacing
from wavegan_tf.core.preparation import manifest, samples, tables
from wavegan_tf.core.preparation.manifest import MANIFEST_FILE, SKIPPED_FILE, Manifest
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.writing import writing

_COPIES = 4  # at a time


def fetch(address: str, cache_dir: str) -> str:
    """Copies a prepared set into a cache, unless it is there; returns its folder.

    Args:
      address: of the set's folder.
      cache_dir: of all sets; made if missing.

    Raises:
      UserError: there is no such set, its filesystem does not answer, or the copy cannot be written or is damaged.
    """
    path = f"{address.rstrip('/')}/{MANIFEST_FILE}"
    text = _reading(path, lambda: _read(path))
    found = manifest.parse(text.decode(errors="replace"), display_name(path))
    folder = os.path.join(cache_dir, f"prepared-{samples.content_of([*found.shards, *_further(found.extras)])}")
    files = _files(found)
    with writing(display_name(folder)):
        for part in {os.path.dirname(name) for name in files}:
            os.makedirs(os.path.join(folder, part), exist_ok=True)
    missing = [name for name, size in files.items() if _local_size(os.path.join(folder, name)) != size or size < 0]
    if any(files[name] >= 0 for name in missing):
        logging.info("%s: copying it to %s", display_name(address), display_name(folder))
    progress = Progress(0, len(missing), label="copied file", rate="files/s")
    with ThreadPoolExecutor(_COPIES) as pool:
        for number, _ in enumerate(pool.map(functools.partial(_copy, address, folder, files), missing), 1):
            progress.update(number, {})
    # Last, as it says that the others are there.
    with writing(display_name(folder)), replacing(os.path.join(folder, MANIFEST_FILE)) as temporary, open(
        temporary, "wb"
    ) as file:
        file.write(text)
    return folder


def _files(found: Manifest) -> Mapping[str, int]:
    """The files of a set but its manifest, with their bytes, or -1 where the manifest does not tell them."""
    names = {SKIPPED_FILE: -1, **{f"{tables.FOLDER}/{name}": -1 for name in found.tables}}
    return {**names, **{shard.name: shard.size for shard in (*found.shards, *_further(found.extras))}}


def _further(extras: Any) -> list[manifest.Shard]:
    """Whatever lists files as shards among the extras, such as features."""
    if isinstance(extras, dict):
        if {"name", "size", "sha256"} <= set(extras):
            return [manifest.shard_of(extras)]
        return [shard for value in extras.values() for shard in _further(value)]
    return [shard for value in extras for shard in _further(value)] if isinstance(extras, list) else []


def _local_size(path: str) -> int:
    return os.path.getsize(path) if os.path.isfile(path) else -2


def _copy(address: str, folder: str, files: Mapping[str, int], name: str) -> None:
    source, target = f"{address.rstrip('/')}/{name}", os.path.join(folder, name)
    with writing(display_name(target)), replacing(target) as temporary:
        _reading(source, lambda: tf.io.gfile.copy(source, temporary))
        size = os.path.getsize(temporary)
        if files[name] >= 0 and size != files[name]:
            raise UserError(f"{display_name(source)}: has {size} bytes and not {files[name]}; prepare the data anew")


def _read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


def _reading(path: str, read: Any) -> Any:
    """Calls `read` and returns its result.

    Raises:
      UserError: the filesystem of the path does not give it.
    """
    try:
        return read()
    except tf.errors.OpError as error:
        raise UserError(f"{display_name(path)}: cannot be read ({one_line(error)})") from None
