"""Bins beside exact fractions, and the tests of them beside plain loops."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eval.metrics import bin_counts, different_bins, fit_bins, js_divergence
from tests.oracles import profile

BLOCK = 4


def nearest(centers, row):
    """The first of the nearest centres, without rounding."""

    def square(center):
        return sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(row.tolist(), center.tolist(), strict=True))

    distances = [square(center) for center in centers]
    return distances.index(min(distances))


@profile.examples(300)
@given(st.data(), st.integers(1, 6), st.integers(1, 3), profile.sizes(BLOCK))
def test_counts_in_batches_of_every_size(data, k, d, n):
    centers, samples = data.draw(profile.rows(k, d)), data.draw(profile.rows(n, d))
    expected = np.bincount([nearest(centers, row) for row in samples], minlength=k)
    size = data.draw(st.integers(1, n))
    batches = [bin_counts(centers, samples[start : start + size]) for start in range(0, n, size)]
    np.testing.assert_array_equal(bin_counts(centers, samples), expected)
    np.testing.assert_array_equal(np.sum(batches, axis=0), expected)


@profile.examples(20)
@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([np.float32, np.float64]))
def test_one_of_the_batches_of_a_set_counts_as_the_set_does(seed, distinct, kind):
    rng = np.random.default_rng(seed)
    points = (rng.normal(size=[distinct, 1024]) * 3 - 8).astype(kind)
    centers, samples = points[rng.integers(0, distinct, 12)], points[rng.integers(0, distinct, 40)]
    whole = bin_counts(centers, samples)
    for size in (1, 7, 32):
        parts = [bin_counts(centers, samples[start : start + size]) for start in range(0, 40, size)]
        np.testing.assert_array_equal(np.sum(parts, axis=0), whole)
    first = [min(i for i in range(12) if np.array_equal(centers[i], center)) for center in centers]
    assert not whole[[i for i in range(12) if first[i] != i]].any()


@pytest.mark.parametrize(
    ("kind", "scale", "offset"),
    [(np.float32, 2.0**-76, 0), (np.float32, 2.0**120, 0), (np.float64, 2.0**-600, 0), (np.float64, 2.0**900, 0),
     (np.float64, 1, 1e8), (np.float64, 1e39, 0)],
)  # fmt: skip
def test_clusters_are_found_at_every_scale(kind, scale, offset):
    groups = np.repeat(np.eye(5) * 20, 8, axis=0) + np.random.default_rng(0).normal(size=[40, 5])
    rows = (groups * scale + offset).astype(kind)
    bins = fit_bins(rows, 5, n_init=3)
    order = np.argsort(-np.argmax(bins.centers, axis=1))[::-1]
    means = groups.reshape(5, 8, 5).mean(axis=1)
    assert bins.counts.tolist() == [8] * 5 and bins.centers.dtype == kind
    np.testing.assert_allclose((bins.centers[order].astype(float) - offset) / scale, means, atol=1e-5)


counts = st.lists(st.integers(0, 127), min_size=1, max_size=8)


@profile.examples(300)
@given(counts, counts, st.sampled_from(profile.INTEGERS), st.sampled_from(profile.INTEGERS), st.floats(0.001, 0.999))
def test_the_test_of_every_bin(first, second, kind, other, significance):
    size = min(len(first), len(second))
    first, second = first[:size], second[:size]
    n, m = sum(first), sum(second)
    assume(n and m)
    p_values = []
    for a, b in zip(first, second, strict=True):
        p = Fraction(a + b, n + m)
        error = p * (1 - p) * (Fraction(1, n) + Fraction(1, m))
        z = abs(float(Fraction(a, n) - Fraction(b, m))) / math.sqrt(error) if error else 0.0
        p_values.append(math.erfc(z / math.sqrt(2)))
    assume(all(abs(p - significance) > 1e-9 for p in p_values))
    train, test = np.array(first, kind), np.array(second, other)
    assert different_bins(train, test, significance).tolist() == [p < significance for p in p_values]
    shares = [(a / n, b / m) for a, b in zip(first, second, strict=True)]
    divergence = sum(p * math.log(2 * p / (a + b)) / 2 for a, b in shares for p in (a, b) if p)
    assert math.isclose(js_divergence(train, test), divergence, rel_tol=1e-9, abs_tol=1e-12)
