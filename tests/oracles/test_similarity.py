"""Nearest neighbours beside a search through all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from eval.gathering.stored_features import StoredFeatures
from eval.metrics import nearest_distances, similarity
from tests.oracles import profile

BLOCK = 4


def distances(train, query, k):
    """From each row of `query` to its k nearest of `train`, by Python's own distance of two points."""
    train, query = (np.asarray(x, np.float64).tolist() for x in (train, query))
    return [sorted(math.dist(row, other) for other in train)[:k] for row in query]


@profile.examples(400)
@given(st.data(), st.integers(1, 5), st.integers(1, 3))
def test_distances(data, k, d):
    n, m = (data.draw(profile.sizes(BLOCK, k)) for _ in range(2))
    train = data.draw(profile.rows(max(n, k), d))
    query = train if data.draw(st.booleans()) else data.draw(profile.rows(m, d))
    np.testing.assert_allclose(nearest_distances(train, query, k, BLOCK), distances(train, query, k), rtol=1e-12)


@profile.examples(60)
@given(st.integers(0, 2**32), profile.sizes(BLOCK, 2), st.sampled_from([np.float32, np.float64]))
def test_random_rows(seed, n, kind):
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=[n + 1, 40]) * 10.0 ** rng.uniform(-30, 30) + rng.normal(size=40)).astype(kind)
    expected = np.array(distances(rows, rows, 2))
    np.testing.assert_allclose(nearest_distances(rows, rows, 2, BLOCK), expected, rtol=1e-12)
    ours = similarity(rows, rows, exclude_self=True, block_rows=BLOCK)
    np.testing.assert_allclose(ours, (expected[:, 1].mean(), expected[:, 1].std()), rtol=1e-11, atol=1e-12 * ours.mean)


@pytest.mark.parametrize("n", [2, 3, 1022, 1023, 1024, 1025, 1026, 2050])
def test_the_block_that_the_command_uses(n):
    rows = np.random.default_rng(n).normal(size=[n, 8]).astype(np.float32)
    found = cdist(rows, rows)
    np.fill_diagonal(found, np.inf)
    nearest = found.min(axis=1)
    np.testing.assert_allclose(similarity(rows, rows, True), (nearest.mean(), nearest.std()), rtol=1e-12, atol=1e-12)


@profile.examples(60)
@given(st.integers(0, 7), st.slices(9))
def test_slices_of_a_file(tmp_path_factory, n, chosen):
    rows = np.arange(n * 3, dtype=np.float32).reshape(n, 3)
    path = tmp_path_factory.getbasetemp() / "rows.f32"
    rows.tofile(path)
    np.testing.assert_array_equal(StoredFeatures(str(path), 3)[chosen], rows[chosen])
