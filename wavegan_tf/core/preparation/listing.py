"""Lists of millions of files in little memory: all texts in one run of bytes, numbers in arrays."""

from __future__ import annotations

import array
import dataclasses
import mmap
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np

_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


class Found(NamedTuple):
    """A file that was matched: its path, bytes, and the time of its last change in the filesystem's own unit."""

    path: str
    size: int
    changed: float


class Names(Sequence[str]):
    """Names of files, of which each is made when it is asked for."""

    def __init__(self, data: bytes | bytearray | mmap.mmap, ends: np.ndarray):
        """Takes all names in one, as `os.fsencode` gives them, and int64 [names], the byte at which each ends."""
        self.data, self.ends = data, np.ascontiguousarray(ends, np.int64)

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Holds these."""
        data, ends = bytearray(), array.array("q")
        for name in names:
            data += os.fsencode(name)
            ends.append(len(data))
        return cls(data, np.frombuffer(ends, np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        start = int(self.ends[place - 1]) if place else 0
        return self.data[start : int(self.ends[place])].decode(_ENCODING, _ERRORS)

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self.ends.data:
            yield self.data[start:end].decode(_ENCODING, _ERRORS)
            start = end


@dataclasses.dataclass(frozen=True)
class Files(Sequence[Found]):
    """Files that were matched.

    Attributes:
      paths: of all.
      sizes: int64 [files], bytes.
      changed: float64 [files], see `Found`.
    """

    paths: Names
    sizes: np.ndarray
    changed: np.ndarray

    @classmethod
    def of(cls, found: Iterable[Found]) -> Files:
        """Holds these."""
        sizes, changed = array.array("q"), array.array("d")

        def paths() -> Iterator[str]:
            for file in found:
                sizes.append(file.size)
                changed.append(file.changed)
                yield file.path

        names = Names.of(paths())
        return cls(names, np.frombuffer(sizes, np.int64), np.frombuffer(changed, np.float64))

    def chosen(self, places: np.ndarray) -> Files:
        """Those at int [n] places."""
        return Files(Names.of(self.paths[int(place)] for place in places), self.sizes[places], self.changed[places])

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Found: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Found]: ...
    def __getitem__(self, index: int | slice) -> Found | Sequence[Found]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return Found(self.paths[index], int(self.sizes[index]), float(self.changed[index]))

    def __iter__(self) -> Iterator[Found]:
        return map(Found, self.paths, self.sizes.data, self.changed.data)


class Within(Sequence[str]):
    """Paths without the folder that they are in, of which each is made when it is asked for."""

    def __init__(self, folder: str, paths: Sequence[str]):
        """Takes the folder and the paths."""
        self._prefix, self._paths = folder.rstrip("/") + "/", paths

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self._paths[index].removeprefix(self._prefix)
