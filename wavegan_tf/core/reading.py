"""Reading of what others have written: JSON and NumPy's files, with nothing believed that their bytes do not hold.

Whatever is wrong with a file is `Unreadable`, a ValueError of one line.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import mmap
import os
import re
import reprlib
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from wavegan_tf.core.errors import one_line

# No list of notes that anybody has is as large, and no description of a run or of a model.
MAX_TEXT_BYTES, MAX_DESCRIPTION_BYTES = 1 << 30, 1 << 20
# Of a TFRecord: length and its checksum, and the checksum of what lies between, in bytes.
_RECORD_HEADER, _RECORD_FOOTER = 12, 4
# Lists and objects of a JSON text, of which each takes memory and time; NSynth's list of notes has 900 000.
_MAX_CONTAINERS = 1 << 21
_HALF_OF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


class Unreadable(ValueError):
    """Why a file cannot be read; the message is one line without the file's name."""


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """Turns whatever a library raises for a damaged file into `Unreadable`."""
    try:
        yield
    except Exception as error:
        raise Unreadable(one_line(error)) from None


def require_regular(path: str) -> None:
    """Checks that a path is that of a file: opening a pipe may wait for ever, and some devices never end.

    Raises:
      Unreadable: it is something else.
      OSError: it is not there, or a folder.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise Unreadable("it is not a regular file")


def mapped(file: BinaryIO) -> mmap.mmap:
    """The bytes of a file that is open and not empty, mapped into memory.

    Privately: some network disks map no file that is shared, whether or not it is written to.

    Raises:
      OSError: its disk maps none at all.
    """
    return mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)


def read_text(path: str, errors: str = "strict", max_bytes: int = MAX_TEXT_BYTES) -> str:
    """The text of a file in UTF-8, with a byte-order mark or without, and with its ends of lines as they are.

    Args:
      path: of the file.
      errors: what becomes of bytes that are no UTF-8, as `bytes.decode` has it.
      max_bytes: that it may have.

    Raises:
      Unreadable: it is no regular file, is too large, or is not UTF-8.
      OSError: it cannot be opened.
    """
    require_regular(path)
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise Unreadable(f"it is larger than {max_bytes >> 20} MiB")
        data = file.read()
    with _one_line():
        return data.decode("utf-8-sig", errors)


def read_json(path: str, max_bytes: int = MAX_TEXT_BYTES) -> Any:
    """The value of a JSON file in UTF-8, with a byte-order mark or without.

    Args:
      path: of the file.
      max_bytes: that it may have; its value can take 25 times as much memory.

    Raises:
      Unreadable: it is no JSON, or `parse_json` refuses it.
      OSError: it cannot be opened.
    """
    return parse_json(read_text(path, max_bytes=max_bytes))


def parse_json(text: str, max_digits: int = 20) -> Any:
    """The value of a text.

    Args:
      text: JSON.
      max_digits: of a whole number.

    Raises:
      Unreadable: it is no JSON, is nested too deeply, or holds millions of lists, a whole number of more digits, or
        half of a surrogate pair, which is no character. Those for which Python takes bytes of a path that is not
        UTF-8 are let through.
    """

    def integer(digits: str) -> int:
        if len(digits.lstrip("-")) > max_digits:
            raise Unreadable(f"a number of {len(digits)} digits")
        return int(digits)

    if text.count("[") + text.count("{") > _MAX_CONTAINERS:
        raise Unreadable(f"it has more than {_MAX_CONTAINERS} lists and objects")
    with _one_line():
        value = json.loads(text, parse_int=integer)
        if _HALF_OF_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")
        return value


def whole_number(values: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """A value of a JSON object.

    Args:
      values: the object.
      name: of the value; 2.0 is a whole number as well.
      low: smallest that can be.
      high: largest that can be.

    Raises:
      Unreadable: it is missing, or something else.
    """
    value: Any = values.get(name)
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole or not low <= value <= high:
        raise Unreadable(f"{name} is {reprlib.repr(value)}, not a whole number from {low} to {high}")
    return int(value)


def read_array(path: str) -> np.ndarray:
    """The array of numbers of an npy file.

    Raises:
      Unreadable: it is no such file, or its header claims another size than it has.
      OSError: it cannot be opened.
    """
    require_regular(path)
    with open(path, "rb") as file, _one_line():
        return _array(file, os.path.getsize(path))


def read_arrays(path: str, names: Sequence[str], max_bytes: int = 1 << 26) -> list[np.ndarray]:
    """The arrays of numbers with these names of an npz file.

    Args:
      path: of the file.
      names: of the arrays.
      max_bytes: of each, as a compressed one may be of any size.

    Raises:
      Unreadable: it is no such file, an array is missing or too large, or its header claims another size than it has.
      OSError: it cannot be opened.
    """
    require_regular(path)
    with open(path, "rb") as file:
        return arrays_in(file, names, max_bytes)


def arrays_in(file: BinaryIO, names: Sequence[str], max_bytes: int = 1 << 26) -> list[np.ndarray]:
    """`read_arrays` of an npz file that is open.

    Raises:
      Unreadable: see `read_arrays`.
    """
    with _one_line(), zipfile.ZipFile(file) as archive:
        found = []
        for name in names:
            member = archive.getinfo(f"{name}.npy")
            if member.file_size > max_bytes:
                raise Unreadable(f"{name} has {member.file_size} bytes, and {max_bytes} are the most")
            with archive.open(member) as part:
                found.append(_array(part, member.file_size))
        return found


def whole_records(path: str) -> tuple[int, str]:
    """How many records of a TFRecord file lie within it, by their lengths, and what is wrong behind them, if anything.

    TensorFlow takes memory for whatever a length claims. The checksums of lengths and records are left to it.

    Raises:
      Unreadable: it is no regular file.
      OSError: it cannot be read.
    """
    require_regular(path)
    size, place, count = os.path.getsize(path), 0, 0
    with open(path, "rb") as file:
        while place < size:
            file.seek(place)
            header = file.read(_RECORD_HEADER)
            length = int.from_bytes(header[:8], "little")
            if len(header) < _RECORD_HEADER or length > size - place - _RECORD_HEADER - _RECORD_FOOTER:
                return count, f"it ends in the middle of a record, which claims {length} bytes"
            place += _RECORD_HEADER + length + _RECORD_FOOTER
            count += 1
    return count, ""


def _array(file: Any, size: int) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise Unreadable(f"it is of npy version {version[0]}.{version[1]}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    wanted = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "fiu" or size - file.tell() != wanted:
        raise Unreadable(f"it claims {list(shape)} elements of {dtype}, and holds {size - file.tell()} bytes")
    data = np.empty(wanted, np.uint8)  # filled in place, as a file of samples may be a large part of the memory
    if file.readinto(data) != wanted:
        raise Unreadable("it ends too early")
    # Not ascontiguousarray, which gives a scalar an axis.
    return np.asarray(data.view(dtype).reshape(shape, order="F" if is_fortran else "C"), order="C")
