"""Shards mapped into one range of memory, of which TensorFlow reads samples without a copy of all.

Every page that a process has touched counts as its memory until something takes it away; a set of shards that is larger
than the memory would push out everything else. A thread gives the pages back when they are many. They stay with the
system as long as it has room, and are read again where they are needed.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import time
import weakref
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.writing import why

# A page may have 64 KiB, and each shard begins with one.
PAGE = 1 << 16
# Of pages touched since they were last given back, bytes; and how often to look, in seconds.
_MOST_TOUCHED = 32 << 20
_LOOK_SECS = 0.02
_READ, _PRIVATE, _FIXED = mmap.PROT_READ, mmap.MAP_PRIVATE, 0x10
_NO_ACCESS, _NO_RESERVE = 0, getattr(mmap, "MAP_NORESERVE", 0)
_FAILED = ctypes.c_void_p(-1).value
_C = ctypes.CDLL(None, use_errno=True)
_C.mmap.restype = ctypes.c_void_p
_C.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_longlong]
_C.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_C.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def pages(size: int) -> int:
    """The bytes of the pages that hold so many."""
    return -(-size // PAGE) * PAGE


class MappedFiles:
    """Files in one range of memory, each from the beginning of a page.

    Attributes:
      starts: byte of the range at which each begins.
      size: bytes of the range.
    """

    def __init__(self, sizes: Sequence[int], paths: Sequence[str] = ()):
        """Maps the files; what is in them is read when it is touched.

        Args:
          sizes: bytes that each must have.
          paths: of the files; those of none have no access until they have their place.

        Raises:
          UserError: one is missing, has another size, or cannot be mapped.
        """
        room = [pages(size) for size in sizes]
        self.starts = np.cumsum([0, *room], dtype=np.int64)[:-1]
        self.size = max(int(sum(room)), PAGE)
        address = _map(None, self.size, _NO_ACCESS, _PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE, -1)
        self._block = (ctypes.c_char * self.size).from_address(address)
        # Not when the process ends, with which it goes: threads of a stream may still read then.
        weakref.finalize(self._block, _C.munmap, address, self.size).atexit = False
        self._sizes = tuple(sizes)
        for number, path in enumerate(paths):
            self.place(number, path)
        _give_back_at_times(weakref.ref(self._block), address, self.size)

    def place(self, number: int, path: str) -> None:
        """Maps a file into its place.

        Raises:
          UserError: it is missing, has another size, or cannot be mapped.
        """
        _map_file(path, self._sizes[number], ctypes.addressof(self._block) + int(self.starts[number]))

    def take_away(self, number: int) -> None:
        """Maps nothing in a file's place, of which nothing may be read any more."""
        if room := pages(self._sizes[number]):
            address = ctypes.addressof(self._block) + int(self.starts[number])
            _map(address, room, _NO_ACCESS, _PRIVATE | _FIXED | mmap.MAP_ANONYMOUS | _NO_RESERVE, -1)

    def tensor(self, kind: type) -> tf.Tensor:
        """The whole range as numbers of a kind, [size / bytes of one], on the CPU."""
        array: np.ndarray = np.frombuffer(memoryview(self._block), kind)
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())

    def give_back(self) -> None:
        """Lets go of all pages; they are read again where they are needed."""
        _C.madvise(ctypes.addressof(self._block), self.size, mmap.MADV_DONTNEED)


def _map(address: int | None, size: int, protection: int, flags: int, file: int) -> int:
    found = _C.mmap(address, size, protection, flags, file, 0)
    if found is None or found == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def _map_file(path: str, size: int, address: int) -> None:
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno()).st_size
            if found != size:
                raise UserError(
                    f"{display_name(path)}: has {found} bytes and not {size}; copy it again, or prepare the data anew"
                )
            if size:
                _map(address, size, _READ, _PRIVATE | _FIXED, file.fileno())
    except OSError as error:
        raise UserError(f"{display_name(path)}: cannot be mapped into memory ({why(error)})") from None


def _touched() -> int:
    """Bytes of files in this process's memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[2]) * mmap.PAGESIZE
    except (OSError, IndexError, ValueError):
        return 0


def _give_back_at_times(block: weakref.ref, address: int, size: int) -> None:
    """Starts the thread that gives pages back as long as the block is in use."""

    def watch() -> None:
        before = _touched()
        while True:
            time.sleep(_LOOK_SECS)
            held = block()
            if held is None:
                return
            now = _touched()
            if now - before > _MOST_TOUCHED:
                _C.madvise(address, size, mmap.MADV_DONTNEED)
                before = _touched()  # of libraries, which grow
            before = min(before, now)
            del held

    if size > _MOST_TOUCHED and _touched():
        threading.Thread(target=watch, name="pages of shards", daemon=True).start()
