"""Files that appear whole or not at all, and the version folder somebody may have meant."""

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


def suggest_version(folder: str) -> str:
    """The newest version of a model that a folder holds, as words for a message; empty if it holds none."""
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    folders = [os.path.join(folder, name) for name in sorted(filter(str.isdecimal, names), key=int)]
    versions = [path for path in folders if os.path.exists(os.path.join(path, "saved_model.pb"))]
    return f"; did you mean {versions[-1]}?" if versions else ""
