"""Frechet distance between Gaussians fitted to a network's features: the FID of Heusel et al. 2017."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics import arguments
from eval.metrics.arguments import ArgumentError


class GaussianFit:
    """Mean and covariance of rows that come in batches, in float64.

    >>> fit = GaussianFit(2)
    >>> for batch in ([[0.0, 1.0], [2.0, 1.0]], [[4.0, 4.0]]):
    ...     fit.update(np.array(batch))
    >>> fit.mean, fit.covariance
    (array([2., 2.]), array([[4., 3.],
           [3., 3.]]))

    Each batch is centred on its own mean and then merged (Chan, Golub and LeVeque 1979): unlike sums of squares this
    does not cancel where features are far from zero.

    Args:
      dimensions: of a row.
    """

    def __init__(self, dimensions: int):
        self.count = 0
        self.mean = np.zeros(dimensions)
        self._scatter = np.zeros([dimensions, dimensions])

    def update(self, features: np.ndarray) -> None:
        """Takes in rows [n, dimensions].

        Raises:
          ArgumentError: they have another shape, or hold numbers that cannot be used (`arguments.rows`).
        """
        shape, d = np.shape(features), len(self.mean)
        if len(shape) != 2 or shape[1] != d:
            raise ArgumentError(f"features have shape {list(shape)}, must have [samples, {d}]")
        if not shape[0]:
            return
        features = arguments.rows(features, "features").astype(np.float64, copy=False)
        total = self.count + len(features)
        with np.errstate(over="ignore", invalid="ignore"):  # `gaussian_distance` refuses what overflowed
            mean = np.mean(features, axis=0)
            centred, shift = features - mean, mean - self.mean
            self._scatter += centred.T @ centred + np.outer(shift, shift) * (self.count * len(features) / total)
            self.mean = self.mean + shift * (len(features) / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased, as of `numpy.cov`: float64 [dimensions, dimensions].

        Raises:
          ArgumentError: there were fewer than two rows.
        """
        if self.count < 2:
            raise ArgumentError(f"{self.count} samples have no covariance; give at least 2")
        return self._scatter / (self.count - 1)


def frechet_distance(first: ArrayLike | GaussianFit, second: ArrayLike | GaussianFit) -> float:
    """Squared Frechet (2-Wasserstein) distance of two sets of features, as FIDs are given: 0 for equal Gaussians.

    The features are those of any network; distances compare only under the same one. Sets too large to hold come as
    a `GaussianFit` each, which takes them batch by batch.

    >>> rng = np.random.default_rng(0)
    >>> real, generated = rng.normal(size=[1000, 8]), rng.normal(size=[1000, 8])
    >>> frechet_distance(real, generated) < 0.1 < 7.5 < frechet_distance(real, generated + 1)
    True

    Args:
      first: float [n, d] with n of at least 2, such as features of real clips, or their fit.
      second: float [m, d], such as features of generated clips, likewise.

    Raises:
      ArgumentError: features cannot be used, dimensions differ, a set has fewer than two rows, or its covariance
        overflowed.
    """
    first, second = (x if isinstance(x, GaussianFit) else _fitted(x) for x in (first, second))
    return gaussian_distance(first.mean, first.covariance, second.mean, second.covariance)


def _fitted(features: ArrayLike) -> GaussianFit:
    rows = arguments.rows(features, "features")
    fit = GaussianFit(rows.shape[1])
    fit.update(rows)
    return fit


def gaussian_distance(mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike) -> float:
    """|m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)), the Frechet distance of two Gaussians.

    >>> gaussian_distance([1.0], [[9.0]], [-3.0], [[4.0]])  # (1 + 3)^2 + (3 - 2)^2
    17.0

    C1 C2 is not symmetric, and a general matrix square root of it is slow, and complex once a covariance has fewer
    dimensions than features. With the symmetric roots A = C1^(1/2) and B = C2^(1/2): C1 C2 = A (A B B) has the same
    eigenvalues as (A B B) A = (A B)(A B)^T, which is symmetric and has no negative ones. The trace of the root is the
    sum of their roots, that is of the singular values of A B; taken as such, not as roots of eigenvalues, rounding
    errors stay rounding errors.

    Args:
      mean1: [d].
      covariance1: [d, d], symmetric and positive semidefinite.
      mean2: [d].
      covariance2: [d, d].

    Raises:
      ArgumentError: dimensions differ, or a number is not finite.
    """
    from scipy.linalg import svdvals

    (m1, c1), (m2, c2) = _gaussian(mean1, covariance1), _gaussian(mean2, covariance2)
    if m1.shape != m2.shape:
        raise ArgumentError(f"features of {len(m1)} and {len(m2)} numbers do not compare")
    overlap = np.sum(svdvals(_root(c1) @ _root(c2)))
    return max(float(np.sum((m1 - m2) ** 2) + np.trace(c1) + np.trace(c2) - 2.0 * overlap), 0.0)


def _gaussian(mean: ArrayLike, covariance: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 [d] and [d, d]."""
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise ArgumentError(
            f"mean and covariance have shapes {list(mean.shape)} and {list(covariance.shape)}, must have [d] and [d, d]"
        )
    if not np.isfinite(mean).all() or not np.isfinite(covariance).all():
        raise ArgumentError("mean or covariance holds numbers that are not finite: the features are too large")
    return mean, covariance


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root; eigenvalues within rounding error of zero are zero."""
    from scipy.linalg import eigh

    values, vectors = eigh(covariance)
    negligible = len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
    roots = np.sqrt(np.where(values > negligible, values, 0.0))
    return (vectors * roots) @ vectors.T
