"""Blocks of samples to the rate and the channels that are wanted, whatever they come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import soxr

MAX_SECONDS = 24 * 3600
# Hz: what is resampled from 1 Hz would make gigabytes of a small file, and pictures of 64 ms at 1 GHz likewise.
MIN_RATE, MAX_RATE = 1_000, 1_000_000
# Full scale is 1. The power of a spectrum of 2048 samples, each larger than this, is more than float32 holds.
_LARGEST = 1e15
# Fewer are averaged after they are resampled, as the original averages them.
_MANY_CHANNELS = 16


class Unusable(Exception):
    """Why audio cannot be used; the message is the reason alone."""


def convert(
    blocks: Iterable[np.ndarray], rate: int, sample_rate: int | None = None, num_channels: int = 1
) -> Iterator[np.ndarray]:
    """Checks, resamples and maps the channels of a waveform that comes in blocks.

    Args:
      blocks: float32 [t, c].
      rate: theirs, in Hz.
      sample_rate: the wanted one, in Hz (soxr HQ, the same samples as `librosa.resample`); None keeps it.
      num_channels: of the result. Any number is averaged to 1; 1 is duplicated to 2; else they must agree.

    Yields:
      float32 [t, num_channels].

    Raises:
      Unusable: there are no samples, or more than 24 hours of them, or some are not finite or far too large, or the
        rate or the channels do not fit. It may show only at the last block: use none of them before all have come.
    """
    checked = _checked(blocks, rate)
    new_rate = rate if sample_rate is None else sample_rate
    if rate > MAX_RATE or (new_rate != rate and rate < MIN_RATE):
        raise Unusable(f"sample rate {rate} Hz is not between {MIN_RATE} and {MAX_RATE}")
    if new_rate != rate:
        checked = _resample(_without_many_channels(checked, num_channels), rate, new_rate)
    yield from _map_channels(checked, num_channels)


def _checked(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Passes blocks on; raises once all are read if there were no samples, or NaN, Inf or huge ones among them."""
    frames = nan = inf = 0
    peak = 0.0
    for block in blocks:
        frames += len(block)
        if frames > MAX_SECONDS * rate:
            raise Unusable(f"is longer than {MAX_SECONDS // 3600} hours")
        if not np.isfinite(block).all():
            nan += np.count_nonzero(np.isnan(block))
            inf += np.count_nonzero(np.isinf(block))
        elif not nan + inf:
            peak = max(peak, float(np.max(np.abs(block), initial=0.0)))
            if peak <= _LARGEST:
                yield block
    if frames == 0:
        raise Unusable("holds no samples")
    if nan + inf:
        raise Unusable(f"holds samples that are not finite: {nan} NaN, {inf} Inf")
    if peak > _LARGEST:
        raise Unusable(f"holds samples far beyond full scale, of more than {_LARGEST:.0e}")


def _without_many_channels(blocks: Iterator[np.ndarray], num_channels: int) -> Iterator[np.ndarray]:
    """Maps many channels that the result does not have before each of them takes a resampler's memory, 2 MB."""
    for block in blocks:
        is_wanted = block.shape[1] == num_channels or block.shape[1] <= _MANY_CHANNELS
        yield from [block] if is_wanted else _map_channels(iter([block]), num_channels)


def _resample(blocks: Iterator[np.ndarray], rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Soxr HQ as librosa calls it, in a stream: the same samples bit for bit, padded to the same length."""
    stream = None
    frames_in = frames_out = 0
    last = np.zeros((0, 1), np.float32)
    for last in blocks:
        stream = stream or soxr.ResampleStream(rate, new_rate, last.shape[1], "float32", quality="soxr_hq")
        resampled = stream.resample_chunk(last)
        frames_in += len(last)
        frames_out += len(resampled)
        yield resampled
    if stream is not None:
        resampled = stream.resample_chunk(last[:0], last=True)
        length = math.ceil(frames_in * (new_rate / rate)) - frames_out
        yield np.pad(resampled, ((0, max(0, length - len(resampled))), (0, 0)))


def _map_channels(blocks: Iterator[np.ndarray], num_channels: int) -> Iterator[np.ndarray]:
    for block in blocks:
        channels = block.shape[1]
        if channels == num_channels:
            yield block
        elif num_channels == 1:
            yield np.mean(block, axis=1, keepdims=True)
        elif channels == 1 and num_channels == 2:
            yield np.repeat(block, 2, axis=1)
        else:
            raise Unusable(f"has {channels} channels, which do not fit the {num_channels} that are wanted")
