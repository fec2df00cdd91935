"""Distances of generated clips to each other and to the training data: |D|self and |D|train (eval/similarity/sim.py).

Distances are Euclidean, between flattened log-mel features of raw int16 clips. The original asks a ball tree, which in
16 384 dimensions saves nothing. Here one matrix product gives all distances of two blocks at once, roughly; every pair
that could be the nearest within the product's rounding error is then computed again from its difference in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from eval.metrics import arguments
from eval.metrics.arguments import ArgumentError

_BLOCK_ROWS = 1024
# Pairs of a block, for each of its rows, beyond which the product is worth repeating in float64.
_MANY = 16
_CHUNK = 64


class FeatureSet(Protocol):
    """Rows of features: an array [n, d] or [n, ...], or what reads slices of one from a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class Similarity(NamedTuple):
    """Mean and population standard deviation of the distances to the nearest neighbour."""

    mean: float
    std: float


def similarity(
    train: FeatureSet,
    query: FeatureSet,
    exclude_self: bool = False,
    block_rows: int = _BLOCK_ROWS,
    passed: Callable[[int], None] | None = None,
) -> Similarity:
    """Mean and deviation of the distances from rows of `query` to their nearest rows of `train`.

    This is |D|train of generated features `query`, or with train = query and `exclude_self` their |D|self (`nn_dist`).

    >>> train, generated = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [3.0, 7.0]])
    >>> similarity(train, generated)  # distances 1 and 3
    Similarity(mean=2.0, std=1.0)
    >>> similarity(generated, generated, exclude_self=True).mean == 45**0.5
    True

    Args:
      train: where neighbours are sought; rows [n, d], or [n, ...] which is flattened, of any real numbers.
      query: for whose rows they are sought.
      exclude_self: if a row's nearest neighbour is at distance zero, take the second nearest. So the clip itself is
        skipped, but of two equal clips each is the other's neighbour, at distance zero; and in a set that does not
        hold the clip the nearest stays. The original sets this where both sets are one file.
      block_rows: rows of either set that are held at a time.
      passed: see `nearest_distances`.

    Raises:
      ArgumentError: as `nearest_distances`.
    """
    distances = nearest_distances(train, query, 2 if exclude_self else 1, block_rows, passed)
    nearest = distances[:, 0]
    if exclude_self:
        nearest = np.where(nearest == 0, distances[:, 1], nearest)
    return Similarity(float(np.mean(nearest)), float(np.std(nearest)))


def nearest_distances(
    train: FeatureSet,
    query: FeatureSet,
    k: int = 1,
    block_rows: int = _BLOCK_ROWS,
    passed: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Distances from each row of `query` to its k nearest rows of `train`, exact, in rising order.

    >>> nearest_distances(np.array([[0.0], [1.0], [5.0]]), np.array([[2.0]]), k=2)
    array([[1., 2.]])

    Memory: about six blocks of [block_rows, d] float32 and some of [block_rows, block_rows].

    Args:
      train: see `similarity`.
      query: likewise.
      k: how many neighbours.
      block_rows: see `similarity`.
      passed: called as the work goes on with the rows of `query` that it amounts to, from 0 to all of them.

    Returns:
      float64 [n, k].

    Raises:
      ArgumentError: a set is empty or has fewer than k rows, k or `block_rows` is not positive, rows differ in length,
        or a number cannot be used (`arguments.rows`).
    """
    if k < 1 or block_rows < 1:
        raise ArgumentError(f"k={k}, block_rows={block_rows}: must be at least 1")
    if not len(query) or len(train) < k:
        raise ArgumentError(f"{len(query)} clips against {len(train)}: there must be at least 1 and {k}")
    # Differences do not change when all rows move; the shorter the rows, the smaller the products' rounding errors.
    passed = passed or (lambda rows: None)
    passed(0)
    origin = _mean_row(train, block_rows)
    found, done = [], 0
    for rows in _blocks(query, block_rows, len(origin)):
        best = np.full([len(rows), k], np.inf)
        seen = 0
        for others in _blocks(train, block_rows, len(origin)):
            _compare(rows, others, k, origin, best)
            seen += len(others)
            passed(done + len(rows) * seen // len(train))
        done += len(rows)
        found.append(best)
    return np.concatenate(found)


def _blocks(features: FeatureSet, block_rows: int, dimensions: int | None = None) -> Iterator[np.ndarray]:
    """Float32 or float64 [at most block_rows, d] each."""
    for start in range(0, len(features), block_rows):
        block = features[start : start + block_rows]
        block = arguments.rows(block, f"features of the clips from number {start} on")
        if dimensions is not None and block.shape[1] != dimensions:
            raise ArgumentError(f"features of {block.shape[1]} and {dimensions} numbers do not compare")
        yield block


def _mean_row(features: FeatureSet, block_rows: int) -> np.ndarray:
    """Float64 [d]."""
    mean, count = np.zeros(1), 0
    for block in _blocks(features, block_rows):
        count += len(block)
        mean = mean + (np.mean(block, axis=0, dtype=np.float64) - mean) * (len(block) / count)
    return mean


def _compare(rows: np.ndarray, others: np.ndarray, k: int, origin: np.ndarray, best: np.ndarray) -> None:
    """Takes the distances of one block's rows to those of another into `best`, the k smallest [b, k] so far."""
    dtype = np.result_type(rows, others).type
    lower = _candidates(rows, others, origin, best[:, -1], k, dtype)
    if dtype is np.float32 and np.count_nonzero(lower < np.inf) > _MANY * len(rows):
        lower = np.maximum(lower, _candidates(rows, others, origin, best[:, -1], k, np.float64))
    for i in np.flatnonzero(np.min(lower, axis=1) < np.inf):
        best[i] = _measure(rows[i], others, lower[i], best[i])


def _candidates(
    rows: np.ndarray, others: np.ndarray, origin: np.ndarray, worst: np.ndarray, k: int, dtype: type[np.floating]
) -> np.ndarray:
    """Lower bounds of squared distances [b, c]; infinite for pairs that are surely not among a row's k nearest.

    Args:
      rows: [b, d].
      others: [c, d].
      origin: [d], subtracted from both.
      worst: [b], the k-th smallest distance so far.
      k: how many neighbours are sought.
      dtype: that the product is computed in; holds all numbers of both without loss.
    """
    kind, d = np.finfo(dtype), rows.shape[1]
    unit, tiny = float(kind.eps), float(kind.tiny)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is not known, and measured
        a, b = (np.subtract(x, origin.astype(dtype), dtype=dtype) for x in (rows, others))
        lengths_a = np.sqrt(np.einsum("nd,nd->n", a, a, dtype=np.float64))[:, None]
        lengths_b = np.sqrt(np.einsum("nd,nd->n", b, b, dtype=np.float64))[None]
        squares = lengths_a**2 + lengths_b**2 - 2.0 * (a @ b.T)
        # A sum of d products errs by at most d unit roundoffs of the sum of their sizes, whatever its order (Higham,
        # Accuracy and Stability of Numerical Algorithms, section 3.1), and that sum is at most |a| |b|; `unit` is twice
        # the roundoff, which doubles all bounds. The second term covers the subtraction of the origin and the sums
        # above, the third what is lost of numbers below `tiny`.
        error = unit * (d * lengths_a * lengths_b + 8.0 * (lengths_a + lengths_b) ** 2)
        error += 8.0 * d * tiny * (1.0 + lengths_a + lengths_b)
        upper, lower = squares + error, squares - error
        known = np.isfinite(upper) & np.isfinite(lower)
        bounds = worst**2
    if len(others) >= k:
        bounds = np.minimum(bounds, np.partition(np.where(known, upper, np.inf), k - 1, axis=1)[:, k - 1])
    lower = np.where(known, lower, -np.inf)
    return np.where(lower <= bounds[:, None], lower, np.inf)


def _measure(row: np.ndarray, others: np.ndarray, lower: np.ndarray, best: np.ndarray) -> np.ndarray:
    """The k smallest distances among `best` and those to rows whose lower bound is below the k-th, sorted."""
    order = np.flatnonzero(lower < np.inf)
    order = order[np.argsort(lower[order], kind="stable")]
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        # Nothing is nearer than zero: a generator that makes one clip only would have all pairs measured.
        if best[-1] == 0 or np.sqrt(max(lower[chunk[0]], 0.0)) > best[-1]:
            break
        best = np.sort(np.concatenate([best, _lengths(others[chunk].astype(np.float64) - row)]))[: len(best)]
    return best


def _lengths(differences: np.ndarray) -> np.ndarray:
    """Euclidean lengths of rows [n, d] float64; their squares neither overflow nor vanish."""
    exponents = np.frexp(np.max(np.abs(differences), axis=1))[1]
    scaled = np.ldexp(differences, -exponents[:, None])
    return np.ldexp(np.sqrt(np.einsum("nd,nd->n", scaled, scaled)), exponents)
