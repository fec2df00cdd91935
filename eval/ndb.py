"""Number of statistically different bins (Richardson and Weiss, "On GANs and GMMs", 2018): GANSynth's diversity.

Training samples are clustered into k bins; generated samples fall into the bin whose centre is nearest. A bin is
different if the shares of both sets in it differ by more than chance.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from scipy.special import ndtr, rel_entr

from eval import arguments
from eval.arguments import ArgumentError
from wavegan_tf.core import extras

_BLOCK_NUMBERS = 1 << 20


@dataclasses.dataclass(frozen=True)
class Bins:
    """Clusters of the training samples.

    Attributes:
      centers: float32 or float64 [k, d], as the training samples were.
      counts: int [k], training samples in each.
    """

    centers: np.ndarray
    counts: np.ndarray


@dataclasses.dataclass(frozen=True)
class BinScore:
    """How two sets fill the same bins.

    Attributes:
      ndb: number of different bins, 0 to k.
      ndb_over_k: the same as a share, 0 to 1. Two draws from one distribution give about the significance level.
      js_divergence: Jensen-Shannon divergence of the shares in nats, 0 to log 2.
      different: bool [k].
    """

    ndb: int
    ndb_over_k: float
    js_divergence: float
    different: np.ndarray


def fit_bins(train: ArrayLike, k: int = 50, seed: int = 0, n_init: int = 10) -> Bins:
    """Clusters training samples by k-means, best of `n_init` starts.

    Args:
      train: float [n, d], or [n, ...] which is flattened; GANSynth's are log spectrograms.
      k: number of bins.
      seed: of the starts.
      n_init: number of starts.

    Raises:
      UserError: scikit-learn is missing.
      ArgumentError: there are fewer samples than bins, or a number is not finite.
    """
    cluster = extras.load("scikit-learn")
    rows = arguments.rows(train)
    if not 1 <= k <= len(rows):
        raise ArgumentError(
            f"{len(rows)} training samples do not fill {k} bins; there must be at least one sample a bin"
        )
    # A power of two changes no digit; without it the squares of very small or large numbers would vanish or overflow.
    exponent = np.frexp(np.max(np.abs(rows)))[1]
    found = cluster.KMeans(k, n_init=n_init, random_state=seed).fit(np.ldexp(rows, -exponent)).cluster_centers_
    centers = np.ldexp(np.asarray(found, rows.dtype), exponent)
    return Bins(centers, bin_counts(centers, rows))


def bin_counts(centers: ArrayLike, samples: ArrayLike) -> np.ndarray:
    """How many samples are nearest to each centre; of equally near ones the first counts.

    Exact: rounding decides nothing, so the counts of a set's batches add up to those of the set.

    Args:
      centers: [k, d].
      samples: float [n, d], or [n, ...] which is flattened. Sets that come in batches: add the counts.

    Returns:
      int [k].

    Raises:
      ArgumentError: dimensions differ, there are no samples, or a number is not finite.
    """
    rows, centers = arguments.rows(samples), arguments.rows(centers, "centers")
    if rows.shape[1] != centers.shape[1]:
        raise ArgumentError(f"samples of {rows.shape[1]} numbers do not fit bins of {centers.shape[1]}")
    first: dict[bytes, int] = {}  # of centres that coincide the first alone can count
    for number, center in enumerate(centers):
        first.setdefault(center.tobytes(), number)
    kept = np.array(list(first.values()))
    counts = np.zeros(len(centers), np.int64)
    size = max(1, _BLOCK_NUMBERS // rows.shape[1])
    for start in range(0, len(rows), size):
        counts += np.bincount(kept[_nearest(rows[start : start + size], centers[kept])], minlength=len(centers))
    return counts


def _nearest(rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The first of the nearest centres of each row, exactly: int [n]."""
    squares = cdist(rows, centers, "sqeuclidean")
    # Rounding changes a sum of d squares of differences by less than d + 3 units of it, underflow by `tiny` each.
    d, float64 = rows.shape[1], np.finfo(np.float64)
    with np.errstate(over="ignore"):
        limits = np.min(squares, axis=1) * (1 + 2 * (d + 3) * float64.eps) + 2 * d * float64.tiny
    near = squares <= limits[:, None]
    nearest = np.argmax(near, axis=1)
    for i in np.flatnonzero(np.count_nonzero(near, axis=1) > 1):
        found = np.flatnonzero(near[i])
        exact = _whole_squares(rows[i], centers[found])
        nearest[i] = found[exact.index(min(exact))]
    return nearest


def _whole_squares(row: np.ndarray, centers: np.ndarray) -> list[int]:
    """Squared distances of a row and some centres without rounding, in a unit that makes all of them whole."""
    ratios = [[number.as_integer_ratio() for number in point] for point in (row.tolist(), *centers.tolist())]
    unit = max(below for point in ratios for _, below in point)  # powers of two, all of them
    first, *others = ([above * (unit // below) for above, below in point] for point in ratios)
    return [sum((a - b) ** 2 for a, b in zip(first, other, strict=True)) for other in others]


def different_bins(train_counts: ArrayLike, test_counts: ArrayLike, significance: float = 0.05) -> np.ndarray:
    """Two-sided two-proportion z-test in every bin.

    z is the difference of the two shares over its standard error sqrt(p (1 - p) (1/n + 1/m)); p, the share of both
    samples taken together, stands in the error alone. (A public port takes the difference from the pooled share, which
    is wrong.)

    Args:
      train_counts: int [k], of n samples.
      test_counts: int [k], of m samples.
      significance: probability of calling a bin different that is not.

    Returns:
      bool [k]. A bin that holds nothing of either, or everything of both, is not different.

    Raises:
      ArgumentError: the counts are no whole numbers, differ in length or hold nothing, or the level is not between 0
        and 1.
    """
    train, test = _counts(train_counts, test_counts)
    if not 0 < significance < 1:
        raise ArgumentError(f"significance={significance}: must be between 0 and 1")
    n, m = np.sum(train), np.sum(test)
    pooled = (train + test) / (n + m)
    error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
    z = np.divide(train / n - test / m, error, out=np.zeros_like(error), where=error > 0)
    return 2.0 * ndtr(-np.abs(z)) < significance


def js_divergence(train_counts: ArrayLike, test_counts: ArrayLike) -> float:
    """Jensen-Shannon divergence of two sets' shares in bins, in nats: 0 for equal shares, log 2 for disjoint ones.

    Raises:
      ArgumentError: as `different_bins`.
    """
    train, test = _counts(train_counts, test_counts)
    p, q = train / np.sum(train), test / np.sum(test)
    middle = (p + q) / 2.0
    return max(0.0, float(np.sum(rel_entr(p, middle)) + np.sum(rel_entr(q, middle))) / 2.0)


def _counts(train_counts: ArrayLike, test_counts: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 [k]."""
    train, test = arguments.counts(train_counts), arguments.counts(test_counts)
    if len(train) != len(test):
        raise ArgumentError(f"bins of shapes {list(train.shape)} and {list(test.shape)} do not compare")
    if not train.any() or not test.any():
        raise ArgumentError(f"bins of {train.sum():.0f} and {test.sum():.0f} samples do not compare; both sets must "
                            "hold some")  # fmt: skip
    return train, test


def score_bins(train_counts: ArrayLike, test_counts: ArrayLike, significance: float = 0.05) -> BinScore:
    """NDB, NDB/k and the Jensen-Shannon divergence from the counts.

    Raises:
      ArgumentError: as `different_bins`.
    """
    different = different_bins(train_counts, test_counts, significance)
    ndb = int(np.count_nonzero(different))
    return BinScore(ndb, ndb / len(different), js_divergence(train_counts, test_counts), different)


def ndb(bins: Bins, samples: ArrayLike, significance: float = 0.05) -> BinScore:
    """The scores of samples against the bins of the training data.

    Args:
      bins: from `fit_bins`.
      samples: float [n, d], or [n, ...] which is flattened.
      significance: of the test in each bin.

    Raises:
      ArgumentError: the samples cannot be used.
    """
    return score_bins(bins.counts, bin_counts(bins.centers, samples), significance)
