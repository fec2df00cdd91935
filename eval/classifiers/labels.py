"""Labels in file names."""

from __future__ import annotations

import os
from collections.abc import Sequence

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NO_FAMILY = -1  # class of a note whose family of instruments is unknown


def label_of(path: str) -> str | None:
    """The text before the first underscore of a file's name, in lower case; None if there is no underscore."""
    label, underscore, _ = os.path.basename(path).partition("_")
    return label.lower() if underscore and label else None


def class_of(path: str, labels: Sequence[str]) -> int | None:
    """Index of a file's label; digits count as their words. None if the name has none of these labels."""
    label = label_of(path)
    if label is not None and label.isdecimal() and int(label) < 10 and tuple(labels) == LABELS:
        return int(label)
    return list(labels).index(label) if label is not None and label in labels else None
