"""Prepared data of a remote filesystem, copied into a local folder, from which any number of runs map them.

TensorFlow's filesystems read them (gs:// by itself, others with tensorflow-io), so that training needs no Apache Beam.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import tensorflow as tf
from absl import logging

from wavegan_tf.core import flags
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name, replacing
from wavegan_tf.core.preparation import filesystems, manifest, samples, tables
from wavegan_tf.core.preparation.manifest import MANIFEST_FILE, SKIPPED_FILE, Manifest, Shard
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.writing import writing

# At a time; a look at a file costs only its answer's way.
COPIES, _LOOKS = 4, 32
# Seconds to wait after each try that a filesystem has failed, such as by a line that was cut.
RETRY_SECS = (1.0, 4.0, 15.0)
_BLOCK = 8 << 20
_T = TypeVar("_T")


def fetch(address: str, cache_dir: str, most_shards: int = 0) -> tuple[str, Manifest]:
    """Copies a prepared set into a cache, unless it is there.

    Args:
      address: of the set's folder.
      cache_dir: of all sets; made if missing.
      most_shards: of a set of more, all but shards and features is copied; 0 for no such limit.

    Returns:
      Its folder, and the manifest.

    Raises:
      UserError: there is no such set, its filesystem does not answer, or the copy cannot be written or is damaged.
    """
    path = filesystems.join(address, MANIFEST_FILE)
    text = reading(path, lambda: _read(path))
    found = manifest.parse(text.decode(errors="replace"), display_name(path))
    further = _further(found.extras)
    folder = os.path.join(cache_dir, f"prepared-{samples.content_of([*found.shards, *further])}")
    files: dict[str, Shard | None] = {SKIPPED_FILE: None, **{f"{tables.FOLDER}/{name}": None for name in found.tables}}
    if not most_shards or len(found.shards) <= most_shards:
        files |= {shard.name: shard for shard in (*found.shards, *further)}
    with writing(display_name(folder)):
        for part in {os.path.dirname(name) for name in files}:
            os.makedirs(os.path.join(folder, part), exist_ok=True)
    missing = [name for name, shard in files.items() if not is_there(folder, shard)]
    if any(files[name] for name in missing):
        logging.info("%s: copying it to %s", display_name(address), display_name(folder))
    progress = Progress(0, len(missing), label="copied file", rate="files/s")
    with ThreadPoolExecutor(COPIES) as pool:
        for number, _ in enumerate(pool.map(functools.partial(_copy, address, folder, files), missing), 1):
            progress.update(number, {})
    # Last, as it says that the others are there.
    with writing(display_name(folder)), replacing(os.path.join(folder, MANIFEST_FILE)) as temporary, open(
        temporary, "wb"
    ) as file:
        file.write(text)
    return folder, found


def _further(extras: Any) -> list[Shard]:
    """Whatever lists files as shards among the extras, such as features."""
    if isinstance(extras, dict):
        if {"name", "size", "sha256"} <= set(extras):
            return [manifest.shard_of(extras)]
        return [shard for value in extras.values() for shard in _further(value)]
    return [shard for value in extras for shard in _further(value)] if isinstance(extras, list) else []


def is_there(folder: str, shard: Shard | None) -> bool:
    """True if a local folder has a shard of this name and size."""
    path = os.path.join(folder, shard.name) if shard else ""
    return shard is not None and os.path.isfile(path) and os.path.getsize(path) == shard.size


def _copy(address: str, folder: str, files: Mapping[str, Shard | None], name: str) -> None:
    source, shard = filesystems.join(address, name), files[name]
    reading(source, lambda: copy(source, os.path.join(folder, name), shard))


def copy(
    source: str, target: str, shard: Shard | None, verify: bool = False, is_over: Callable[[], bool] = lambda: False
) -> None:
    """Copies a remote file, whole or not at all.

    Args:
      source: its address.
      target: its local path.
      shard: how large it must be, if that is known.
      verify: compare its checksum, too.
      is_over: tells between two blocks whether the copy is not needed any more.

    Raises:
      UserError: it is not what it must be, or the copy cannot be written.
      tf.errors.OpError: it cannot be read.
      Over: it is not needed any more.
    """
    made, size = hashlib.sha256(), 0
    with _telling_apart(), writing(display_name(target)), replacing(target) as temporary:
        with open(temporary, "wb") as writer:
            for block in _blocks(source):
                if is_over():
                    raise Over
                writer.write(block)
                size += len(block)
                if verify:
                    made.update(block)
        if shard is not None:
            _require_size(source, size, shard.size)
        if shard is not None and verify and made.hexdigest() != shard.sha256:
            raise UserError(
                f"{display_name(source)}: is damaged: its sha256 is {made.hexdigest()}, and {MANIFEST_FILE} has "
                f"{shard.sha256}; copy it again, or prepare the data anew"
            )


class Over(Exception):
    """A copy that is not needed any more."""


class _Unread(Exception):
    """Wraps an error of the remote filesystem, to tell it from one of writing the copy."""


def _blocks(path: str) -> Iterator[bytes]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except tf.errors.OpError as error:
        raise _Unread(error) from error


@contextlib.contextmanager
def _telling_apart() -> Iterator[None]:
    try:
        yield
    except _Unread as error:
        raise error.args[0] from None


def require_sizes(address: str, shards: Sequence[Shard]) -> None:
    """Checks that shards are there, each of its size.

    Raises:
      UserError: one is not, or the filesystem does not answer.
    """
    progress = Progress(0, len(shards), label="looked at shard", rate="shards/s")

    def size_of(shard: Shard) -> int:
        path = filesystems.join(address, shard.name)
        return reading(path, lambda: tf.io.gfile.stat(path).length)

    with ThreadPoolExecutor(_LOOKS) as pool:
        for number, (shard, size) in enumerate(zip(shards, pool.map(size_of, shards), strict=True), 1):
            _require_size(filesystems.join(address, shard.name), size, shard.size)
            progress.update(number, {})


def _require_size(path: str, size: int, expected: int) -> None:
    if size != expected:
        raise UserError(f"{display_name(path)}: has {size} bytes and not {expected}; prepare the data anew")


def _read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


def reading(path: str, read: Callable[[], _T]) -> _T:
    """Calls `read`, again where its filesystem fails for a while, and returns its result.

    Raises:
      UserError: the filesystem of the path does not give it.
    """
    for pause in (*RETRY_SECS, None):
        try:
            return read()
        except (tf.errors.NotFoundError, tf.errors.PermissionDeniedError, tf.errors.UnauthenticatedError) as error:
            raise _unreadable(path, error) from None
        except tf.errors.UnimplementedError as error:
            if not _has_further_filesystems():
                raise _unreadable(path, error) from None
            if path.startswith("s3:"):
                flags.end_at_once()
            try:
                return read()
            except tf.errors.OpError as again:
                raise _unreadable(path, again) from None
        except tf.errors.OpError as error:
            if pause is None:
                raise _unreadable(path, error) from None
            logging.info("%s: cannot be read (%s); trying again", display_name(path), one_line(error))
            time.sleep(pause)
    raise AssertionError


def _unreadable(path: str, error: tf.errors.OpError) -> UserError:
    return UserError(f"{display_name(path)}: cannot be read ({one_line(error)})")


@functools.cache
def _has_further_filesystems() -> bool:
    """True once tensorflow-io has brought those of s3, hdfs, http and others."""
    try:
        importlib.import_module("tensorflow_io")
    except Exception:  # a library built for another TensorFlow fails in many ways
        return False
    return True
