"""Number of statistically different bins (Richardson and Weiss, "On GANs and GMMs", 2018): GANSynth's diversity.

Training samples are clustered into k bins; generated samples fall into the bin whose centre is nearest. A bin is
different if the shares of both sets in it differ by more than chance.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, rel_entr

from wavegan_tf.core.errors import UserError

_BLOCK_ROWS = 1024


@dataclasses.dataclass(frozen=True)
class Bins:
    """Clusters of the training samples.

    Attributes:
      centers: float32 [k, d].
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
      UserError: scikit-learn is missing, there are fewer samples than bins, or a number is not finite.
    """
    try:
        from sklearn.cluster import KMeans
    except ImportError:
        raise UserError("scikit-learn is missing: pip install 'adversarial-audio-tf[eval]'") from None
    rows = _rows(train)
    if not 1 <= k <= len(rows):
        raise UserError(f"{len(rows)} training samples do not fill {k} bins; there must be at least one sample a bin")
    centers = KMeans(k, n_init=n_init, random_state=seed).fit(rows).cluster_centers_
    centers = np.asarray(centers, np.float32)
    return Bins(centers, bin_counts(centers, rows))


def bin_counts(centers: np.ndarray, samples: ArrayLike) -> np.ndarray:
    """How many samples are nearest to each centre; of equally near ones the first counts.

    Args:
      centers: [k, d].
      samples: float [n, d], or [n, ...] which is flattened. Sets that come in batches: add the counts.

    Returns:
      int [k].

    Raises:
      UserError: dimensions differ, there are no samples, or a number is not finite.
    """
    rows = _rows(samples)
    if rows.shape[1] != centers.shape[1]:
        raise UserError(f"samples of {rows.shape[1]} numbers do not fit bins of {centers.shape[1]}")
    counts = np.zeros(len(centers), np.int64)
    exact = centers.astype(np.float64)
    squares = np.sum(exact**2, axis=1)
    for start in range(0, len(rows), _BLOCK_ROWS):
        # |x - c|^2 less |x|^2, which is the same for all centres.
        distances = squares - 2.0 * rows[start : start + _BLOCK_ROWS].astype(np.float64) @ exact.T
        counts += np.bincount(np.argmin(distances, axis=1), minlength=len(centers))
    return counts


def _rows(samples: ArrayLike) -> np.ndarray:
    samples = np.asarray(samples)
    if samples.ndim < 2 or not samples.size:
        raise UserError(f"samples have shape {list(samples.shape)}, must have [samples, features]")
    if not np.isfinite(samples).all():
        raise UserError("samples hold numbers that are not finite")
    return samples.reshape(len(samples), -1).astype(np.float32, copy=False)


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
      UserError: the counts differ in length or hold nothing, or the level is not between 0 and 1.
    """
    train_shares, test_shares, n, m = _shares(train_counts, test_counts)
    if not 0 < significance < 1:
        raise UserError(f"significance={significance}: must be between 0 and 1")
    pooled = (np.asarray(train_counts) + np.asarray(test_counts)) / (n + m)
    error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
    z = np.divide(train_shares - test_shares, error, out=np.zeros_like(error), where=error > 0)
    return 2.0 * ndtr(-np.abs(z)) < significance


def js_divergence(train_counts: ArrayLike, test_counts: ArrayLike) -> float:
    """Jensen-Shannon divergence of two sets' shares in bins, in nats: 0 for equal shares, log 2 for disjoint ones.

    Raises:
      UserError: as `different_bins`.
    """
    p, q, _, _ = _shares(train_counts, test_counts)
    middle = (p + q) / 2.0
    return float(np.sum(rel_entr(p, middle)) + np.sum(rel_entr(q, middle))) / 2.0


def _shares(train_counts: ArrayLike, test_counts: ArrayLike) -> tuple[np.ndarray, np.ndarray, int, int]:
    train_counts, test_counts = np.asarray(train_counts), np.asarray(test_counts)
    if train_counts.shape != test_counts.shape or train_counts.ndim != 1:
        raise UserError(f"bins of shapes {list(train_counts.shape)} and {list(test_counts.shape)} do not compare")
    n, m = int(np.sum(train_counts)), int(np.sum(test_counts))
    if n < 1 or m < 1 or min(train_counts.min(), test_counts.min()) < 0:
        raise UserError(f"bins of {n} and {m} samples do not compare; both sets must hold some")
    return train_counts / n, test_counts / m, n, m


def score_bins(train_counts: ArrayLike, test_counts: ArrayLike, significance: float = 0.05) -> BinScore:
    """NDB, NDB/k and the Jensen-Shannon divergence from the counts.

    Raises:
      UserError: as `different_bins`.
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
      UserError: the samples cannot be used.
    """
    return score_bins(bins.counts, bin_counts(bins.centers, samples), significance)
