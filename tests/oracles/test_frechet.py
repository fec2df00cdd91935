"""Frechet distances of batches of every size beside NumPy's covariance and the eigenvalues of the product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics import ArgumentError, GaussianFit, frechet_distance
from tests.oracles import profile

BLOCK = 4


def distance(first, second):
    """By the formula, from all rows at once."""
    means, covariances = zip(*((x.mean(axis=0), np.atleast_2d(np.cov(x.T))) for x in (first, second)), strict=True)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(covariances[0] @ covariances[1]).real, 0))
    return np.sum((means[0] - means[1]) ** 2) + np.trace(covariances[0] + covariances[1]) - 2 * np.sum(roots)


@profile.examples(150)
@given(
    st.integers(0, 2**32), profile.sizes(BLOCK, 2), profile.sizes(BLOCK, 2), st.integers(1, 5), st.integers(1, 9),
    st.sampled_from([(np.float32, 0), (np.float32, 100), (np.float64, 1e6), (np.int16, 100), (np.uint8, 100)]),
)  # fmt: skip
def test_distances(seed, n, m, d, size, kind):
    rng = np.random.default_rng(seed)
    first, second = ((rng.normal(size=[count, d]) * 5 + kind[1]).astype(kind[0]) for count in (n, m))
    fits = [GaussianFit(d), GaussianFit(d)]
    for fit, x in zip(fits, (first, second), strict=True):
        for start in range(0, len(x), size):
            fit.update(x[start : start + size])
    if min(n, m) < 2:
        with pytest.raises(ArgumentError, match="^1 samples have no covariance"):
            frechet_distance(*fits)
        with pytest.raises(ArgumentError, match="^1 samples have no covariance"):
            frechet_distance(first, second)
        return
    exact = [x.astype(np.float64) - kind[1] for x in (first, second)]
    scale = 1 + sum(np.sum(x**2) for x in exact)
    assert frechet_distance(*fits) == pytest.approx(distance(*exact), abs=1e-6 * scale, rel=1e-6)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(*fits), abs=1e-9 * scale, rel=1e-9)
    np.testing.assert_allclose(fits[0].mean - kind[1], exact[0].mean(axis=0), atol=1e-9 * (1 + abs(kind[1])))
