import sys

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist, jensenshannon

from eval.metrics import ArgumentError, bin_counts, different_bins, fit_bins, js_divergence, ndb, score_bins

CENTERS = np.array([[0, 0], [10, 0], [0, 10]], np.float32)


def test_samples_fall_into_the_nearest_bin():
    samples = np.array([[1, 1], [9, 1], [6, 0], [1, 20], [-5, -5], [4, 0]], np.float32)
    np.testing.assert_array_equal(bin_counts(CENTERS, samples), [3, 2, 1])
    np.testing.assert_array_equal(bin_counts(CENTERS, [[5, 5]]), [1, 0, 0])  # as near to all


def test_assignment_equals_all_distances():
    generator = np.random.default_rng(0)
    centers, samples = generator.normal(size=[7, 30]) + 50, generator.normal(size=[2500, 5, 6]) + 50
    nearest = cdist(samples.reshape(2500, 30).astype(np.float32), centers.astype(np.float32)).argmin(axis=1)
    np.testing.assert_array_equal(bin_counts(centers.astype(np.float32), samples), np.bincount(nearest, minlength=7))


def test_hand_made_bins():
    # z of 60 of 100 against 45 of 100: 0.15 / sqrt(0.525 * 0.475 * 0.02) = 2.124 > 1.960; of 58: 1.839.
    np.testing.assert_array_equal(different_bins([60, 40], [45, 55]), [True, True])
    np.testing.assert_array_equal(different_bins([58, 42], [45, 55]), [False, False])
    np.testing.assert_array_equal(different_bins([58, 42], [45, 55], 0.07), [True, True])
    # Sets of unlike sizes, and bins that agree beside bins that do not.
    np.testing.assert_array_equal(different_bins([500, 300, 200, 0], [50, 10, 20, 20]), [False, True, False, True])


def test_the_difference_is_not_taken_from_the_pooled_share():
    # With (p1 - p) / error, half of the difference for equal sets, z would be 1.06 only.
    assert different_bins([60, 40], [45, 55]).all()


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_chi_square_test(seed):
    # For two proportions, z^2 is Pearson's statistic of the 2 x 2 table.
    generator = np.random.default_rng(seed)
    train, test = generator.integers(1, 60, [2, 50])
    p_values = [
        stats.chi2_contingency([[a, train.sum() - a], [b, test.sum() - b]], correction=False).pvalue
        for a, b in zip(train, test, strict=True)
    ]
    for significance in (0.01, 0.05, 0.5):
        np.testing.assert_array_equal(different_bins(train, test, significance), np.array(p_values) < significance)


def test_level_is_the_share_of_false_alarms():
    generator = np.random.default_rng(1)
    shares = np.full(50, 1 / 50)
    found = [score_bins(*generator.multinomial(5000, shares, 2)).ndb_over_k for _ in range(200)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.01)


def test_empty_and_full_bins_are_not_different():
    np.testing.assert_array_equal(different_bins([7, 0, 3], [70, 0, 30]), [False, False, False])
    np.testing.assert_array_equal(different_bins([7, 0], [9, 0]), [False, False])


def test_js_divergence():
    assert js_divergence([3, 5, 0], [30, 50, 0]) == pytest.approx(0, abs=1e-15)
    assert js_divergence([3, 5, 0, 0], [0, 0, 1, 9]) == pytest.approx(np.log(2), rel=1e-14)
    # p = (1, 0), q = (1/2, 1/2): half of log(4/3), plus half of (log(2/3) + log 2) / 2.
    expected = np.log(4 / 3) / 2 + (np.log(2 / 3) + np.log(2)) / 4
    assert js_divergence([8, 0], [5, 5]) == pytest.approx(expected, rel=1e-14)
    train, test = np.random.default_rng(2).integers(0, 9, [2, 30])
    expected = jensenshannon(train / train.sum(), test / test.sum()) ** 2
    assert js_divergence(train, test) == pytest.approx(expected, rel=1e-12)
    assert js_divergence(test, train) == pytest.approx(expected, rel=1e-12)


def blobs(generator, counts):
    places = np.repeat(np.arange(len(counts)), counts)
    return np.eye(8)[places] * 20 + generator.normal(size=[len(places), 8])


def test_clusters_are_found_and_a_lost_mode_shows():
    generator = np.random.default_rng(3)
    train = blobs(generator, [100, 200, 300, 400])
    bins = fit_bins(train, k=4)
    np.testing.assert_array_equal(np.sort(bins.counts), [100, 200, 300, 400])
    order = np.argsort(bins.counts)
    np.testing.assert_allclose(bins.centers[order], np.eye(8)[:4] * 20, atol=0.5)

    same = ndb(train, blobs(generator, [50, 100, 150, 200]), 4)
    assert (same.ndb, same.ndb_over_k) == (0, 0) and same.js_divergence == pytest.approx(0, abs=1e-15)
    lost = ndb(train, blobs(generator, [50, 100, 350, 0]), 4)
    assert (lost.ndb, lost.ndb_over_k) == (2, 0.5)
    np.testing.assert_array_equal(lost.different[order], [False, False, True, True])
    expected = jensenshannon([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.7, 0]) ** 2
    assert lost.js_divergence == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("bins", "seed", "significance"), [(5, 0, 0.05), (5, 1, 0.05), (9, 0, 0.5)])
def test_one_call_is_the_three_steps(bins, seed, significance):
    train, generated = np.random.default_rng(6).normal(size=[2, 120, 2, 2])
    fitted = fit_bins(train, bins, seed)
    expected = score_bins(fitted.counts, bin_counts(fitted.centers, generated[:70]), significance)
    ours = ndb(train, generated[:70], bins, seed, significance)
    np.testing.assert_array_equal(ours.different, expected.different)
    assert (ours.ndb, ours.js_divergence) == (expected.ndb, expected.js_divergence)
    assert ours.ndb_over_k == ours.ndb / bins


def test_clusters_are_a_function_of_the_seed():
    samples = np.random.default_rng(4).normal(size=[300, 3])
    first, second, third = (fit_bins(samples, 20, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.centers, second.centers)
    assert np.abs(first.centers - third.centers).max() > 0.1
    assert first.counts.sum() == 300 and len(first.counts) == 20


def test_fifty_bins_by_default_and_the_samples_stay_as_they_are():
    samples = np.random.default_rng(5).normal(size=[200, 3]).astype(np.float32) + 9
    before = samples.copy()
    assert len(fit_bins(samples, n_init=1).counts) == 50
    np.testing.assert_array_equal(samples, before)


def test_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ImportError, match=r"^scikit-learn is missing: pip install 'adversarial-audio-tf\[eval\]'$"):
        fit_bins(CENTERS, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_bins(CENTERS, 4), "3 training samples do not fill 4 bins"),
        (lambda: fit_bins(CENTERS, 0), "3 training samples do not fill 0 bins"),
        (lambda: fit_bins(CENTERS + np.inf, 2), "samples hold numbers that are not finite"),
        (lambda: ndb(CENTERS, np.zeros([0, 2]), 2), r"samples have shape \[0, 2\]"),
        (lambda: ndb(CENTERS, np.zeros([4, 3]), 2), "samples of 3 numbers do not fit bins of 2"),
        (lambda: ndb(CENTERS, CENTERS), "3 training samples do not fill 50 bins"),
        (lambda: different_bins([1, 2], [1, 2, 3]), r"bins of shapes \[2\] and \[3\] do not compare"),
        (lambda: different_bins([1, 2], [0, 0]), "bins of 3 and 0 samples do not compare"),
        (lambda: different_bins([-1, 2], [1, 0]), "bins hold a count of -1, must be whole numbers from 0 on"),
        (lambda: different_bins([1, 2], [1, 0], 1.0), "significance=1.0: must be between 0 and 1"),
    ],
)
def test_what_cannot_be_used_is_named(call, message):
    with pytest.raises(ArgumentError, match=f"^{message}"):
        call()
