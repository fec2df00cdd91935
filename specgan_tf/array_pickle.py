"""Reading NumPy arrays out of a pickle without running anything that it asks for.

A pickle names the functions that build its objects. Here the names that NumPy's arrays need lead to stand-ins that
build arrays and nothing else, and every other name is refused.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from typing import Any, BinaryIO, Literal

import numpy as np

from wavegan_tf.core.errors import one_line

_KINDS = "fiu"  # plain numbers
_MAX_BYTES = 1 << 24


class _DType:
    """Stands in for `numpy.dtype(name)`, whose state has the byte order."""

    def __init__(self, name: Any, *_: Any):
        if not isinstance(name, str) or np.dtype(name).kind not in _KINDS:
            raise pickle.UnpicklingError(f"array of {name!r}")
        self.value = np.dtype(name)

    def __setstate__(self, state: tuple) -> None:
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class _Array:
    """Stands in for `numpy.ndarray`, whose state has shape, type and bytes."""

    value: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _build(data, dtype, shape, "F" if fortran else "C")


def _build(data: Any, dtype: Any, shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    if isinstance(data, str):  # bytes of a Python 2 pickle
        data = data.encode("latin-1")
    if not isinstance(dtype, _DType) or len(data) != math.prod(shape) * dtype.value.itemsize:
        raise pickle.UnpicklingError("array with a wrong size or type")
    return np.frombuffer(data, dtype.value).reshape(shape, order=order)


def _from_buffer(data: Any, dtype: Any, shape: tuple[int, ...], order: Literal["C", "F"]) -> _Array:
    array = _Array()
    array.value = _build(data, dtype, shape, order)
    return array


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes as {encoding}")
    return text.encode("latin-1")


_ALLOWED: dict[tuple[str, str], Callable] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,  # how Python 3 writes bytes for Python 2
}
for _package in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_package}.multiarray", "_reconstruct"] = lambda *_: _Array()
    _ALLOWED[f"{_package}.numeric", "_frombuffer"] = _from_buffer


# The one in Python: the one in C takes memory for whatever number of memories a pickle names.
class _ArrayUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Callable:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}, which is not part of an array")
        return _ALLOWED[module, name]

    def persistent_load(self, _: Any) -> Any:
        raise pickle.UnpicklingError("a reference to something outside")


def load_arrays(file: BinaryIO) -> list[np.ndarray]:
    """Reads a pickled tuple or list of arrays of numbers, by Python 2 or 3, in any protocol.

    Raises:
      ValueError: the pickle holds or asks for anything else, is damaged, or is larger than 16 MiB.
    """
    data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError("more than 16 MiB")
    try:
        found = _ArrayUnpickler(io.BytesIO(data), encoding="latin-1").load()
    except pickle.UnpicklingError as error:
        raise ValueError(f"asks for {error}") from None
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise ValueError(f"damaged ({type(error).__name__}: {one_line(error)})") from None
    if not isinstance(found, tuple | list) or not all(isinstance(item, _Array) for item in found):
        raise ValueError("holds something else than arrays")
    try:
        return [item.value for item in found]
    except AttributeError:
        raise ValueError("holds an array without values") from None
