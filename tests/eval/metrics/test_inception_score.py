import numpy as np
import pytest

from eval.metrics import ArgumentError, inception_score
from tests.originals import EVAL

GOLDEN = np.load(EVAL / "inception_score.npz")


@pytest.mark.parametrize("k", [5, 10])
def test_scores_of_the_original(k):
    score = inception_score(GOLDEN["scores"], k)
    np.testing.assert_allclose(score.group_scores, GOLDEN[f"k{k}/split_scores"], rtol=1e-6)
    np.testing.assert_allclose(score.mean, GOLDEN[f"k{k}/mean"], rtol=1e-6)
    # The spread is a small difference of float32 numbers.
    np.testing.assert_allclose(score.std, GOLDEN[f"k{k}/std"], rtol=1e-5)
    np.testing.assert_array_equal(score.labels, GOLDEN["labels"])


def test_float64_gives_nearly_the_same():
    exact = inception_score(GOLDEN["scores"].astype(np.float64), 10)
    np.testing.assert_allclose(inception_score(GOLDEN["scores"], 10).group_scores, exact.group_scores, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
def test_certain_and_balanced_scores_the_number_of_classes(dtype):
    # Every probability is 0 or 1, where the original gives NaN.
    score = inception_score(np.tile(np.eye(10, dtype=dtype), [6, 1]), 3)
    np.testing.assert_allclose(score.group_scores, 10, rtol=1e-6)
    np.testing.assert_allclose([score.mean, score.std], [10, 0], atol=1e-5)


def test_one_class_or_no_idea_scores_one():
    for row in (np.eye(10)[3], np.full(10, 0.1)):
        assert inception_score(np.tile(row, [20, 1]), 2).mean == pytest.approx(1, abs=1e-12)


def test_known_distribution():
    p = np.array([[0.9, 0.1], [0.1, 0.9]])
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert inception_score(p, 1).mean == pytest.approx(2 * np.exp(-entropy), rel=1e-12)


def test_probabilities_too_small_for_a_mean():
    tiny = np.float32(1e-45)
    p = np.tile(np.array([[1, 0]], np.float32), [5000, 1])
    p[7, 1] = tiny
    assert inception_score(p, 1).mean == pytest.approx(1, abs=1e-6)


def test_spread_is_the_population_one():
    groups = [np.eye(2), np.eye(2)[[0, 0]], np.eye(2)]
    score = inception_score(np.concatenate(groups), 3)
    np.testing.assert_allclose(score.group_scores, [2, 1, 2])
    assert score.std == pytest.approx(np.sqrt(2 / 9))


@pytest.mark.parametrize(
    ("probabilities", "k", "message"),
    [
        (np.eye(10), 3, "10 samples do not make 3 groups of equal size"),
        (np.eye(10), 0, "10 samples do not make 0 groups"),
        (np.ones(10), 1, r"probabilities have shape \[10\], must have \[samples, classes\]"),
        (np.zeros([0, 10]), 1, r"probabilities have shape \[0, 10\]"),
        (np.array([[0.5, 0.5], [2.0, 3.0]]), 1, "1 of 2 rows, the first of them row 1, are not numbers"),
        (np.array([[np.nan, 1.0], [1.5, -0.5]]), 1, "2 of 2 rows, the first of them row 0"),
    ],
)
def test_impossible_values_are_named(probabilities, k, message):
    with pytest.raises(ArgumentError, match=message):
        inception_score(probabilities, k)
