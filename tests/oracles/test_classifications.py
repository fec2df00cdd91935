"""Figures from classes and their probabilities, beside loops over the clips."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import scoring
from eval.metrics import ArgumentError, confusion_matrix, inception_score, pitch_accuracy, pitch_entropy
from tests.oracles import profile

K = 3


@profile.examples(300)
@given(st.data(), st.integers(1, 200), st.sampled_from(profile.INTEGERS), st.sampled_from(profile.INTEGERS))
def test_confusion(data, num_classes, kind, other):
    pairs: list[list[int]] = []
    arrays: list[np.ndarray] = []
    for each in (kind, other):
        limits = np.iinfo(each)
        numbers = st.integers(max(limits.min, -300), min(limits.max, 300))
        if data.draw(st.integers(0, 3)):
            numbers = st.integers(0, min(num_classes - 1, limits.max))
        pairs.append(data.draw(st.lists(numbers, min_size=4, max_size=4)))
        arrays.append(np.array(pairs[-1], each))
    if all(0 <= number < num_classes for part in pairs for number in part):
        expected = np.zeros([num_classes, num_classes], int)
        for truth, answer in zip(*pairs, strict=True):
            expected[truth, answer] += 1
        np.testing.assert_array_equal(confusion_matrix(arrays[0], arrays[1], num_classes), expected)
    else:
        with pytest.raises(ArgumentError, match="must be from 0 to"):
            confusion_matrix(arrays[0], arrays[1], num_classes)


@st.composite
def distributions(draw, n):
    """Probabilities [n, classes], some of them 0 or 1, as float32 or float64."""
    classes = draw(st.integers(1, 4))
    weights = draw(st.lists(st.integers(0, 3), min_size=n * classes, max_size=n * classes))
    table = np.array(weights, np.float64).reshape(n, classes) + 1e-9 * np.eye(1, classes)
    return (table / table.sum(axis=1, keepdims=True)).astype(draw(st.sampled_from([np.float32, np.float64])))


def score_of(group):
    """exp of the mean divergence of the rows from their mean, in loops."""
    group = group.astype(np.float64).tolist()
    mean = [sum(column) / len(group) for column in zip(*group, strict=True)]
    divergences = [
        sum(p * math.log(p / q) for p, q in zip(row, mean, strict=True) if p > 0 and q > 0) for row in group
    ]
    return math.exp(sum(divergences) / len(group))


@profile.examples(200)
@given(st.data(), profile.sizes(K, K))
def test_inception_scores_of_every_number_of_clips(data, n):
    probabilities = data.draw(distributions(n))
    groups = K if n >= K else 1
    size = n // groups
    scores = [score_of(probabilities[i * size : (i + 1) * size]) for i in range(groups)]
    ours = scoring.inception(probabilities, K)
    assert (ours.n, ours.groups) == (size * groups, groups)
    assert ours.value == pytest.approx(np.mean(scores), rel=1e-5)
    assert ours.spread is None if groups == 1 else ours.spread == pytest.approx(np.std(scores), abs=1e-5)
    assert bool(ours.note) == (n < K or n % K > 0)
    direct = inception_score(probabilities[: size * groups], groups)
    np.testing.assert_allclose(direct.group_scores, scores, rtol=1e-5)
    assert direct.labels.tolist() == [row.index(max(row)) for row in probabilities[: size * groups].tolist()]


@profile.examples(200)
@given(st.data(), st.integers(1, 9), st.sampled_from(profile.INTEGERS), st.sampled_from([0, 24, 120]))
def test_pitches(data, n, kind, lowest):
    probabilities = data.draw(distributions(n))
    classes = probabilities.shape[1]
    pitches = data.draw(st.lists(st.integers(lowest, min(lowest + classes - 1, 127)), min_size=n, max_size=n))
    right = [lowest + row.index(max(row)) == pitch for row, pitch in zip(probabilities.tolist(), pitches, strict=True)]
    assert pitch_accuracy(probabilities, np.array(pitches, kind), lowest) == pytest.approx(sum(right) / n, rel=1e-12)
    entropies = [-sum(p * math.log(p) for p in row if p > 0) for row in probabilities.astype(float).tolist()]
    assert pitch_entropy(probabilities) == pytest.approx(sum(entropies) / n, rel=1e-9, abs=1e-12)
