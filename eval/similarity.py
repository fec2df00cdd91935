"""How near generated clips are to each other and to the training data: |D|self and |D|train (eval/similarity/sim.py).

Distances are Euclidean, between flattened log-mel features of raw int16 clips. The original asks a ball tree, which in
16 384 dimensions saves nothing. Here one matrix product gives all distances of two blocks at once, roughly; every pair
that could be the nearest within the product's rounding error is then measured again from its difference in float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from eval.features import similarity_log_mel
from wavegan_tf.core.errors import UserError

_BLOCK_ROWS = 1024
# Pairs of a block, for each of its rows, beyond which the product is worth repeating in float64.
_MANY = 16
_CHUNK = 64


class FeatureSet(Protocol):
    """Rows of flattened features: an array [n, d], or a `StoredFeatures`."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


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
        start, stop, step = rows.indices(self._rows)
        count = max(0, stop - start) * self._dimensions
        # Not np.memmap: its pages count as memory of this process for as long as they are mapped.
        block = np.fromfile(self._path, np.float32, count, offset=4 * start * self._dimensions)
        return block.reshape(-1, self._dimensions)[::step]


def store_features(clips: Iterable[np.ndarray], path: str) -> StoredFeatures:
    """Writes the features of clips to a file, batch by batch (feats.py).

    Args:
      clips: batches of int16 [b, 16384], as `eval.features.read_clips` yields.
      path: of the file, which is replaced.

    Raises:
      UserError: there are no clips, or the file cannot be written.
    """
    dimensions = 0
    try:
        with open(path, "wb") as file:
            for batch in clips:
                features = similarity_log_mel(batch).numpy()
                dimensions = features[0].size
                file.write(features.tobytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    if not dimensions:
        raise UserError("no clips to compare")
    return StoredFeatures(path, dimensions)


class Similarity(NamedTuple):
    """Mean and population standard deviation of the distances to the nearest neighbour."""

    mean: float
    std: float


def similarity(train: FeatureSet, query: FeatureSet, exclude_self: bool, block_rows: int = _BLOCK_ROWS) -> Similarity:
    """|D|train, or with train = query and `exclude_self` |D|self (`nn_dist`).

    Args:
      train: where neighbours are sought; rows [n, d], or [n, ...] which is flattened.
      query: for whose rows they are sought.
      exclude_self: if a row's nearest neighbour is at distance zero, take the second nearest. So the clip itself is
        left out, but of two equal clips each is the other's neighbour, at distance zero; and in a set that does not
        hold the clip the nearest stays. The original sets this where both sets are one file.
      block_rows: rows of either set that are held at a time.

    Raises:
      UserError: as `nearest_distances`.
    """
    distances = nearest_distances(train, query, 2 if exclude_self else 1, block_rows)
    nearest = distances[:, 0]
    if exclude_self:
        nearest = np.where(nearest == 0, distances[:, 1], nearest)
    return Similarity(float(np.mean(nearest)), float(np.std(nearest)))


def nearest_distances(train: FeatureSet, query: FeatureSet, k: int = 1, block_rows: int = _BLOCK_ROWS) -> np.ndarray:
    """Distances from each row of `query` to its k nearest rows of `train`, exact, in rising order.

    Memory: about six blocks of [block_rows, d] float32 and some of [block_rows, block_rows].

    Returns:
      float64 [n, k].

    Raises:
      UserError: a set is empty or has fewer than k rows, rows differ in length, or a number is not finite.
    """
    if not len(query) or len(train) < k:
        raise UserError(f"{len(query)} clips against {len(train)}: there must be at least 1 and {k}")
    # Differences do not change when all rows move; the shorter the rows, the smaller the products' rounding errors.
    origin = _mean_row(train, block_rows)
    return np.concatenate([
        _block_distances(rows, train, k, origin, block_rows) for rows in _blocks(query, block_rows, len(origin))
    ])  # fmt: skip


def _blocks(features: FeatureSet, block_rows: int, dimensions: int | None = None) -> Iterator[np.ndarray]:
    """Float32 [at most block_rows, d] each."""
    for start in range(0, len(features), block_rows):
        block = features[start : start + block_rows]
        block = np.ascontiguousarray(block.reshape(len(block), -1), np.float32)
        if dimensions is not None and block.shape[1] != dimensions:
            raise UserError(f"features of {block.shape[1]} and {dimensions} numbers do not compare")
        if not np.isfinite(block).all():
            raise UserError(f"features of the clips from number {start} on hold numbers that are not finite")
        yield block


def _mean_row(features: FeatureSet, block_rows: int) -> np.ndarray:
    """Float32 [d]."""
    total = sum(np.sum(block, axis=0, dtype=np.float64) for block in _blocks(features, block_rows))
    return (total / len(features)).astype(np.float32)


def _block_distances(rows: np.ndarray, train: FeatureSet, k: int, origin: np.ndarray, block_rows: int) -> np.ndarray:
    """`nearest_distances` for the rows of one block."""
    best = np.full([len(rows), k], np.inf)  # squared
    for others in _blocks(train, block_rows, len(origin)):
        lower = _candidates(rows, others, origin, best[:, -1], k, np.float32)
        if np.count_nonzero(lower < np.inf) > _MANY * len(rows):
            lower = np.maximum(lower, _candidates(rows, others, origin, best[:, -1], k, np.float64))
        for i in np.flatnonzero(np.min(lower, axis=1) < np.inf):
            best[i] = _measure(rows[i], others, lower[i], best[i])
    return np.sqrt(best)


def _candidates(
    rows: np.ndarray, others: np.ndarray, origin: np.ndarray, worst: np.ndarray, k: int, dtype: type[np.floating]
) -> np.ndarray:
    """Lower bounds of squared distances [b, c]; infinite for pairs that are surely not among a row's k nearest.

    Args:
      rows: float32 [b, d].
      others: float32 [c, d].
      origin: float32 [d], subtracted from both.
      worst: [b], the k-th smallest squared distance so far.
      k: how many neighbours are sought.
      dtype: that the product is computed in.
    """
    unit = float(np.finfo(dtype).eps)  # twice the unit roundoff: all bounds below are doubled by that
    a, b = rows.astype(dtype), others.astype(dtype)
    a -= origin
    b -= origin
    lengths_a = np.sqrt(np.einsum("nd,nd->n", a, a, dtype=np.float64))[:, None]
    lengths_b = np.sqrt(np.einsum("nd,nd->n", b, b, dtype=np.float64))[None]
    squares = lengths_a**2 + lengths_b**2 - 2.0 * (a @ b.T)
    # A sum of d products errs by at most d unit roundoffs of the sum of their sizes, whatever its order (Higham,
    # Accuracy and Stability of Numerical Algorithms, section 3.1), and that sum is at most |a| |b|. The second term
    # covers the subtraction of the origin and the sums above.
    error = unit * (rows.shape[1] * lengths_a * lengths_b + 8.0 * (lengths_a + lengths_b) ** 2)
    known = np.isfinite(squares)  # else the product overflowed
    upper = np.where(known, squares + error, np.inf)
    if upper.shape[1] > k:
        upper = np.partition(upper, k - 1, axis=1)
    if upper.shape[1] >= k:
        worst = np.minimum(worst, upper[:, k - 1])
    lower = np.where(known, squares - error, -np.inf)
    return np.where(lower <= worst[:, None], lower, np.inf)


def _measure(row: np.ndarray, others: np.ndarray, lower: np.ndarray, best: np.ndarray) -> np.ndarray:
    """The k smallest squared distances among `best` and those to rows whose lower bound is below the k-th, sorted."""
    order = np.flatnonzero(lower < np.inf)
    order = order[np.argsort(lower[order], kind="stable")]
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        # Nothing is nearer than zero: a generator that makes one clip only would have all pairs measured.
        if best[-1] == 0 or lower[chunk[0]] > best[-1]:
            break
        differences = others[chunk].astype(np.float64) - row
        exact = np.einsum("nd,nd->n", differences, differences)
        best = np.sort(np.concatenate([best, exact]))[: len(best)]
    return best
