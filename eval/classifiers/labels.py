"""Labels of audio files: in their names, or the names of their folders."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from wavegan_tf.core.audio.labels import label_of_folder

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NO_FAMILY = -1  # class of a note whose family of instruments is unknown

# Speech Commands: a hash of the speaker, and how often he or she has said the word before.
_SPEAKER = re.compile(r"[0-9a-f]+_nohash_[0-9]+", re.IGNORECASE)
_HASH = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{6,}")


def label_of_name(path: str) -> str | None:
    """The text before the first underscore of a file's name, in lower case; None if there is no underscore."""
    label, underscore, _ = os.path.basename(path).partition("_")
    return label.lower() if underscore and label else None


def are_in_folders(paths: Sequence[str]) -> bool:
    """True if the labels of files are those of their folders.

    So it is if a name holds Speech Commands' hash of a speaker, or if no name has a label.
    """
    names = [os.path.basename(path) for path in paths]
    return any(_SPEAKER.match(name) for name in names) or not any(map(label_of_name, names))


def labels_of(paths: Sequence[str]) -> list[str | None]:
    """The label of each file, by the rule that holds for all of them."""
    return list(map(label_of_folder if are_in_folders(paths) else label_of_name, paths))


def class_numbers(labels: Sequence[str]) -> dict[str, int]:
    """Number of each of these labels in lower case; digits count as their words."""
    numbers = {label: number for number, label in enumerate(labels)}
    if tuple(labels) == LABELS:
        numbers |= {str(number): number for number in range(10)}
    return numbers


def classes_of(paths: Sequence[str], labels: Sequence[str]) -> list[int | None]:
    """Index of each file's label; see `class_numbers`. None for a file that has none of these labels.

    One of these labels may have an underscore: the label of open_hat_000001.wav is open_hat where that is one of them.
    """
    numbers = class_numbers(labels)
    with_underscore = [label for label in sorted(numbers, key=len, reverse=True) if "_" in label]

    def number_of(path: str, label: str | None) -> int | None:
        name = os.path.basename(path).lower()
        whole = next((known for known in with_underscore if name.startswith(f"{known}_")), label)
        return None if whole is None else numbers.get(whole)

    return [number_of(path, label) for path, label in zip(paths, labels_of(paths), strict=True)]


def look_like_hashes(labels: Sequence[str]) -> bool:
    """True if most of these labels are hexadecimal numbers, as of speakers or files, and hardly of classes."""
    return 2 * sum(bool(_HASH.fullmatch(label)) for label in labels) > len(labels)
