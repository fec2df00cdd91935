"""Tables of a prepared set: length, place and label of each file, as arrays in files of their own."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
from collections.abc import Iterable, Mapping

import numpy as np

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import filesystems
from wavegan_tf.core.preparation.listing import Names as Names
from wavegan_tf.core.reading import Unreadable, mapped, read_array
from wavegan_tf.core.writing import npy

FOLDER = "tables"
_NAMES = "names.bin"


@dataclasses.dataclass(frozen=True)
class Tables:
    """Of each usable file, in the order of the set.

    Attributes:
      lengths: int64 [files], samples.
      offsets: int64 [files], byte of its shard at which it begins.
      divisors: float32 [files], see `shards`.
      classes: int32 [files], number of its label, or its pitch; empty of a set without.
      name_ends: int64 [files], byte at which its name ends among all names.
    """

    lengths: np.ndarray
    offsets: np.ndarray
    divisors: np.ndarray
    classes: np.ndarray
    name_ends: np.ndarray


_KINDS = {"lengths": np.int64, "offsets": np.int64, "divisors": np.float32, "classes": np.int32, "name_ends": np.int64}


def write(folder: str, names: Iterable[str], columns: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Writes the tables of a set; returns the sha256 of each file by its name.

    Args:
      folder: of the set.
      names: of the files.
      columns: the attributes of `Tables` but for `name_ends`.

    Raises:
      UserError: they cannot be written.
    """
    packed = Names.of(names)
    place, digests = filesystems.join(folder, FOLDER), {}
    filesystems.make_folder(place)
    columns = {**columns, "name_ends": packed.ends}
    arrays = {f"{name}.npy": array.astype(_KINDS[name]) for name, array in columns.items()}
    for name in (*arrays, _NAMES):
        data = npy(arrays[name]) if name in arrays else memoryview(packed.data)
        filesystems.write(filesystems.join(place, name), data)
        digests[name] = hashlib.sha256(data).hexdigest()
    return digests


def read(folder: str, digests: Mapping[str, str], files: int, has_classes: bool, verify: bool) -> tuple[Tables, Names]:
    """The tables of a set in a local folder.

    Args:
      folder: of the set.
      digests: what `write` returned.
      files: that it has.
      has_classes: whether each has a label or a pitch.
      verify: whether to read the names and compare their checksum; those of the others always are.

    Raises:
      UserError: one is missing, or is not what was written.
    """
    found = {}
    for name, kind in _KINDS.items():
        path = os.path.join(folder, FOLDER, f"{name}.npy")
        expected = (files if name != "classes" or has_classes else 0,)
        try:
            array = read_array(path)
            if array.shape != expected or array.dtype != kind:
                raise Unreadable(f"it holds {list(array.shape)} of {array.dtype}, not {list(expected)}")
            _check_digest(hashlib.sha256(npy(array)).hexdigest(), digests, f"{name}.npy")
        except (OSError, Unreadable) as error:
            raise _damaged(path, error) from None
        found[name] = array
    tables = Tables(**found)
    path = os.path.join(folder, FOLDER, _NAMES)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != (int(tables.name_ends[-1]) if files else 0) or (np.diff(tables.name_ends, prepend=0) < 0).any():
                raise Unreadable(f"it has {size} bytes, other than the names do")
            if verify:
                _check_digest(digest_of(path), digests, _NAMES)
            data = mapped(file) if size else b""
    except (OSError, Unreadable) as error:
        raise _damaged(path, error) from None
    return tables, Names(data, tables.name_ends)


def digest_of(path: str) -> str:
    """The sha256 of a file."""
    made = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(io.DEFAULT_BUFFER_SIZE << 7):
            made.update(block)
    return made.hexdigest()


def _check_digest(found: str, digests: Mapping[str, str], name: str) -> None:
    if found != digests.get(name):
        raise Unreadable(f"its sha256 is {found} and not {digests.get(name)}")


def _damaged(path: str, error: Exception) -> UserError:
    reason = error.strerror if isinstance(error, OSError) else error
    return UserError(f"{display_name(path)}: is missing or damaged ({reason}); prepare the data anew")
