"""A training directory in the hands of one process, and as it was before where a start comes to nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import socket
from types import TracebackType
from typing import BinaryIO

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, is_running
from wavegan_tf.core.writing import why, writing

_LOCK = ".lock"
# Decoded audio serves the next start as well.
_KEPT = (_LOCK, "data_cache")


class RunDirectory:
    """Holds a training directory for this process while it is entered, or until the process ends in another way.

    The file of its options makes it a run. A start that raises before that is written leaves nothing behind but decoded
    audio: files that it made in the directory are removed, and the directory itself if it made that.

    Raises:
      UserError: another process holds the directory, or it cannot be written, or TensorFlow could not read from it.
    """

    def __init__(self, directory: str, options_file: str, flag: str = "train_dir"):
        """Makes the directory and takes it.

        Args:
          directory: of the run.
          options_file: name of the file of its options.
          flag: the directory's name on the command line.
        """
        name, arguments = f"--{flag}={directory}", {flag: "train_dir"}
        if re.search(r"[*?\[\\]", os.path.abspath(directory)):
            raise UserError(f"{name}: TensorFlow takes * ? [ and \\ for patterns; choose another path", **arguments)
        try:
            os.path.abspath(directory).encode()
        except UnicodeEncodeError:
            shown = f"--{flag}={display_name(directory)}"
            raise UserError(f"{shown}: TensorFlow takes paths in UTF-8 only; choose another", **arguments) from None
        self._directory, self._options_file = directory, options_file
        self._arguments = arguments
        self._made = _missing(directory)
        try:
            with writing(name, **arguments):
                os.makedirs(directory, exist_ok=True)
                self._file = self._take(name)
                self._before = _names(directory)
        except UserError:
            self._remove_made()
            raise

    def _take(self, name: str) -> BinaryIO:
        path = os.path.join(self._directory, _LOCK)
        while True:
            file = open(path, "a+b", buffering=0)  # noqa: SIM115 - held until the directory is given back
            file.seek(0)
            owner, _, host = file.read().decode(errors="replace").strip().partition(" ")
            try:
                is_held = not _lock(file)
            except OSError as error:
                # Not on every network disk. A process of this machine that holds the directory is still seen.
                is_held = host == socket.gethostname() and owner.isdecimal() and is_running(int(owner))
                if not is_held:
                    logging.warning(
                        "%s: cannot be locked (%s); a process on another machine that trains here, too, "
                        "would not be noticed", name, why(error),
                    )  # fmt: skip
            if is_held:
                file.close()
                where = f" of {host}" if host and host != socket.gethostname() else ""
                message = f"{name}: process {owner or 'unknown'}{where} is already training in this directory"
                raise UserError(message, **self._arguments) from None
            # Whoever held it may have removed the file meanwhile; another process may hold a new one.
            if _is_at(file, path):
                try:
                    file.truncate(0)
                    file.write(f"{os.getpid()} {socket.gethostname()}".encode())
                except OSError:
                    _remove(path)
                    file.close()
                    raise
                return file
            file.close()

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        path = os.path.join(self._directory, _LOCK)
        if not _is_at(self._file, path):
            # The directory was removed or renamed meanwhile: what is there now belongs to somebody else.
            self._release()
            return
        is_undone = error is not None and not os.path.exists(os.path.join(self._directory, self._options_file))
        if is_undone:
            for name in _names(self._directory) - self._before - set(_KEPT):
                _remove(os.path.join(self._directory, name))
        _remove(path)
        self._release()
        if is_undone:
            self._remove_made()

    def _release(self) -> None:
        with contextlib.suppress(OSError):  # a disk that is full, which whatever ended the run has met before
            self._file.close()

    def _remove_made(self) -> None:
        """Removes the folders that were made for the directory, as far as they are empty."""
        for folder in self._made:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def _lock(file: BinaryIO) -> bool:
    """Locks a file; False if another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: BinaryIO, path: str) -> bool:
    """True if an open file is what stands at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def _names(directory: str) -> set[str]:
    """Of all that a directory holds; none of one that is gone."""
    try:
        return set(os.listdir(directory))
    except OSError:
        return set()


def _missing(directory: str) -> list[str]:
    """The folders that must be made for a directory, the innermost first."""
    missing, path = [], os.path.abspath(directory)
    while not os.path.exists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


def _remove(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.remove(path)
