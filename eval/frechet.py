"""Frechet distance between Gaussians fitted to a network's features: the FID of Heusel et al. 2017."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.linalg

from wavegan_tf.core.errors import UserError


class GaussianFit:
    """Mean and covariance of rows that come in batches, in float64.

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
          UserError: they have another shape, or hold numbers that are not finite.
        """
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise UserError(f"features have shape {list(features.shape)}, must have [samples, {len(self.mean)}]")
        if not np.isfinite(features).all():
            raise UserError("features hold numbers that are not finite")
        if not len(features):
            return
        mean = np.mean(features, axis=0)
        centred, shift = features - mean, mean - self.mean
        total = self.count + len(features)
        self._scatter += centred.T @ centred + np.outer(shift, shift) * (self.count * len(features) / total)
        self.mean = self.mean + shift * (len(features) / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased, as of `numpy.cov`: float64 [dimensions, dimensions].

        Raises:
          UserError: there were fewer than two rows.
        """
        if self.count < 2:
            raise UserError(f"{self.count} samples have no covariance; give at least 2")
        return self._scatter / (self.count - 1)


def fit(batches: Iterable[np.ndarray]) -> GaussianFit:
    """The Gaussian of rows [n, d] that come in batches, of which one at a time is held.

    Raises:
      UserError: there are none, or as `GaussianFit.update`.
    """
    gaussian = None
    for batch in batches:
        if gaussian is None:
            gaussian = GaussianFit(np.shape(batch)[-1])
        gaussian.update(batch)
    if gaussian is None:
        raise UserError("no features to fit")
    return gaussian


def frechet_distance(first: GaussianFit, second: GaussianFit) -> float:
    """Squared Frechet (2-Wasserstein) distance of two fits, as FIDs are given: not negative, 0 for equal fits.

    Raises:
      UserError: dimensions differ, or a fit has fewer than two rows.
    """
    return gaussian_distance(first.mean, first.covariance, second.mean, second.covariance)


def gaussian_distance(
    mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray
) -> float:
    """|m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)).

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
      UserError: dimensions differ.
    """
    if mean1.shape != mean2.shape:
        raise UserError(f"features of {len(mean1)} and {len(mean2)} numbers do not compare")
    overlap = np.sum(scipy.linalg.svdvals(_root(covariance1) @ _root(covariance2)))
    distance = np.sum((mean1 - mean2) ** 2) + np.trace(covariance1) + np.trace(covariance2) - 2.0 * overlap
    return max(float(distance), 0.0)


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root; eigenvalues within rounding error of zero are zero."""
    values, vectors = scipy.linalg.eigh(covariance)
    negligible = len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
    roots = np.sqrt(np.where(values > negligible, values, 0.0))
    return (vectors * roots) @ vectors.T
