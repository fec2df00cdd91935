"""The folder that a command writes into, which leaves no trace if nothing comes of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from wavegan_tf.core.audio.files import display_name
from wavegan_tf.core.errors import UserError


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
        raise UserError(f"--{flag}={display_name(path)}: cannot be written ({error.strerror})") from None
    try:
        yield
    except BaseException:
        _remove_empty(made)
        raise


def _remove_empty(folders: list[str]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
