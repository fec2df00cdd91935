"""Writing of files, whole or not at all, and the one line that says why something cannot be written."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import logging

from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name, replacing, require_writable_kind

_FULL = (errno.ENOSPC, errno.EDQUOT)
# What the system says, the longest first: one of these sentences may stand in another.
_SENTENCES = sorted({os.strerror(number) for number in errno.errorcode}, key=len, reverse=True)


@contextlib.contextmanager
def writing(shown: str, **arguments: str) -> Iterator[None]:
    """Turns the failure of a write, whether Python or TensorFlow meets it, into one line.

    That is "<shown>: cannot be written (<why>)".

    Args:
      shown: the file, or the flag that named it, as messages show it.
      **arguments: see `UserError`.

    Raises:
      UserError: something within could not be written.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError) and not _is_of_tensorflow(error):
            raise
        raise UserError(f"{shown}: cannot be written ({why(error)})", **arguments) from None


def _is_of_tensorflow(error: Exception) -> bool:
    """True for what TensorFlow's operations raise, without importing it."""
    errors = getattr(sys.modules.get("tensorflow"), "errors", None)
    return errors is not None and isinstance(error, errors.OpError)


def why(error: Exception) -> str:
    """The reason for a failure in the system's words, however the library that met it wraps them.

    >>> why(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.wav"))
    'the disk is full'
    >>> why(OSError("[Errno 30] unable to create file (error message = 'Read-only file system')"))
    'Read-only file system'
    """
    text = isinstance(error, OSError) and error.strerror or one_line(error)
    if (isinstance(error, OSError) and error.errno in _FULL) or any(os.strerror(number) in text for number in _FULL):
        return "the disk is full"
    return next((sentence for sentence in _SENTENCES if sentence in text), text)


def write_file(path: str, contents: str | bytes | memoryview, shown: str = "") -> None:
    """Writes a file, whole or not at all, into a folder that exists.

    Args:
      path: of the file.
      contents: text becomes UTF-8.
      shown: see `writing`; the path by default.

    Raises:
      UserError: it cannot be written.
    """
    data = contents.encode() if isinstance(contents, str) else contents
    with writing(shown or display_name(path)), replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(data)


def write_all(file: io.FileIO, data: bytes) -> None:
    """Writes to an unbuffered file, so that an error comes at once and not when the file is closed.

    Raises:
      OSError: not everything is written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def npy(array: np.ndarray) -> bytes:
    """The bytes of an npy file. NumPy itself writes past Python's files, and does not say what went wrong then.

    No view of the buffer: Python 3.12 crashes where a buffer and its view become garbage together.
    """
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """The bytes of an npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def append_lines(path: str, lines: str, shown: str = "") -> None:
    """Appends lines to a file, all or none of them; what a process that was killed left of a line is ended first.

    Args:
      path: of the file, which is made if it is missing.
      lines: each with its end.
      shown: see `writing`; the path by default.

    Raises:
      UserError: it cannot be written.
    """
    with writing(shown or display_name(path)):
        require_writable_kind(path)
        with open(path, "a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                lines = lines if file.read(1) == b"\n" else f"\n{lines}"
            try:
                write_all(file, lines.encode())
            except OSError:
                # Else the next line would be joined to the half that is there, and both be lost.
                with contextlib.suppress(OSError):
                    file.truncate(size)
                raise


class EventFiles:
    """TensorBoard's event files of a folder that exists, made with the first summary."""

    def __init__(self, folder: str):
        """Takes the folder."""
        self._folder = folder
        self._writer: Any = None

    @contextlib.contextmanager
    def at(self, step: int) -> Iterator[None]:
        """Sends TensorFlow's summaries of a step to the files while it is entered; they are on disk afterwards.

        Raises:
          UserError: they are not; what comes next goes into a new file, as nothing after half a record is read.
        """
        import tensorflow as tf

        with writing(f"{display_name(self._folder)}: TensorBoard's file"):
            os.stat(self._folder)  # TensorFlow would make one that is gone again
            writer = self._writer = self._writer or tf.summary.create_file_writer(self._folder)
            with writer.as_default(step=step):
                try:
                    yield
                    writer.flush()
                except tf.errors.OpError:
                    self._writer = None
                    # Else it would be flushed on the way out, fail again, and stay the default.
                    with contextlib.suppress(tf.errors.OpError):
                        writer.close()
                    raise


class Problems:
    """Failed writes beside the result of a long job: a warning for each at once, an error once the result is saved."""

    def __init__(self, job: str):
        """Takes the name of the job, such as "training"."""
        self._job, self._found = job, dict[str, None]()

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Lets the job go on whatever cannot be written within."""
        try:
            yield
        except UserError as error:
            if error.on_command_line not in self._found:
                logging.warning("%s; %s goes on", error.on_command_line, self._job)
            self._found[error.on_command_line] = None

    def check(self) -> None:
        """Raises UserError if something could not be written."""
        if self._found:
            raise UserError(f"{next(iter(self._found))}; {self._job} went on without it, and is saved")
