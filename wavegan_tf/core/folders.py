"""The folder or the file that a command writes, which leave no trace if nothing comes of it, and who holds a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, is_running, temporary_beside
from wavegan_tf.core.writing import why, writing

# In a folder that a process holds; it names the process.
LOCK = ".lock"


@contextlib.contextmanager
def output_folder(path: str, flag: str) -> Iterator[None]:
    """Makes a folder, and those above it, to be written into while this is entered.

    If an error leaves them empty, those that were made go again.

    Args:
      path: of the folder.
      flag: that named it.

    Raises:
      UserError: it cannot be made or written.
    """
    with made_folder(path, f"--{flag}={display_name(path)}"):
        yield


@contextlib.contextmanager
def output_file(path: str, flag: str) -> Iterator[None]:
    """Sees beforehand that a file can be written, whole and in place of another, while this is entered.

    If an error leaves the folders empty that were made for it, they go again.

    Args:
      path: of the file.
      flag: that named it.

    Raises:
      UserError: it is a folder, or cannot be written.
    """
    shown = f"--{flag}={display_name(path)}"
    if os.path.isdir(path) or not os.path.basename(path):
        raise UserError(f"{shown}: is a folder; name a file in it")
    with made_folder(os.path.dirname(os.path.abspath(path)), shown):
        with writing(shown):
            _try_to_write(path)
        yield


@contextlib.contextmanager
def made_folder(path: str, shown: str) -> Iterator[None]:
    """`output_folder` with what the messages are to name."""
    made, folder = [], os.path.abspath(path)
    while not os.path.lexists(folder):
        made.append(folder)
        folder = os.path.dirname(folder)
    try:
        with writing(shown):
            os.makedirs(path, exist_ok=True)
            _try_to_write(os.path.join(path, "trial"))
        yield
    except BaseException:
        _remove_empty(made)
        raise


@contextlib.contextmanager
def work_folder(parent: str, name: str) -> Iterator[str]:
    """A folder in `parent`, by a hidden name with `name` in it, for what is needed while this is entered.

    That of a process that was killed is removed by the next one that writes into `parent`.

    Raises:
      UserError: it cannot be made.
    """
    path = temporary_beside(os.path.join(parent, f".{name}"))
    with writing(display_name(parent)):
        os.mkdir(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _try_to_write(path: str) -> None:
    """Makes a file beside `path` and removes it: what a user may do, and a disk allows, shows in no other way.

    Raises:
      OSError: it cannot be made.
    """
    trial = temporary_beside(path)
    with open(trial, "xb"):
        os.remove(trial)


def _remove_empty(folders: list[str]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


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
            is_held = not try_to_lock(file)
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


def try_to_lock(file: BinaryIO) -> bool:
    """Locks a file until it is closed; False if another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def has_locks(folder: str) -> bool:
    """True if the disk of a folder, into which this process may write, can lock its files."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        try:
            return try_to_lock(file)
        except OSError:
            return False


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
