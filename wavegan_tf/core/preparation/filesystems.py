"""Files here and on what Beam's filesystems open (gs, s3, hdfs): listed, read, written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name, replacing
from wavegan_tf.core.preparation.listing import Found
from wavegan_tf.core.writing import writing

EXTRA = "pip install 'adversarial-audio-tf[beam]'"


def require_beam() -> None:
    """Raises UserError, which names the extra, if Apache Beam is not installed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # of libraries for clouds that are not there
    try:
        import apache_beam.io.filesystems  # noqa: F401
    except ImportError:
        raise UserError(f"preparing data needs Apache Beam: {EXTRA}") from None
    finally:
        logging.disable(before)


def absolute(path: str) -> str:
    """The path from the root of this machine, or the address elsewhere."""
    return path if is_remote(path) else os.path.abspath(path)


def is_remote(path: str) -> bool:
    """True for the address of a file that is not in this machine's file system, such as gs://bucket/a.wav."""
    return "://" in path


def join(folder: str, name: str) -> str:
    """The path of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)


@contextlib.contextmanager
def _named(path: str, what: str) -> Iterator[None]:
    """Turns whatever a remote filesystem raises into one line.

    Raises:
      UserError: something within failed.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # each filesystem has its own
        raise UserError(f"{display_name(path)}: {what} ({one_line(error)})") from None


def _remote() -> Any:
    require_beam()
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def match(pattern: str) -> list[Found]:
    """The files that a pattern matches, sorted by path; ** matches any number of folders.

    Raises:
      UserError: its filesystem is not known or does not answer.
    """
    with _named(pattern, "cannot be listed"):
        found = _remote().match([pattern])[0].metadata_list
        return sorted(
            Found(entry.path, entry.size_in_bytes, entry.last_updated_in_seconds or 0.0)
            for entry in found
            if not entry.path.endswith("/") and (is_remote(entry.path) or os.path.isfile(entry.path))
        )


def make_folder(path: str) -> None:
    """Makes a folder unless it is there.

    Raises:
      UserError: it cannot be made.
    """
    if is_remote(path):
        # Object stores have no folders, and say so by any error; what can't be written shows with the first file.
        with contextlib.suppress(Exception):
            _remote().mkdirs(path)
        return
    with writing(display_name(path)):
        os.makedirs(path, exist_ok=True)


def size_of(path: str) -> int | None:
    """Bytes of a file; None if it is not there."""
    if not is_remote(path):
        return os.path.getsize(path) if os.path.isfile(path) else None
    with _named(path, "cannot be looked up"):
        found = _remote().match([path])[0].metadata_list
        return found[0].size_in_bytes if found else None


def read(path: str) -> bytes:
    """The bytes of a small file.

    Raises:
      UserError: it is remote and cannot be read.
      OSError: it is local and cannot be read.
    """
    if not is_remote(path):
        with open(path, "rb") as file:
            return file.read()
    with _named(path, "cannot be read"), open_to_read(path) as file:
        return file.read()


def open_to_read(path: str) -> BinaryIO:
    """A remote file, open.

    Raises:
      UserError: it cannot be opened.
    """
    from apache_beam.io.filesystem import CompressionTypes

    with _named(path, "cannot be read"):
        return _remote().open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def read_at(file: BinaryIO, path: str, first: int, size: int) -> bytes:
    """So many bytes of a remote file that is open, from `first` on, or fewer at its end.

    Raises:
      UserError: they cannot be read.
    """
    with _named(path, "cannot be read"):
        file.seek(first)
        data = file.read(size)
        while len(data) < size and (more := file.read(size - len(data))):
            data += more
        return data


@contextlib.contextmanager
def new_file(path: str) -> Iterator[BinaryIO]:
    """Yields a file to write, which takes its name when the block ends without an error, and is gone after one.

    Raises:
      UserError: it cannot be written.
    """
    if not is_remote(path):
        with writing(display_name(path)), replacing(path) as temporary, open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        return
    from apache_beam.io.filesystem import CompressionTypes

    temporary, systems = f"{path}.tmp-{uuid.uuid4().hex[:8]}", _remote()
    with _named(path, "cannot be written"):
        try:
            with systems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as file:
                yield file
            systems.rename([temporary], [path])
        except BaseException:
            with contextlib.suppress(Exception):
                systems.delete([temporary])
            raise


def write(path: str, data: bytes | memoryview) -> None:
    """Writes a small file, whole or not at all.

    Raises:
      UserError: it cannot be written.
    """
    with new_file(path) as file:
        file.write(data)


def remove(paths: list[str]) -> None:
    """Removes files that may be there."""
    for path in paths:
        with contextlib.suppress(Exception if is_remote(path) else OSError):
            _remote().delete([path]) if is_remote(path) else os.remove(path)


def remove_empty(folder: str) -> None:
    """Removes a folder that may be there, if nothing is in it."""
    with contextlib.suppress(Exception if is_remote(folder) else OSError):
        if not is_remote(folder):
            os.rmdir(folder)
        elif not match(join(folder, "*")):  # Beam would remove what is in it, too
            _remote().delete([folder])


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """Yields a local path of a file: its own, or that of a copy by the same extension while this is entered.

    Raises:
      UserError: it is remote and cannot be read.
    """
    if not is_remote(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=os.path.splitext(path)[1]) as copy:
        with _named(path, "cannot be read"), open_to_read(path) as file:
            shutil.copyfileobj(file, copy, io.DEFAULT_BUFFER_SIZE << 7)
        copy.flush()
        yield copy.name
