"""Features of clips in a file, of which only the rows asked for are held."""

from __future__ import annotations

import numpy as np

from wavegan_tf.core.errors import UserError


class StoredFeatures:
    """Features in a file of bare float32 numbers: 50 000 clips are 3.3 GB, of which only the rows asked for are held.

    Args:
      path: of the file.
      dimensions: of a row.

    Raises:
      UserError: the file is missing or does not hold whole rows.
    """

    def __init__(self, path: str, dimensions: int):
        self._path, self._dimensions = path, dimensions
        try:
            with open(path, "rb") as file:
                size = file.seek(0, 2)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from None
        if size % (4 * dimensions):
            raise UserError(f"{path}: {size} bytes are not whole rows of {dimensions} float32 numbers")
        self._rows = size // (4 * dimensions)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        chosen = range(*rows.indices(self._rows))
        low, high = (min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1) if chosen else (0, 0)
        # Not np.memmap: its pages count as memory of this process for as long as they are mapped.
        block = np.fromfile(
            self._path, np.float32, (high - low) * self._dimensions, offset=4 * low * self._dimensions
        )
        return block.reshape(-1, self._dimensions)[:: chosen.step]
