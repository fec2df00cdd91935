"""Number of statistically different bins (Richardson and Weiss, "On GANs and GMMs", 2018): GANSynth's diversity.

Training samples are clustered into k bins; generated samples fall into the bin whose centre is nearest. A bin is
different if the shares of both sets in it differ by more than chance.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics import arguments
from eval.metrics.arguments import ArgumentError

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
    """Comparison of two sets in the same bins.

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

    >>> fit_bins([[0.0], [1.0], [1.0], [10.0]], k=2).counts.tolist()
    [3, 1]

    Args:
      train: float [n, d], or [n, ...] which is flattened; GANSynth's are log spectrograms.
      k: number of bins.
      seed: of the starts.
      n_init: number of starts.

    Raises:
      ImportError: scikit-learn is missing.
      ArgumentError: there are fewer samples than bins, or a number is not finite.
    """
    try:
        from sklearn.cluster import KMeans
    except ImportError:
        raise ImportError("scikit-learn is missing: pip install 'adversarial-audio-tf[eval]'") from None
    rows = arguments.rows(train)
    if not 1 <= k <= len(rows):
        raise ArgumentError(
            f"{len(rows)} training samples do not fill {k} bins; there must be at least one sample a bin"
        )
    # A power of two changes no digit; without it the squares of very small or large numbers would vanish or overflow.
    exponent = np.frexp(np.max(np.abs(rows)))[1]
    found = KMeans(k, n_init=n_init, random_state=seed).fit(np.ldexp(rows, -exponent)).cluster_centers_
    centers = np.ldexp(np.asarray(found, rows.dtype), exponent)
    return Bins(centers, bin_counts(centers, rows))


def bin_counts(centers: ArrayLike, samples: ArrayLike) -> np.ndarray:
    """Counts the samples that are nearest to each centre; of equally near centres the first counts.

    Exact: rounding decides nothing, so the counts of a set's batches add up to those of the set.

    >>> bin_counts([[0.0, 0.0], [10.0, 0.0]], [[1.0, 1.0], [9.0, 1.0], [6.0, 0.0], [5.0, 0.0]])
    array([2, 2])

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
    from scipy.spatial.distance import cdist

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

    >>> different_bins([500, 300, 200, 0], [50, 10, 20, 20])
    array([False,  True, False,  True])

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
    from scipy.special import ndtr

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

    >>> js_divergence([3, 5, 0], [30, 50, 0]), round(js_divergence([3, 0], [0, 1]), 4)
    (0.0, 0.6931)

    Raises:
      ArgumentError: as `different_bins`.
    """
    from scipy.special import rel_entr

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

    >>> score = score_bins([60, 40], [45, 55])
    >>> score.ndb, score.ndb_over_k, round(score.js_divergence, 4)
    (2, 1.0, 0.0113)

    Raises:
      ArgumentError: as `different_bins`.
    """
    different = different_bins(train_counts, test_counts, significance)
    ndb = int(np.count_nonzero(different))
    return BinScore(ndb, ndb / len(different), js_divergence(train_counts, test_counts), different)


def ndb(
    train: ArrayLike, generated: ArrayLike, bins: int = 50, seed: int = 0, significance: float = 0.05
) -> BinScore:
    """Scores generated samples against bins of the training samples: `fit_bins`, `bin_counts` and `score_bins` in one.

    >>> rng = np.random.default_rng(0)
    >>> train = np.concatenate([rng.normal(size=[100, 2]), rng.normal(size=[100, 2]) + 20])
    >>> same, one_mode = ndb(train, train[::2], bins=2), ndb(train, train[:100], bins=2)
    >>> (same.ndb, same.js_divergence), (one_mode.ndb, round(one_mode.js_divergence, 3))
    ((0, 0.0), (2, 0.216))

    Args:
      train: float [n, d], or [n, ...] which is flattened; GANSynth's are log spectrograms.
      generated: float [m, d], likewise.
      bins: number of bins, at most n.
      seed: of k-means.
      significance: of the test in each bin.

    Raises:
      ImportError: scikit-learn is missing.
      ArgumentError: the samples cannot be used, or there are fewer than bins.
    """
    fitted = fit_bins(train, bins, seed)
    return score_bins(fitted.counts, bin_counts(fitted.centers, generated), significance)
