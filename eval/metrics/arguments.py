"""The door of the metrics: arrays are converted without loss before anything is counted, or refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_SUM_TOLERANCE = 1e-3
_EXACT = 2**53  # up to here float64 holds every integer
_NARROW = (np.float32, np.float16, np.int8, np.uint8, np.int16, np.uint16, np.bool_)  # float32 holds all their numbers
# Differences, and sums of many numbers, do not overflow below this.
_LARGEST = 1e300


class ArgumentError(ValueError):
    """A value that a metric cannot take; the message is one line that says what is wrong."""


def rows(values: ArrayLike, name: str = "samples") -> np.ndarray:
    """Samples as float rows: what float32 holds without loss is float32, all else float64.

    Args:
      values: numbers [n, d], or [n, ...] which is flattened.
      name: of the array in messages.

    Returns:
      float32 or float64 [n, d], C-contiguous; the same memory where nothing had to be converted.

    Raises:
      ArgumentError: another shape, nothing in it, no real numbers, a number that is not finite or beyond 1e300, or one
        that no float64 holds.
    """
    array = np.asarray(values)
    if array.ndim < 2 or not array.size:
        raise ArgumentError(f"{name} have shape {list(array.shape)}, must have [samples, features]")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ArgumentError(f"{name} are {array.dtype}, must be float32 or float64")
    if array.dtype.kind in "iu" and max(-int(array.min()), int(array.max())) > _EXACT:
        raise ArgumentError(f"{name} hold integers beyond 2^53, which float64 cannot tell apart")
    kind = np.float32 if array.dtype in _NARROW else np.float64
    array = np.ascontiguousarray(array.reshape(len(array), -1), kind)
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} hold numbers that are not finite")
    if kind is np.float64 and max(-array.min(), array.max()) > _LARGEST:
        raise ArgumentError(f"{name} hold numbers beyond {_LARGEST:g}")
    return array


def distributions(probabilities: ArrayLike) -> np.ndarray:
    """Probabilities as a floating array [n, classes], float32 if they are that.

    Raises:
      ArgumentError: another shape, nothing in it, or a row that is no distribution.
    """
    array = np.asarray(probabilities)
    if array.ndim != 2 or not array.size:
        raise ArgumentError(f"probabilities have shape {list(array.shape)}, must have [samples, classes]")
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"probabilities are {array.dtype}, must be float32 or float64")
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # of rows that are refused
        wrong = ~(np.abs(np.sum(array, axis=1, dtype=np.float64) - 1) <= _SUM_TOLERANCE) | (array < 0).any(axis=1)
    if wrong.any():
        raise ArgumentError(
            f"probabilities: {np.count_nonzero(wrong)} of {len(array)} rows, the first of them row "
            f"{np.argmax(wrong)}, are not numbers from 0 on that sum to 1"
        )
    return array


def class_numbers(values: ArrayLike, lowest: int, highest: int, name: str, plural: str) -> np.ndarray:
    """Numbers of classes as int64 [n], from any type of integers; none at all are fine.

    Args:
      values: integers [n].
      lowest: of the classes.
      highest: of the classes.
      name: of one of the numbers in messages.
      plural: the name of several.

    Raises:
      ArgumentError: another shape, no integers, or a number that is of no class.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ArgumentError(f"{plural} are {array.dtype} {list(array.shape)}, must be integers [samples]")
    # Compared in their own type: a cast could wrap a number that is out of range into it.
    wrong = (array < lowest) | (array > highest)
    if wrong.any():
        raise ArgumentError(f"{name} {array[np.argmax(wrong)]}: must be from {lowest} to {highest}")
    return array.astype(np.int64)


def counts(values: ArrayLike) -> np.ndarray:
    """Numbers of samples in bins as float64 [k], from any type of integers or from whole floating numbers.

    Raises:
      ArgumentError: another shape, no numbers, or one that is negative or not whole.
    """
    array = np.asarray(values)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iuf":
        raise ArgumentError(f"bins are {array.dtype} {list(array.shape)}, must be counts [k]")
    array = array.astype(np.float64)
    wrong = ~(np.isfinite(array) & (array >= 0) & (array == np.floor(array)))
    if wrong.any():
        raise ArgumentError(f"bins hold a count of {array[np.argmax(wrong)]:g}, must be whole numbers from 0 on")
    return array
