"""Outputs of batches on disk, so that a pass that was killed continues with the next batch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np

from eval.gathering.outputs import BatchOutputs
from eval.gathering.stored_features import StoredFeatures
from eval.samples import BATCH
from wavegan_tf.core import folders
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.reading import Unreadable, read_arrays, read_json
from wavegan_tf.core.writing import npz, write_all, write_file, writing


class WorkerLost(UserError):
    """A process that helped was killed; what it and others had finished is kept."""


@contextlib.contextmanager
def work_folder(parent: str, name: str) -> Iterator[str]:
    """The folder, by a hidden name, in which a score of this name keeps what it needs.

    It is removed in the end, and after an error; what a kill or Ctrl-C leaves is for the next score of the name.

    Raises:
      UserError: it cannot be made, or another process scores under this name.
    """
    path = os.path.join(parent, f".scoring-{hashlib.sha256(name.encode()).hexdigest()[:12]}")
    with writing(display_name(parent)):
        os.makedirs(path, exist_ok=True)
    with folders.held(path, f"{display_name(parent)}, {name}", "scoring"):
        try:
            yield path
        except WorkerLost:
            raise
        except Exception:
            shutil.rmtree(path, ignore_errors=True)
            raise
        shutil.rmtree(path, ignore_errors=True)


class KeptOutputs:
    """The outputs of the batches of one set, a file each, and the features of all clips in one more."""

    def __init__(self, folder: str, label: str, num_classifiers: int):
        """Names the files; nothing is read yet.

        Args:
          folder: that holds them.
          label: of the set, which begins their names.
          num_classifiers: that are asked.
        """
        self._folder, self._label, self._num_classifiers = folder, label, num_classifiers
        # The folder that was named, not the hidden one in it.
        self._shown = display_name(os.path.dirname(os.path.abspath(folder)))
        self._features = os.path.join(folder, f"{label}.f32")

    def claim(self, key: str) -> None:
        """Removes what is kept of a set or metrics with another key.

        Raises:
          UserError: it cannot be written.
        """
        path = os.path.join(self._folder, f"{self._label}.json")
        with contextlib.suppress(OSError, ValueError):
            if read_json(path) == key:
                return
        for name in os.listdir(self._folder):
            if name.startswith((f"{self._label}-", f"{self._label}.")):
                folders.remove_all(os.path.join(self._folder, name))
        write_file(path, json.dumps(key), self._shown)

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, f"{self._label}-{number:07d}.npz")

    def has(self, number: int) -> bool:
        """True if a batch is finished."""
        return os.path.exists(self._path(number))

    def write(self, number: int, outputs: BatchOutputs) -> None:
        """Keeps the outputs of a batch.

        Raises:
          UserError: they cannot be written.
        """
        if outputs.neighbours.size:
            with writing(self._shown):
                descriptor = os.open(self._features, os.O_RDWR | os.O_CREAT, 0o666)
                with open(descriptor, "r+b", buffering=0) as file:
                    file.seek(number * BATCH * 4 * outputs.neighbours.shape[1])
                    write_all(file, outputs.neighbours.tobytes())
        lists = {f"scores_{i}": scores for i, scores in enumerate(outputs.scores)}
        lists |= {f"features_{i}": features for i, features in enumerate(outputs.features)}
        others: dict[str, Any] = {"classes": outputs.classes, "rows": outputs.rows, "counts": outputs.counts}
        others["numbers"] = np.array([outputs.changed, *outputs.neighbours.shape[1:]], np.int64)
        write_file(self._path(number), npz(**lists, **others), self._shown)

    def read(self, number: int) -> tuple[BatchOutputs, int]:
        """The outputs of a batch, without its neighbours' features, and the length of these; 0 without any.

        Raises:
          UserError: they cannot be read.
        """
        each = range(self._num_classifiers)
        names = [*(f"scores_{i}" for i in each), *(f"features_{i}" for i in each), "classes", "rows", "counts"]
        path = self._path(number)
        try:
            *lists, classes, rows, counts, numbers = read_arrays(path, [*names, "numbers"])
        except (OSError, Unreadable) as error:
            raise UserError(f"{display_name(path)}: cannot be read ({error}); remove it and start again") from None
        changed, dimensions = int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0
        count = self._num_classifiers
        nothing = np.zeros(0, np.float32)
        return BatchOutputs(classes, changed, lists[:count], lists[count:], rows, counts, nothing), dimensions

    def neighbours(self, dimensions: int) -> StoredFeatures:
        """The features of all clips, which are there once all batches are finished."""
        return StoredFeatures(self._features, dimensions)
