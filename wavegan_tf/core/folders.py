"""The folder or the file that a command writes, which leave no trace if nothing comes of it."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name


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
    with _made(path, f"--{flag}={display_name(path)}"):
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
    with _made(os.path.dirname(os.path.abspath(path)), shown):
        trial = f"{path}.{uuid.uuid4().hex}.tmp"
        try:
            with open(trial, "xb"):
                os.remove(trial)
        except OSError as error:
            raise UserError(f"{shown}: cannot be written ({error.strerror})") from None
        yield


@contextlib.contextmanager
def _made(path: str, shown: str) -> Iterator[None]:
    """`output_folder` with the flag as messages show it."""
    made, folder = [], os.path.abspath(path)
    while not os.path.lexists(folder):
        made.append(folder)
        folder = os.path.dirname(folder)
    try:
        os.makedirs(path, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(0, "Permission denied")
    except OSError as error:
        _remove_empty(made)
        raise UserError(f"{shown}: cannot be written ({error.strerror})") from None
    try:
        yield
    except BaseException:
        _remove_empty(made)
        raise


def _remove_empty(folders: list[str]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
