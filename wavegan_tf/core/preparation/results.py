"""Results of a further pipeline over a prepared set: arrays of each unit of work, kept until all can be combined."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import filesystems, processes
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.reading import Unreadable, arrays_in
from wavegan_tf.core.writing import npz

FOLDER = "parts"
# Units of a set, whatever is to be done: enough for many workers to share, and few files.
_MOST_UNITS = 256
_MOST_BYTES = 1 << 31


class Results:
    """Results of items 0 to `count` - 1, of which each unit takes some in a row."""

    def __init__(self, folder: str, label: str, settings: Mapping[str, Any], count: int):
        """Names the results.

        Args:
          folder: of a set, or its address.
          label: what is computed, in names of files and the line of progress.
          settings: JSON values on which the results depend, and the function.
          count: items.
        """
        self._folder = filesystems.join(filesystems.absolute(folder), FOLDER)
        self._label, self._settings = label, dict(settings)
        text = json.dumps([label, self._settings, count], sort_keys=True)
        units = min(count, _MOST_UNITS)
        bounds = [number * count // units for number in range(units + 1)]
        stem = f"{label}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        self._units: list[dict[str, Any]] = [
            {"number": number, "first": first, "last": last, "path": f"{self._folder}/{stem}-{number:03d}.npz"}
            for number, (first, last) in enumerate(zip(bounds[:-1], bounds[1:], strict=True))
        ]

    def run(self, function: str, arguments: Sequence[str]) -> None:
        """Computes what is not there yet, by a function that hands the arrays of a unit to `keep`.

        Raises:
          UserError: see `processes.run`.
        """
        there = self._there()
        missing = [unit for unit in self._units if unit["path"] not in there]
        if not missing:
            return
        filesystems.make_folder(self._folder)
        progress = Progress(0, len(self._units), label=f"{self._label}: part", rate="parts/s")

        def look() -> None:
            if not filesystems.is_remote(self._folder):
                progress.update(len(self._there()), {})

        try:
            processes.run(function, self._settings, missing, arguments, look)
        finally:
            progress.close()

    def _there(self) -> set[str]:
        """Paths of the units that have been computed."""
        paths = {unit["path"] for unit in self._units}
        if filesystems.is_remote(self._folder):
            return paths & {found.path for found in filesystems.match(f"{self._folder}/*")}
        return {path for path in paths if os.path.exists(path)}

    def read(self, names: Sequence[str]) -> list[list[np.ndarray]]:
        """The arrays with these names of each unit, in order.

        Raises:
          UserError: one is missing or damaged.
        """
        found = []
        for unit in self._units:
            try:
                found.append(arrays_in(io.BytesIO(filesystems.read(unit["path"])), names, _MOST_BYTES))
            except (OSError, Unreadable, UserError) as error:
                filesystems.remove([unit["path"]])
                raise UserError(f"{display_name(unit['path'])}: is missing or damaged ({error}); start again") from None
        return found

    def remove(self) -> None:
        """Removes the files of all units."""
        filesystems.remove([unit["path"] for unit in self._units])
        filesystems.remove_empty(self._folder)


def keep(unit: Mapping[str, Any], **arrays: np.ndarray) -> None:
    """Writes the arrays of a unit, whole or not at all.

    Raises:
      UserError: they cannot be written.
    """
    filesystems.write(unit["path"], npz(**arrays))
