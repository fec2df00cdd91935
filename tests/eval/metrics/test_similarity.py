import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from eval.metrics import ArgumentError, nearest_distances, similarity
from tests.originals import EVAL

module = sys.modules["eval.metrics.similarity"]  # whose name in the package is the function's
GOLDEN = np.load(EVAL / "similarity.npz")
FEATURES = GOLDEN["features"]
TRAIN, QUERY = FEATURES[:4], FEATURES[4:]
CASES = {
    "query_vs_train": (TRAIN, QUERY, False),
    "train_vs_train": (TRAIN, TRAIN, False),
    "train_vs_train_exclude_self": (TRAIN, TRAIN, True),
    "all_exclude_self": (FEATURES, FEATURES, True),
    "query_vs_train_exclude_self_flag": (TRAIN, QUERY, True),
    "duplicates_exclude_self": (FEATURES[[0, 1, 2, 3, 0]], FEATURES[[0, 1, 2, 3, 0]], True),
}


def test_there_are_no_other_cases():
    assert {name.removeprefix("nn/") for name in GOLDEN if name.startswith("nn/")} == set(CASES)


@pytest.mark.parametrize("block_rows", [2, 1024])
@pytest.mark.parametrize("case", CASES)
def test_distances_of_the_original(case, block_rows):
    np.testing.assert_allclose(similarity(*CASES[case], block_rows), GOLDEN[f"nn/{case}"], rtol=1e-6, atol=1e-9)


def log_mel_like(generator, n, d=600):
    """Rows far from the origin and near each other, as log-mel features are: products cancel."""
    return (generator.normal(size=d) * 5 - 8 + generator.normal(size=[n, d]) * 2).astype(np.float32)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("block_rows", [7, 64, 4096])
def test_blocks_equal_all_distances_at_once(k, block_rows):
    generator = np.random.default_rng(k)
    train, query = log_mel_like(generator, 150), log_mel_like(generator, 40)
    query[3] = train[17]
    train[60] = train[17]
    expected = np.sort(cdist(query.astype(np.float64), train.astype(np.float64)), axis=1)[:, :k]
    actual = nearest_distances(train, query, k, block_rows)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=0)
    assert actual[3, 0] == 0


def test_equals_the_ball_tree_that_the_original_asks():
    generator = np.random.default_rng(8)
    train, query = log_mel_like(generator, 200), log_mel_like(generator, 30)
    tree = NearestNeighbors(n_neighbors=2, algorithm="ball_tree").fit(train.astype(np.float64))
    np.testing.assert_allclose(nearest_distances(train, query, 2), tree.kneighbors(query)[0], rtol=1e-10)


def test_neighbours_closer_than_float32_can_tell(monkeypatch):
    generator = np.random.default_rng(3)
    train = np.repeat(log_mel_like(generator, 4), 100, axis=0)
    train += (generator.normal(size=train.shape) * 1e-5).astype(np.float32)
    query = train[::37] + np.float32(1e-5)
    expected = np.sort(cdist(query.astype(np.float64), train.astype(np.float64)), axis=1)[:, :2]
    assert 0 < expected.max() < 1e-3  # against rows of length 100
    used = []
    candidates = module._candidates

    def recorded(*args):
        used.append(args[-1])
        return candidates(*args)

    monkeypatch.setattr(module, "_candidates", recorded)
    np.testing.assert_allclose(nearest_distances(train, query, 2), expected, rtol=1e-12)
    assert np.float64 in used
    measured = np.isfinite(candidates(query, train, train.mean(0), np.full(len(query), np.inf), 2, np.float64))
    assert measured.sum() < 16 * len(query)  # so that few pairs had to be measured again


def test_one_clip_repeated_is_not_measured_against_all_others(monkeypatch):
    rows = np.tile(log_mel_like(np.random.default_rng(0), 1), [500, 1])
    measured = []
    einsum = np.einsum

    def counted(*args, **kwargs):
        measured.append(len(args[1]))
        return einsum(*args, **kwargs)

    monkeypatch.setattr(np, "einsum", counted)
    assert similarity(rows, rows, True, 100) == (0, 0)
    assert sum(measured) < 500 * 100


def test_overflow_of_the_product_is_measured_again():
    train = np.array([[3e19, 0], [0, 3e19], [-3e19, 1e19], [0, 0]], np.float32)
    query = train * np.float32(1.25)
    expected = cdist(query.astype(np.float64), train.astype(np.float64)).min(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_allclose(nearest_distances(train, query)[:, 0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("train", "query", "exclude_self", "message"),
    [
        (TRAIN, QUERY[:0], False, "^0 clips against 4: there must be at least 1 and 1$"),
        (TRAIN[:1], TRAIN[:1], True, "^1 clips against 1: there must be at least 1 and 2$"),
        (TRAIN, QUERY[:, :64], False, "^features of 8192 and 16384 numbers do not compare$"),
        (TRAIN, QUERY * np.nan, False, "^features of the clips from number 0 on hold numbers that are not finite$"),
    ],
)
def test_sets_that_do_not_compare_are_named(train, query, exclude_self, message):
    with pytest.raises(ArgumentError, match=message):
        similarity(train, query, exclude_self)


@pytest.mark.parametrize("block_rows", [1, 3, 7, 8, 100])
def test_how_far_it_is_rises_from_nothing_to_all_rows_between_blocks_of_either_set(block_rows):
    rng, told = np.random.default_rng(0), list[int]()
    train, query = rng.normal(size=(7, 3)), rng.normal(size=(8, 3))
    found = nearest_distances(train, query, 2, block_rows, told.append)
    np.testing.assert_array_equal(found, nearest_distances(train, query, 2))
    assert told[0] == 0 and told[-1] == 8 and told == sorted(told)
    assert len(told) == 1 + -(-8 // block_rows) * -(-7 // block_rows)
