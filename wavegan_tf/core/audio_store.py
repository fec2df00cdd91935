"""All audio decoded once: one float32 array [total samples, c], in memory or mapped from a file on disk."""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import json
import os
import socket
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf
from absl import logging

from wavegan_tf.core import audio
from wavegan_tf.core.errors import UserError

FORMAT_VERSION = 1
# Larger files are decoded twice in blocks (once for the peak, once to keep) instead of being held whole.
LONG_FILE_BYTES = 1 << 25
MAX_REPORTED = 20
PROGRESS_SECONDS = 5.0
_CHECKED_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How files become waveforms; the arguments of `audio.decode`."""

    sample_rate: int
    num_channels: int = 1
    normalize: bool = True
    fast_wav: bool = False


@dataclasses.dataclass(frozen=True)
class AudioStore:
    """Decoded files, one behind the other.

    Attributes:
      files: those that could be decoded.
      lengths: int64 [files], samples of each.
      num_channels: c.
      skipped: (file, reason) of those that could not.
      memory: float32 [total, c], or None if the samples are in `cache_path`.
      cache_path: raw little-endian float32 samples, or None if they are in `memory`.
    """

    files: tuple[str, ...]
    lengths: np.ndarray
    num_channels: int
    skipped: tuple[tuple[str, str], ...] = ()
    memory: tf.Tensor | None = None
    cache_path: str | None = None

    @property
    def starts(self) -> np.ndarray:
        """Where each file begins: int64 [files]."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def num_samples(self) -> int:
        """Of all files together, counted once for all channels."""
        return int(self.lengths.sum())

    @tf.autograph.experimental.do_not_convert
    def samples(self) -> tf.Tensor:
        """All samples, float32 [total, c]. Call it inside the graph that reads them.

        An op of that graph maps the file, page by page as it is touched: no Python takes part in reading.
        """
        if self.memory is not None:
            return self.memory
        assert self.cache_path is not None
        return tf.raw_ops.ImmutableConst(
            dtype=tf.float32,
            shape=[self.num_samples, self.num_channels],
            memory_region_name=os.fsencode(self.cache_path),
        )


def open_store(
    files: list[str],
    decoding: Decoding,
    *,
    cache_dir: str,
    memory_limit: int,
    skip_bad: bool = True,
) -> AudioStore:
    """Decodes files, or opens the cache of an earlier run over the same files.

    Args:
      files: paths, in the order in which the store shall hold them.
      decoding: how.
      cache_dir: for the samples, if they need more than `memory_limit`; made if missing.
      memory_limit: bytes of decoded audio to keep in memory at most.
      skip_bad: report files that can't be used and go on, instead of stopping at the first.

    Raises:
      UserError: a bad file without `skip_bad`, no usable file at all, or no room for the cache.
    """
    key = _cache_key(files, decoding)
    cache_path = os.path.join(cache_dir, f"audio-{key}.f32")
    store = _open_cache(cache_path, key, decoding.num_channels)
    if store is None:
        store = _decode_all(files, decoding, cache_path, key, memory_limit, skip_bad)
    if store.skipped and not skip_bad:
        raise _bad_file(*store.skipped[0])
    for path, reason in store.skipped[:MAX_REPORTED]:
        logging.warning("skipped %s: %s", audio.display_name(path), reason)
    if len(store.skipped) > MAX_REPORTED:
        logging.warning("skipped %d more files that cannot be used", len(store.skipped) - MAX_REPORTED)
    if not store.files:
        path, reason = store.skipped[0]
        raise UserError(
            f"none of the {len(files)} audio files can be used; the first is {audio.display_name(path)}: {reason}"
        )
    return store


def _bad_file(path: str, reason: str) -> audio.AudioError:
    return audio.AudioError(
        f"{audio.display_name(path)}: {reason}; mend or remove the file, or leave --nodata_skip_bad out to go on without"
    )


def _decode_all(
    files: list[str], decoding: Decoding, cache_path: str, key: str, memory_limit: int, skip_bad: bool
) -> AudioStore:
    lengths, usable, skipped = [], [], []
    spool = _Spool(cache_path, memory_limit)
    progress = _Progress(len(files), decoding.sample_rate)
    try:
        with ThreadPoolExecutor(_num_threads()) as pool:
            decode = functools.partial(_decode_short, decoding)
            for path, result in zip(files, _map_in_order(pool, decode, files), strict=True):
                try:
                    blocks = _normalized_blocks(path, decoding) if result is None else [_value(result)]
                    length = spool.extend(blocks)
                except audio.AudioError as error:
                    reason = str(error).removeprefix(f"{audio.display_name(path)}: ")
                    if not skip_bad:
                        raise _bad_file(path, reason) from None
                    skipped.append((path, reason))
                    continue
                usable.append(path)
                lengths.append(length)
                progress.add(length, len(skipped))
        store = AudioStore(tuple(usable), np.array(lengths, np.int64), decoding.num_channels, tuple(skipped))
        return spool.finish(store, key)
    finally:
        spool.discard()


def _num_threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


def _map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[str], Any], items: Iterable[str]
) -> Iterator[Any]:
    """Results in order, with a bounded number of them waiting: `pool.map` would decode everything ahead."""
    waiting: collections.deque = collections.deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > 2 * _num_threads():
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _decode_short(decoding: Decoding, path: str) -> np.ndarray | audio.AudioError | None:
    """The waveform [t, c], the reason why there is none, or None if the file is too long to be held whole."""
    blocks, size = [], 0
    try:
        for block in audio.decode_blocks(
            path, decoding.sample_rate, decoding.num_channels, decoding.fast_wav
        ):
            blocks.append(block)
            size += block.nbytes
            if size > LONG_FILE_BYTES:
                return None
    except audio.AudioError as error:
        return error
    waveform = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return audio.normalize_peak(waveform) if decoding.normalize else waveform


def _value(result: np.ndarray | audio.AudioError) -> np.ndarray:
    if isinstance(result, audio.AudioError):
        raise result
    return result


def _normalized_blocks(path: str, decoding: Decoding) -> Iterator[np.ndarray]:
    """A long file in blocks. The first pass finds its peak, and its faults before anything of it is kept."""
    arguments = (path, decoding.sample_rate, decoding.num_channels, decoding.fast_wav)
    peak = max(float(np.max(np.abs(block), initial=0.0)) for block in audio.decode_blocks(*arguments))
    divisor = audio.peak_divisor(peak if decoding.normalize else 1.0)
    for block in audio.decode_blocks(*arguments):
        yield block / divisor


class _Progress:
    """A line every few seconds, so that a long start is seen to move."""

    def __init__(self, num_files: int, sample_rate: int) -> None:
        self._num_files, self._sample_rate = num_files, sample_rate
        self._files = self._samples = 0
        self._next = time.monotonic() + PROGRESS_SECONDS

    def add(self, samples: int, num_skipped: int) -> None:
        self._files += 1
        self._samples += samples
        if time.monotonic() > self._next:
            self._next = time.monotonic() + PROGRESS_SECONDS
            seconds = self._samples / self._sample_rate
            done = self._files + num_skipped
            logging.info("decoded %d of %d files, %.0f seconds of audio", done, self._num_files, seconds)


class _Spool:
    """Collects blocks in memory and moves to a file when they pass the limit."""

    def __init__(self, cache_path: str, memory_limit: int) -> None:
        self._cache_path = cache_path
        self._temporary = f"{cache_path}.tmp-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._memory_limit = memory_limit
        self._blocks: list[np.ndarray] = []
        self._size = 0
        self._file: BinaryIO | None = None

    def extend(self, blocks: Iterable[np.ndarray]) -> int:
        """Appends the blocks of one file; returns how many samples they hold."""
        length = 0
        for block in blocks:
            length += len(block)
            self._size += block.nbytes
            self._blocks.append(block)
            if self._file is not None or self._size > self._memory_limit:
                self._write()
        return length

    def _write(self) -> None:
        try:
            if self._file is None:
                os.makedirs(os.path.dirname(self._cache_path), exist_ok=True)
                _remove_abandoned(os.path.dirname(self._cache_path))
                logging.info("decoded audio passes --data_cache_mb, writing it to %s", self._cache_path)
                self._file = open(self._temporary, "wb")  # noqa: SIM115 (closed by finish or discard)
            for block in self._blocks:
                self._file.write(np.ascontiguousarray(block, "<f4").data)
            self._blocks.clear()
        except OSError as error:
            raise self._no_room(error) from error

    def _no_room(self, error: OSError) -> UserError:
        return UserError(
            f"{self._cache_path}: the audio cache cannot be written after {self._size >> 20} MB ({error.strerror}); "
            "free space there, choose another --data_cache_dir, or raise --data_cache_mb to keep it in memory"
        )

    def finish(self, store: AudioStore, key: str) -> AudioStore:
        """Adds the samples to a store that describes them."""
        if self._file is None:
            samples = np.empty([store.num_samples, store.num_channels], np.float32)
            at = 0
            for i, block in enumerate(self._blocks):
                samples[at : at + len(block)] = block
                at += len(block)
                self._blocks[i] = block[:0].copy()  # frees it, so that the peak stays near one copy
            self._blocks.clear()
            with tf.device("CPU:0"):
                return dataclasses.replace(store, memory=tf.constant(samples))
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            index = {
                "version": FORMAT_VERSION,
                "key": key,
                "num_channels": store.num_channels,
                "files": store.files,
                "lengths": store.lengths.tolist(),
                "skipped": store.skipped,
                "checksum": _checksum(self._temporary),
            }
            with open(f"{self._temporary}.json", "w", encoding="utf-8") as file:
                json.dump(index, file)
            os.replace(self._temporary, self._cache_path)
            os.replace(f"{self._temporary}.json", f"{self._cache_path}.json")
        except OSError as error:
            raise self._no_room(error) from error
        return dataclasses.replace(store, cache_path=self._cache_path)

    def discard(self) -> None:
        """Removes what an interrupted run would leave behind."""
        if self._file is not None:
            self._file.close()
        for path in (self._temporary, f"{self._temporary}.json"):
            if os.path.exists(path):
                os.remove(path)


def _remove_abandoned(cache_dir: str) -> None:
    """Removes temporary files of processes of this host that were killed."""
    for name in os.listdir(cache_dir):
        head, _, tail = name.partition(f".f32.tmp-{socket.gethostname()}-")
        pid = tail.split("-")[0]
        if head.startswith("audio-") and pid.isdigit() and not _is_running(int(pid)):
            os.remove(os.path.join(cache_dir, name))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _cache_key(files: list[str], decoding: Decoding) -> str:
    """Names a set of files, their sizes and times, and the way they are decoded."""
    digest = hashlib.sha256(json.dumps([FORMAT_VERSION, dataclasses.asdict(decoding)]).encode())
    for path in files:
        try:
            status = os.stat(path)
            identity = (os.path.abspath(path), status.st_size, status.st_mtime_ns)
        except OSError:
            identity = (os.path.abspath(path), -1, -1)
        digest.update(json.dumps(identity).encode())
    return digest.hexdigest()[:24]


def _checksum(path: str) -> list[int]:
    """Of the beginning and the end; reading all of a large cache at every start would cost more than it protects."""
    with open(path, "rb") as file:
        head = zlib.crc32(file.read(_CHECKED_BYTES))
        file.seek(max(0, os.path.getsize(path) - _CHECKED_BYTES))
        return [head, zlib.crc32(file.read())]


def _open_cache(cache_path: str, key: str, num_channels: int) -> AudioStore | None:
    """The store that an earlier run left, or None if there is none that is whole."""
    if not os.path.exists(f"{cache_path}.json"):
        return None
    try:
        with open(f"{cache_path}.json", encoding="utf-8") as file:
            index = json.load(file)
        store = AudioStore(
            files=tuple(index["files"]),
            lengths=np.array(index["lengths"], np.int64),
            num_channels=num_channels,
            skipped=tuple((path, reason) for path, reason in index["skipped"]),
            cache_path=cache_path,
        )
        size = 4 * store.num_samples * num_channels
        fits = (index["key"], index["version"], index["num_channels"]) == (key, FORMAT_VERSION, num_channels)
        if fits and os.path.getsize(cache_path) == size and _checksum(cache_path) == index["checksum"]:
            logging.info("using the decoded audio in %s", cache_path)
            return store
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    logging.warning("%s: is damaged, decoding the audio again", cache_path)
    return None
