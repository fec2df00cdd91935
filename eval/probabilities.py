"""Probabilities that a classifier gave earlier, from a file."""

from __future__ import annotations

import numpy as np

from eval.metrics import arguments
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import read_array


def read(path: str, n: int | None) -> np.ndarray:
    """The first n stored rows [n, classes], all of them without n.

    Raises:
      UserError: the file cannot be read, holds no probabilities, or fewer rows.
    """
    try:
        probabilities = read_array(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"--probabilities_file={path}: cannot be read as an npy file of one array [samples, classes] ({reason})"
        ) from None
    try:
        probabilities = arguments.distributions(probabilities)
    except arguments.ArgumentError as error:
        raise UserError(f"--probabilities_file={path}: {error}") from None
    if n is not None and n > len(probabilities):
        raise UserError(f"--num_samples={n}: --probabilities_file={path} holds {len(probabilities)}")
    return probabilities[:n]
