"""Which classes a classifier takes for which, in numbers and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from eval import arguments
from eval.arguments import ArgumentError
from wavegan_tf.core import extras


def confusion_matrix(truth: ArrayLike, answers: ArrayLike, num_classes: int) -> np.ndarray:
    """Counts int64 [truth, answer] of two lists of classes.

    Args:
      truth: integers [n] from 0 to `num_classes` - 1.
      answers: the same.
      num_classes: at least 1.

    Raises:
      ArgumentError: the lists differ in length, or one holds what is no class.
    """
    if num_classes < 1:
        raise ArgumentError(f"num_classes={num_classes}: must be at least 1")
    rows, columns = (
        arguments.class_numbers(values, 0, num_classes - 1, f"class of {name}", f"classes of {name}")
        for values, name in ((truth, "the truth"), (answers, "the answers"))
    )
    if len(rows) != len(columns):
        raise ArgumentError(f"{len(rows)} classes of the truth and {len(columns)} of the answers do not compare")
    matrix = np.zeros([num_classes, num_classes], np.int64)
    np.add.at(matrix, (rows, columns), 1)
    return matrix


def write_csv(matrix: np.ndarray, labels: Sequence[str], path: str) -> None:
    """One row for each class of the truth, one column for each answer."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["truth", *labels])
        writer.writerows([label, *map(int, row)] for label, row in zip(labels, matrix, strict=True))


def write_picture(matrix: np.ndarray, labels: Sequence[str], path: str, title: str) -> None:
    """The same as a PNG: shares of each row by colour, counts in the fields as long as these can be read.

    Raises:
      UserError: matplotlib is missing.
    """
    count = len(labels)
    size = max(5.0, 0.22 * count + 2.0)
    figure = extras.load("matplotlib").Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the row")
    axes.set(title=title, xlabel="answer", ylabel="truth")
    axes.set_xticks(range(count), labels, rotation=90)
    axes.set_yticks(range(count), labels)
    if count <= 20:
        for row, column in np.argwhere(matrix):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour)
    figure.savefig(path, dpi=100)
