"""Labels of the audio files of a folder: by sub-folder, by name, or from a csv file."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from wavegan_tf.core.audio.files import report_skipped, stem_of
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name
from wavegan_tf.core.reading import read_json, require_regular
from wavegan_tf.core.writing import write_file

# Beside the options of a run that has labels.
LABELS_FILE = "labels.json"
RULES = ("none", "folder", "name", "csv")
MOST_LABELS = 1000
# Stands for all labels on a command line.
ALL = "all"
_COLUMNS = ("file", "label")
_MAX_CSV_BYTES = 1 << 28
_MOST_LISTED = 20
_DIGITS = "0123456789"


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Audio files with labels.

    Attributes:
      names: of the labels, in the order that numbers them.
      files: number of the label of each file, by its path, in the order of the paths.
    """

    names: tuple[str, ...]
    files: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Labelling:
    """How files get their labels.

    Attributes:
      rule: one of `RULES`, but for "none".
      table: csv file with the columns file and label, for the rule "csv".
      known: the labels of a run that is continued; None for a new one.
    """

    rule: str
    table: str = ""
    known: tuple[str, ...] | None = None

    def apply(self, folder: str, paths: Sequence[str], skip_bad: bool) -> Labelled:
        """Labels the files of a folder; see `number`."""
        names, numbers = self.number(folder, paths, skip_bad)
        found = zip(paths, numbers.tolist(), strict=True)
        return Labelled(names, {path: number for path, number in found if number >= 0})

    def number(self, folder: str, paths: Sequence[str], skip_bad: bool) -> tuple[tuple[str, ...], np.ndarray]:
        """Labels the files of a folder, which may be millions.

        Args:
          folder: where they are.
          paths: of the files, in the folder or its sub-folders.
          skip_bad: report files without a label and go on without them, instead of stopping at the first.

        Raises:
          UserError: the table cannot be used, a file has no label and must not be skipped, a label cannot be one, there
            are fewer than two or too many, or the run that is continued does not know one.

        Returns:
          The names of the labels, and int32 [paths], the number of the label of each file, -1 of one without.
        """
        if self.rule == "csv":
            label_of, why = _by_table(folder, self.table, paths, skip_bad), "has no row in --data_labels_file"
        elif self.rule == "folder":
            label_of, why = (lambda path: label_of_subfolder(folder, path)), "is in no sub-folder that names a label"
        else:
            label_of, why = label_of_name, "has no label before a _ or a digit of its name"
        first: dict[str, int] = {}  # numbers in the order in which labels are met
        labels = map(label_of, paths)
        met = np.fromiter(
            (first.setdefault(label, len(first)) if label else -1 for label in labels), np.int32, len(paths)
        )
        without = [(display_name(paths[place]), why) for place in np.flatnonzero(met < 0)]
        if without and not skip_bad:
            raise UserError(f"{without[0][0]}: {why}; label or remove it, or set --data_skip_bad=true")
        report_skipped(without)
        counts = np.bincount(met[met >= 0], minlength=len(first)).tolist()
        names = self._names(Counter(dict(zip(first, counts, strict=True))))
        numbers = np.array([*map(names.index, first), -1], np.int32)  # the last is that of -1
        return names, numbers[met]

    def _names(self, counts: Counter[str]) -> tuple[str, ...]:
        """The labels in order.

        Raises:
          UserError: see `apply`.
        """
        shown = f"--data_labels={self.rule}"
        for label in counts:
            if reason := why_no_label(label):
                raise UserError(f"{shown}: {display_name(label)!r} cannot be a label: {reason}; found {listed(counts)}")
        if self.known is not None:
            unknown = [label for label in counts if label not in self.known]
            if unknown:
                raise UserError(
                    f"{shown}: {unknown[0]!r} is no label of the run in this directory, which has "
                    f"{', '.join(self.known)}; found {listed(counts)}"
                )
            if counts:
                return self.known
        if len(counts) < 2:
            raise UserError(f"{shown}: needs files of two labels or more; found {listed(counts)}")
        if len(counts) > MOST_LABELS:
            raise UserError(f"{shown}: {len(counts)} labels, and {MOST_LABELS} are the most; found {listed(counts)}")
        return tuple(sorted(counts))


def listed(counts: Mapping[str, int]) -> str:
    """Labels with the number of their files, as "kick (2), snare (1)"; the first of them where they are many."""
    shown = [f"{display_name(label)} ({counts[label]})" for label in sorted(counts)[:_MOST_LISTED]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") if shown else "none"


def why_no_label(label: str) -> str:
    """Says why a text cannot be a label, which stands on command lines and in names of files; "" if it can."""
    if label == ALL:
        return f"--label={ALL} stands for all of them"
    if len(label.encode(errors="surrogateescape")) > 64:
        return "it is longer than 64 bytes"
    if not label.isprintable() or any(character in label for character in '/\\,:*?"<>|'):
        return "it holds a character that no list, or no name of a file, may have"
    if label != label.strip() or label[:1] in ("", ".", "-"):
        return "it begins or ends as no name of a file should"
    return ""


def label_of_folder(path: str) -> str | None:
    """The name of a file's folder in lower case; None if there is none, or it begins with an underscore or a dot.

    So begin the folders of Speech Commands and the like that are no class, such as _background_noise_.
    """
    label = os.path.basename(os.path.dirname(path)).lower()
    return None if label.startswith(("_", ".")) else label or None


def label_of_subfolder(folder: str, path: str) -> str | None:
    """`label_of_folder` of the sub-folder of `folder` that a file is in, at any depth; None right in `folder`."""
    first, separator, _ = os.path.relpath(path, folder).partition(os.sep)
    return label_of_folder(os.path.join(first, "file")) if separator else None


def label_of_name(path: str) -> str | None:
    """The text before the first underscore or digit of a file's name, in lower case, as `snare` of `Snare-01.wav`.

    Of a name that begins with a digit, the text before the first underscore: `7` of `7_jackson_0.wav`. None if there is
    no such text.
    """
    stem = stem_of(path).lower().strip()
    if stem.startswith(tuple(_DIGITS)):
        label, underscore, _ = stem.partition("_")
        return label.strip() if underscore else None
    return re.split(f"[_{_DIGITS}]", stem, maxsplit=1)[0].strip(" .-") or None


def _by_table(
    folder: str, table: str, paths: Sequence[str], skip_bad: bool
) -> Callable[[str], str | None]:
    """The label of a path by a csv file.

    Raises:
      UserError: it cannot be used, or without `skip_bad` names a file that is not there.
    """
    shown = f"--data_labels_file={display_name(table)}"
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, (file, label) in _rows(table, shown):
        place = os.path.normpath(os.path.join(folder, file))
        if place in lines:
            raise UserError(f"{shown}: lines {lines[place]} and {line} are both of {display_name(file)}; leave one")
        lines[place], labels[place] = line, label.strip().lower()
    absent = dict.fromkeys(labels)
    for path in paths:
        absent.pop(os.path.normpath(path), None)
    missing = [(f"{shown}, line {lines[place]}", place) for place in absent]
    reasons = [(at, f"{display_name(os.path.relpath(place, folder))} is no audio file there") for at, place in missing]
    if reasons and not skip_bad:
        raise UserError(f"{reasons[0][0]}: {reasons[0][1]}; correct or remove it, or set --data_skip_bad=true")
    report_skipped(reasons)
    return lambda path: labels.get(os.path.normpath(path))


def _rows(table: str, shown: str) -> list[tuple[int, tuple[str, str]]]:
    """The files and labels of a csv file, with their lines.

    The first row names the columns; a file of two columns may do without it.

    Raises:
      UserError: it cannot be read, or a row lacks a column.
    """
    try:
        require_regular(table)
        with open(table, "rb") as file:
            data = file.read(_MAX_CSV_BYTES + 1)
        if len(data) > _MAX_CSV_BYTES:
            raise ValueError(f"it is larger than {_MAX_CSV_BYTES >> 20} MiB")
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(error)
        raise UserError(f"{shown}: cannot be read as csv in UTF-8 ({reason})") from None
    if not rows:
        raise UserError(f"{shown}: is empty; it must have the columns file,label")
    head = [name.strip().lower() for name in rows[0][1]]
    if set(_COLUMNS) <= set(head):
        places = [head.index(name) for name in _COLUMNS]
        rows = rows[1:]
    elif len(head) == len(_COLUMNS) and not set(_COLUMNS) & set(head):
        places = [0, 1]
    else:
        raise UserError(f"{shown}: has the columns {', '.join(map(display_name, head))}; it must have file,label")
    for line, row in rows:
        if len(row) != len(head) or not row[places[0]].strip():
            raise UserError(f"{shown}, line {line}: must have {len(head)} values, a file among them, as the first line")
    return [(line, (row[places[0]].strip(), row[places[1]])) for line, row in rows]


def save(names: Sequence[str], folder: str) -> None:
    """Writes the labels of a run into its folder.

    Raises:
      UserError: they cannot be written.
    """
    write_file(os.path.join(folder, LABELS_FILE), json.dumps({"labels": list(names)}, indent=2) + "\n")


def load(folder: str) -> tuple[str, ...]:
    """The labels of the run in a folder.

    Raises:
      UserError: it has none, or they are damaged.
    """
    path = os.path.join(folder, LABELS_FILE)
    try:
        return checked(read_json(path)["labels"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(error)
        raise UserError(f"{path}: cannot be read as the labels of the run ({reason})") from None


def checked(names: object) -> tuple[str, ...]:
    """Labels that a file claims.

    Raises:
      ValueError: they are no list of two or more different labels.
    """
    if not isinstance(names, list) or not 2 <= len(names) <= MOST_LABELS:
        raise ValueError(f"labels are no list of 2 to {MOST_LABELS} names")
    for name in names:
        if not isinstance(name, str) or why_no_label(name):
            raise ValueError(f"{display_name(str(name))!r} is no label")
    if len(set(names)) != len(names):
        raise ValueError("a label is there twice")
    return tuple(names)
