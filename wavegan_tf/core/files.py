"""Files that appear whole or not at all, names of files in messages, and the version folder somebody may have meant."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import stat
import uuid
from collections.abc import Iterator

_TEMPORARY = re.compile(r"\.tmp-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{8}(\.[a-z]+)?$")
# Folders that this process has looked through.
_tidied: set[str] = set()


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields a temporary path beside `path`, which takes its name when the block ends without an error.

    The temporary name is unique, so that several processes may write the same file; of an error nothing stays. Of a
    symbolic link the target is written, and the link stays.

    Raises:
      OSError: the file cannot be given its name, or what has this name is no regular file.
    """
    target = os.path.realpath(path)
    require_writable_kind(path)  # renaming would put a file in the place of a device or a pipe
    temporary = temporary_beside(target)
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def require_writable_kind(path: str) -> None:
    """Checks that what has this name, if anything has, is a file: not a folder, a device, or a pipe, which may block.

    Raises:
      OSError: it is something else.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)


def temporary_beside(path: str) -> str:
    """A new name in the folder of `path` for what is to become it; those of processes that were killed are removed."""
    folder = os.path.dirname(os.path.abspath(path))
    if folder not in _tidied:
        _tidied.add(folder)
        remove_abandoned(folder)
    return f"{path}.tmp-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def remove_abandoned(folder: str, is_held: bool = False) -> None:
    """Removes what processes of this machine that are gone were writing, by its name from `temporary_beside`.

    Args:
      folder: to look in.
      is_held: whether no process writes there any more, even one of which the system still has the id.
    """
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(folder)
    for name in names:
        found = _TEMPORARY.search(name)
        if found and found["host"] == socket.gethostname() and (is_held or not is_running(int(found["pid"]))):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):  # another user's, as in the folder of all temporary files
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.remove(path)


def is_running(pid: int) -> bool:
    """True if there is such a process on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


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
