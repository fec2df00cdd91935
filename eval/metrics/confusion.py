"""Counts of the classes that a classifier takes for each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics import arguments
from eval.metrics.arguments import ArgumentError


def confusion_matrix(truth: ArrayLike, answers: ArrayLike, num_classes: int) -> np.ndarray:
    """Counts int64 [truth, answer] of two lists of classes.

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])

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
