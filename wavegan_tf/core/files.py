"""Files that appear whole or not at all, names of files in messages, and the version folder somebody may have meant."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields a temporary path beside `path`, which takes its name when the block ends without an error.

    The temporary name is unique, so that several processes may write the same file; of an error nothing stays.

    Raises:
      OSError: the file cannot be given its name.
    """
    temporary = f"{path}.tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def suggest_version(folder: str | os.PathLike[str]) -> str:
    """Words for a message, with the newest SavedModel among the sub-folders: "; did you mean ...?"; else empty."""
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    versions = [name for name in names if os.path.exists(os.path.join(folder, name, "saved_model.pb"))]
    newest = max(versions, key=lambda name: (name.isdecimal(), int(name) if name.isdecimal() else 0, name), default="")
    return f"; did you mean {display_name(os.path.join(folder, newest))}?" if newest else ""


def display_name(path: str) -> str:
    """The path as one printable line, whatever bytes its name holds."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
