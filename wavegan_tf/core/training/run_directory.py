"""A training directory in the hands of one process, and as it was before where a start comes to nothing."""

from __future__ import annotations

import contextlib
import os
import re
from types import TracebackType

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.folders import LOCK, is_lock_at, remove_all, take
from wavegan_tf.core.writing import writing

# Decoded audio serves the next start as well.
_KEPT = (LOCK, "data_cache")


class RunDirectory:
    """Holds a training directory for this process while it is entered, or until the process ends in another way.

    The file of its options makes it a run. A start that raises before that is written leaves nothing behind but decoded
    audio: files that it made in the directory are removed, and the directory itself if it made that.

    Raises:
      UserError: another process holds the directory, or it cannot be written, or TensorFlow could not read from it.
    """

    def __init__(self, directory: str, options_file: str, flag: str = "train_dir"):
        """Makes the directory and takes it.

        Args:
          directory: of the run.
          options_file: name of the file of its options.
          flag: the directory's name on the command line.
        """
        name, arguments = f"--{flag}={directory}", {flag: "train_dir"}
        if re.search(r"[*?\[\\]", os.path.abspath(directory)):
            raise UserError(f"{name}: TensorFlow takes * ? [ and \\ for patterns; choose another path", **arguments)
        try:
            os.path.abspath(directory).encode()
        except UnicodeEncodeError:
            shown = f"--{flag}={display_name(directory)}"
            raise UserError(f"{shown}: TensorFlow takes paths in UTF-8 only; choose another", **arguments) from None
        self._directory, self._options_file = directory, options_file
        self._made = _missing(directory)
        try:
            with writing(name, **arguments):
                os.makedirs(directory, exist_ok=True)
                self._file = take(directory, name, "training", **arguments)
                self._before = _names(directory)
        except UserError:
            self._remove_made()
            raise

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        path = os.path.join(self._directory, LOCK)
        if not is_lock_at(self._file, path):
            # The directory was removed or renamed meanwhile: what is there now belongs to somebody else.
            self._release()
            return
        is_undone = error is not None and not os.path.exists(os.path.join(self._directory, self._options_file))
        if is_undone:
            for name in _names(self._directory) - self._before - set(_KEPT):
                remove_all(os.path.join(self._directory, name))
        remove_all(path)
        self._release()
        if is_undone:
            self._remove_made()

    def _release(self) -> None:
        with contextlib.suppress(OSError):  # a disk that is full, which whatever ended the run has met before
            self._file.close()

    def _remove_made(self) -> None:
        """Removes the folders that were made for the directory, as far as they are empty."""
        for folder in self._made:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def _names(directory: str) -> set[str]:
    """Of all that a directory holds; none of one that is gone."""
    try:
        return set(os.listdir(directory))
    except OSError:
        return set()


def _missing(directory: str) -> list[str]:
    """The folders that must be made for a directory, the innermost first."""
    missing, path = [], os.path.abspath(directory)
    while not os.path.exists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing
