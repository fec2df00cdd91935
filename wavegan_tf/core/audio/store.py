"""All audio decoded once: one float32 tensor [total samples, c], in memory or mapped from a file."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from wavegan_tf.core.audio import decode as audio
from wavegan_tf.core.audio.cache import SampleSpool, cache_key, read_index
from wavegan_tf.core.audio.files import report_skipped
from wavegan_tf.core.audio.options import Decoding
from wavegan_tf.core.audio.options import num_threads as num_threads
from wavegan_tf.core.audio.samples import Samples
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name

# Longer files are decoded twice in blocks, once for the peak and once to keep, instead of being held whole.
LONG_FILE_BYTES = 1 << 25
PROGRESS_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class AudioStore:
    """Decoded files, each after the other.

    Attributes:
      files: those that could be decoded.
      lengths: int64 [files], samples of each.
      skipped: (file, reason) of those that could not.
      samples: float32 [total, c] of all files, on the CPU. Pages of a cache file are read as they are
        touched. Of a prepared set, what reads them.
    """

    files: Sequence[str]
    lengths: np.ndarray
    skipped: tuple[tuple[str, str], ...]
    samples: Samples

    @property
    def starts(self) -> np.ndarray:
        """Where each file begins: int64 [files]."""
        return np.cumsum(self.lengths) - self.lengths


def open_store(
    files: list[str],
    decoding: Decoding,
    *,
    cache_dir: str,
    memory_limit: int,
    skip_bad: bool = True,
) -> AudioStore:
    """Decodes files, or opens the cache of an earlier run over the same files if what that skipped still fails.

    Args:
      files: paths, in the order in which the store shall hold them.
      decoding: how.
      cache_dir: for the samples, if they need more than `memory_limit`; made if missing.
      memory_limit: bytes of decoded audio to keep in memory at most.
      skip_bad: report files that can't be used and go on, instead of stopping at the first.

    Raises:
      UserError: a bad file without `skip_bad`, no usable file at all, or no room for the cache.
    """

    def decode_all(spool: SampleSpool) -> dict[str, Any]:
        contents = _decode_all(files, decoding, spool, skip_bad)
        if not contents["files"]:
            path, reason = contents["skipped"][0]
            raise UserError(
                f"none of the {len(files)} audio files can be used; the first is {display_name(path)}: {reason}"
            )
        return contents

    def is_current(contents: dict[str, Any]) -> bool:
        with ThreadPoolExecutor(num_threads()) as pool:
            paths = [path for path, _ in contents["skipped"]]
            return not any(pool.map(functools.partial(_decodes, decoding), paths))

    key = cache_key(files, dataclasses.asdict(decoding))
    cache_path = os.path.join(cache_dir, f"audio-{key}.f32")
    contents, samples = spooled(cache_path, key, decoding.num_channels, memory_limit, decode_all, is_current)
    skipped = tuple((path, reason) for path, reason in contents["skipped"])
    if skipped and not skip_bad:
        raise _bad_file(*skipped[0])
    report_skipped([(display_name(path), reason) for path, reason in skipped])
    return AudioStore(tuple(contents["files"]), np.array(contents["lengths"], np.int64), skipped, samples)


def spooled(
    cache_path: str,
    key: str,
    num_channels: int,
    memory_limit: int,
    fill: Callable[[SampleSpool], dict[str, Any]],
    is_current: Callable[[dict[str, Any]], bool] = lambda contents: True,
) -> tuple[dict[str, Any], tf.Tensor]:
    """Samples in memory or in a file, or what an earlier run left in that file.

    Args:
      cache_path: the file.
      key: names what is in it; see `cache_key`.
      num_channels: c.
      memory_limit: bytes to keep in memory at most; more goes to the file.
      fill: puts the samples into a spool and returns what is to be known about them, as JSON values.
      is_current: tells from these values whether what an earlier run left is still what `fill` would give.

    Returns:
      What `fill` returned, and float32 [total, c] on the CPU.

    Raises:
      UserError: there is no room for the file.
    """
    contents, samples = read_index(cache_path, key), None
    if contents is not None and not is_current(contents):
        logging.info("%s: recreated, what was skipped then can be read now", cache_path)
        contents = None
    if contents is None:
        spool = SampleSpool(cache_path, memory_limit)
        try:
            contents = fill(spool)
            if spool.in_memory:
                samples = spool.take()
            else:
                spool.save(key, contents)
        finally:
            spool.discard()
    else:
        logging.info("using what an earlier run left in %s", cache_path)
    if samples is None:
        samples = _mapped(cache_path).reshape(-1, num_channels)
    return contents, _as_tensor(samples)


def _mapped(cache_path: str) -> np.ndarray:
    """The samples in a file, without reading them.

    Raises:
      UserError: the file can be mapped in no way.
    """
    try:
        # Nothing writes to it; but a read-only mapping can't be handed to TensorFlow.
        return np.memmap(cache_path, "<f4", "r+")
    except OSError:  # Another user's, or on a network disk that shares no memory.
        pass
    try:
        # Its pages count as memory of this process.
        return np.memmap(cache_path, "<f4", "c")
    except OSError as error:
        raise UserError(
            f"{cache_path}: cannot be mapped into memory ({error.strerror}); name a folder on another disk with "
            "--data_cache_dir, or keep the audio in memory with a larger --data_cache_mb"
        ) from None


def _as_tensor(samples: np.ndarray) -> tf.Tensor:
    """The same memory as a tensor on the CPU.

    `tf.constant` would make copies as large as all the audio, and so would the op that maps a file
    (ImmutableConst), which TensorFlow takes for a constant worth folding.
    """
    return tf.experimental.dlpack.from_dlpack(samples.__dlpack__())


def _bad_file(path: str, reason: str) -> audio.AudioError:
    return audio.AudioError(f"{display_name(path)}: {reason}; repair or remove it, or set --data_skip_bad=true")


def _decode_all(files: list[str], decoding: Decoding, spool: SampleSpool, skip_bad: bool) -> dict[str, Any]:
    """Puts all files into the spool; returns what `AudioStore` says about them."""
    lengths, usable, skipped = [], [], []
    progress = _Progress(len(files), decoding.sample_rate)
    with ThreadPoolExecutor(num_threads()) as pool:
        decode = functools.partial(_decode_short, decoding)
        for path, result in zip(files, _map_in_order(pool, decode, files), strict=True):
            try:
                blocks = _normalized_blocks(path, decoding) if result is None else [_value(result)]
                length = spool.extend(blocks)
            except audio.AudioError as error:
                reason = str(error).removeprefix(f"{display_name(path)}: ")
                if not skip_bad:
                    raise _bad_file(path, reason) from None
                skipped.append((path, reason))
                continue
            usable.append(path)
            lengths.append(length)
            progress.add(length, len(skipped))
    return {"files": usable, "lengths": lengths, "skipped": skipped}


def _map_in_order(pool: ThreadPoolExecutor, function: Callable[[str], Any], items: Iterable[str]) -> Iterator[Any]:
    """Results in order, with a bounded number of them waiting: `pool.map` would decode everything ahead."""
    waiting: collections.deque = collections.deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > 2 * num_threads():
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _decode_short(decoding: Decoding, path: str) -> np.ndarray | audio.AudioError | None:
    """The waveform [t, c], the reason why there is none, or None if the file is too long to be held whole."""
    blocks, size = [], 0
    try:
        for block in audio.decode_blocks(path, decoding.sample_rate, decoding.num_channels, decoding.fast_wav):
            blocks.append(block)
            size += block.nbytes
            if size > LONG_FILE_BYTES:
                return None
    except audio.AudioError as error:
        return error
    waveform = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return audio.normalize_peak(waveform) if decoding.normalize else waveform


def _decodes(decoding: Decoding, path: str) -> bool:
    """Tells whether the whole file can be decoded."""
    try:
        for _ in audio.decode_blocks(path, decoding.sample_rate, decoding.num_channels, decoding.fast_wav):
            pass
    except audio.AudioError:
        return False
    return True


def _value(result: np.ndarray | audio.AudioError) -> np.ndarray:
    if isinstance(result, audio.AudioError):
        raise result
    return result


def _normalized_blocks(path: str, decoding: Decoding) -> Iterator[np.ndarray]:
    """A long file in blocks. The first pass finds its peak, and its faults before anything of it is kept."""
    arguments = (path, decoding.sample_rate, decoding.num_channels, decoding.fast_wav)
    peak = max(float(np.max(np.abs(block), initial=0.0)) for block in audio.decode_blocks(*arguments))
    divisor = audio.peak_divisor(peak if decoding.normalize else 1.0)
    try:
        for block in audio.decode_blocks(*arguments):
            yield block / divisor
    except audio.AudioError as error:  # parts of it are kept already
        raise UserError(f"{display_name(path)}: changed while it was read; start again") from error


class _Progress:
    """A line every few seconds, so that a long start is seen to move."""

    def __init__(self, num_files: int, sample_rate: int) -> None:
        self._num_files, self._sample_rate = num_files, sample_rate
        self._files = self._samples = 0
        self._started = time.monotonic()
        self._next = self._started + PROGRESS_SECONDS

    def add(self, samples: int, num_skipped: int) -> None:
        self._files += 1
        self._samples += samples
        now = time.monotonic()
        if now > self._next:
            self._next = now + PROGRESS_SECONDS
            seconds = self._samples / self._sample_rate
            done = self._files + num_skipped
            left = datetime.timedelta(seconds=round((now - self._started) / done * (self._num_files - done)))
            logging.info("decoded %d of %d files, %.0f seconds of audio, ETA %s", done, self._num_files, seconds, left)
