"""A confusion matrix as files: a table and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from eval import extras
from wavegan_tf.core.writing import write_file


def write_csv(matrix: np.ndarray, labels: Sequence[str], path: str) -> None:
    """One row for each class of the truth, one column for each answer.

    Raises:
      UserError: it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["truth", *labels])
    writer.writerows([label, *map(int, row)] for label, row in zip(labels, matrix, strict=True))
    write_file(path, text.getvalue())


def write_picture(matrix: np.ndarray, labels: Sequence[str], path: str, title: str) -> None:
    """The same as a PNG: shares of each row by colour, counts in the fields as long as these can be read.

    Raises:
      UserError: matplotlib is missing, or it cannot be written.
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
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    write_file(path, picture.getvalue())
