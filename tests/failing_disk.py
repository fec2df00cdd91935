"""A disk that is full from the n-th write on, for commands that run in the process of a test."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.ops import gen_summary_ops


class Disk:
    """Counts the writes below a folder while it is entered, and fails those from the n-th on.

    TensorFlow's own writes go past Python; the operations that make them fail as they do on a full disk.

    Attributes:
      count: writes so far.
    """

    def __init__(self, folder: Path, first: int):
        self.count, self._folder, self._first = 0, str(folder), first

    def is_full(self, path: Any) -> bool:
        """Counts a write to a path."""
        if isinstance(path, int) or not os.path.abspath(os.fspath(path)).startswith(self._folder):
            return False
        self.count += 1
        return self.count >= self._first

    def check(self, path: Any) -> None:
        """Counts a write to a path, and raises what a full disk does."""
        if self.is_full(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def _check_of_tensorflow(self, path: Any) -> None:
        if self.is_full(path):
            text = f"{{{{function_node __wrapped__SaveV2_dtypes_3}}}} {path}; No space left on device [Op:SaveV2]"
            raise tf.errors.ResourceExhaustedError(None, None, text)

    @contextlib.contextmanager
    def entered(self) -> Iterator[Disk]:
        """Replaces what writes."""
        with pytest.MonkeyPatch.context() as patch:
            opened = io.open

            def open_(path: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
                if mode[0] == "r" and "+" not in mode:
                    return opened(path, mode, *arguments, **keywords)
                self.check(path)
                return _File(self, path, opened(path, mode, *arguments, **keywords))

            patch.setattr("builtins.open", open_)
            patch.setattr(io, "open", open_)
            for name in ("replace", "rename", "mkdir"):
                real = getattr(os, name)
                patch.setattr(os, name, self._checked(real, self.check, -1 if name != "mkdir" else 0))
            of_tensorflow = self._check_of_tensorflow
            for owner, name, at in (
                (tf.train.CheckpointManager, "save", None), (tf.saved_model, "save", 1), (tf.io, "TFRecordWriter", 0),
                (tf.summary, "create_file_writer", 0), (gen_summary_ops, "flush_summary_writer", None),
            ):  # fmt: skip
                patch.setattr(owner, name, self._checked(getattr(owner, name), of_tensorflow, at))
            yield self

    def _checked(self, real: Any, check: Any, at: int | None) -> Any:
        """A function that first counts a write to its argument number `at`, or to the folder if that is None."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            check(self._folder if at is None else arguments[at])
            return real(*arguments, **keywords)

        return call


class _File:
    """A file whose writes are counted."""

    def __init__(self, disk: Disk, path: Any, file: Any):
        self._disk, self._path, self._file = disk, path, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: Any) -> int:
        self._disk.check(self._path)
        return self._file.write(data)

    def close(self) -> None:
        is_open = not self._file.closed
        self._file.close()
        if is_open:
            self._disk.check(self._path)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
