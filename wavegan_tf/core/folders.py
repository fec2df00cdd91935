"""The folder or the file that a command writes, which leave no trace if nothing comes of it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, temporary_beside
from wavegan_tf.core.writing import writing


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
