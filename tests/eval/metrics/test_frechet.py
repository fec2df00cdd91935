import numpy as np
import pytest
import scipy.linalg

from eval.metrics import ArgumentError, GaussianFit, frechet_distance, gaussian_distance


def fit(batches):
    """The Gaussian of rows that come in batches."""
    batches = list(batches)
    gaussian = GaussianFit(batches[0].shape[1])
    for batch in batches:
        gaussian.update(batch)
    return gaussian


def covariance(generator, d, rank=None):
    factor = generator.normal(size=[d, rank or d])
    return factor @ factor.T


@pytest.mark.parametrize("sizes", [[200], [1, 99, 100], [37, 0, 63, 100], [1] * 200])
def test_batches_give_the_moments_of_all_rows(sizes):
    # Far from zero, where sums of squares would have lost ten digits.
    rows = np.random.default_rng(0).normal(size=[200, 5]) * [1, 2, 0.1, 1, 3] + 1e5
    gaussian = fit(np.split(rows, np.cumsum(sizes)[:-1]))
    assert gaussian.count == 200
    np.testing.assert_allclose(gaussian.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(gaussian.covariance, np.cov(rows.T), rtol=1e-9, atol=1e-9)


def test_one_dimension_has_a_closed_form():
    # (m1 - m2)^2 + (s1 - s2)^2
    distance = gaussian_distance(np.array([1.0]), np.array([[9.0]]), np.array([-3.0]), np.array([[4.0]]))
    assert distance == pytest.approx(16 + 1, rel=1e-14)


def test_commuting_covariances_have_a_closed_form():
    generator = np.random.default_rng(1)
    axes = scipy.linalg.qr(generator.normal(size=[12, 12]))[0]
    a, b = generator.uniform(0.1, 9, size=[2, 12])
    a[3] = b[5] = 0
    means = generator.normal(size=[2, 12])
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)
    actual = gaussian_distance(means[0], (axes * a) @ axes.T, means[1], (axes * b) @ axes.T)
    assert actual == pytest.approx(expected, rel=1e-12)


def test_general_covariances_of_two_dimensions_have_a_closed_form():
    # tr((AB)^(1/2))^2 = tr(AB) + 2 sqrt(det(AB)) for 2 x 2 matrices.
    generator = np.random.default_rng(2)
    for _ in range(20):
        a, b = covariance(generator, 2), covariance(generator, 2)
        overlap = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a) * np.linalg.det(b)))
        expected = np.trace(a) + np.trace(b) - 2 * overlap
        assert gaussian_distance(np.zeros(2), a, np.zeros(2), b) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("d", [3, 40, 120])
def test_equals_scipys_matrix_root(d):
    generator = np.random.default_rng(d)
    a, b = covariance(generator, d), covariance(generator, d)
    means = generator.normal(size=[2, d])
    root = scipy.linalg.sqrtm(a @ b)
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(a + b - 2 * np.real(root))
    assert gaussian_distance(means[0], a, means[1], b) == pytest.approx(expected, rel=1e-8)


def test_map_that_carries_one_into_the_other():
    # If T is symmetric and positive, x -> T x is the optimal transport, and the distance E|x - T x|^2.
    generator = np.random.default_rng(5)
    a, transport = covariance(generator, 15), covariance(generator, 15)
    moved = np.eye(15) - transport
    expected = np.trace(moved @ a @ moved)
    actual = gaussian_distance(np.zeros(15), a, np.zeros(15), transport @ a @ transport)
    assert actual == pytest.approx(expected, rel=1e-9)


def test_fewer_samples_than_features():
    generator = np.random.default_rng(6)
    rows = generator.normal(size=[10, 50]).astype(np.float32)
    same, moved = fit([rows]), fit([rows + np.float32(0.5)])
    scale = np.trace(same.covariance)
    assert 0 <= frechet_distance(same, same) < 1e-12 * scale
    assert frechet_distance(same, moved) == pytest.approx(50 * 0.25, rel=1e-5)
    # Sets in directions that are orthogonal do not overlap at all.
    a, b = np.zeros([2, 50, 50])
    a[:25, :25], b[25:, 25:] = covariance(generator, 25, 3), covariance(generator, 25, 4)
    assert gaussian_distance(np.zeros(50), a, np.zeros(50), b) == pytest.approx(np.trace(a) + np.trace(b), rel=1e-12)


def test_symmetric_and_scales_as_a_square():
    generator = np.random.default_rng(7)
    first, second = fit([generator.normal(size=[30, 8])]), fit([generator.normal(size=[60, 8]) * 2 + 1])
    distance = frechet_distance(first, second)
    assert frechet_distance(second, first) == pytest.approx(distance, rel=1e-12)
    scaled = gaussian_distance(3 * first.mean, 9 * first.covariance, 3 * second.mean, 9 * second.covariance)
    assert scaled == pytest.approx(9 * distance, rel=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16])
def test_arrays_give_what_their_fits_give(kind):
    generator = np.random.default_rng(8)
    first, second = ((generator.normal(size=[n, 2, 3]) * 9).astype(kind) for n in (40, 25))
    fits = [fit(np.array_split(x.reshape(len(x), 6), 3)) for x in (first, second)]
    distance = frechet_distance(first, second)
    assert distance == pytest.approx(frechet_distance(*fits), rel=1e-9)
    assert frechet_distance(fits[0], second) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(first.tolist(), second.tolist()) == pytest.approx(distance, rel=1e-9)


def test_constant_features():
    constant = fit([np.ones([5, 3])])
    assert frechet_distance(constant, constant) == 0
    assert frechet_distance(constant, fit([np.zeros([5, 3])])) == 3


def test_what_has_no_distance_is_named():
    with pytest.raises(ArgumentError, match=r"^features have shape \[0, 3\], must have \[samples, features\]$"):
        frechet_distance(np.ones([0, 3]), np.ones([2, 3]))
    with pytest.raises(ArgumentError, match="^1 samples have no covariance; give at least 2$"):
        frechet_distance(fit([np.ones([1, 3])]), fit([np.ones([2, 3])]))
    with pytest.raises(ArgumentError, match="^features of 3 and 4 numbers do not compare$"):
        frechet_distance(fit([np.ones([2, 3])]), fit([np.ones([2, 4])]))
    with pytest.raises(ArgumentError, match=r"^features have shape \[2, 4\], must have \[samples, 3\]$"):
        GaussianFit(3).update(np.ones([2, 4]))
    with pytest.raises(ArgumentError, match="^features hold numbers that are not finite$"):
        fit([np.full([2, 3], np.nan)])
