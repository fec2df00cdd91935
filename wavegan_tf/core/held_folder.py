"""A folder in the hands of one process: a lock that its file names the owner of."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from typing import BinaryIO

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import is_running
from wavegan_tf.core.writing import why, writing

LOCK = ".lock"


def take(directory: str, name: str, doing: str, **arguments: str) -> BinaryIO:
    """Takes a folder that exists; whoever is given the file holds it until the file is closed or the process ends.

    Args:
      directory: the folder.
      name: of the folder in messages.
      doing: what is done by the process that holds it, such as "training".
      **arguments: see `UserError`.

    Raises:
      UserError: another process holds it.
      OSError: the lock cannot be written.
    """
    path = os.path.join(directory, LOCK)
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
                    "%s: cannot be locked (%s); a process on another machine that is %s here, too, would not be "
                    "noticed", name, why(error), doing,
                )  # fmt: skip
        if is_held:
            file.close()
            where = f" of {host}" if host and host != socket.gethostname() else ""
            message = f"{name}: process {owner or 'unknown'}{where} is already {doing} in this directory"
            raise UserError(message, **arguments) from None
        # Whoever held it may have removed the file meanwhile; another process may hold a new one.
        if is_lock_at(file, path):
            try:
                file.truncate(0)
                file.write(f"{os.getpid()} {socket.gethostname()}".encode())
            except OSError:
                remove_all(path)
                file.close()
                raise
            return file
        file.close()


@contextlib.contextmanager
def held(directory: str, name: str, doing: str) -> Iterator[None]:
    """Holds a folder that exists for this process while it is entered.

    Raises:
      UserError: another process holds it, or it cannot be written.
    """
    with writing(name):
        file = take(directory, name, doing)
    try:
        yield
    finally:
        path = os.path.join(directory, LOCK)
        if is_lock_at(file, path):
            remove_all(path)
        with contextlib.suppress(OSError):
            file.close()


def _lock(file: BinaryIO) -> bool:
    """Locks a file; False if another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_lock_at(file: BinaryIO, path: str) -> bool:
    """True if an open file is what stands at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def remove_all(path: str) -> None:
    """Removes a file, or a folder with all that it holds, as far as that is possible."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.remove(path)
