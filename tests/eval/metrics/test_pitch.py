import numpy as np
import pytest

from eval.metrics import ArgumentError, pitch_accuracy, pitch_entropy


def test_accuracy_is_the_share_of_right_pitches():
    probabilities = np.full([4, 61], 0.2 / 60)
    probabilities[range(4), [0, 36, 60, 7]] = 0.8
    assert pitch_accuracy(probabilities, np.array([24, 60, 84, 31])) == 1
    assert pitch_accuracy(probabilities, np.array([24, 60, 84, 32])) == 0.75
    assert pitch_accuracy(probabilities, np.array([36, 48, 24, 84])) == 0  # octaves off are wrong
    assert pitch_accuracy(probabilities, np.array([0, 36, 60, 8]), lowest_pitch=0) == 0.75


def test_equally_likely_pitches_count_as_the_lowest():
    assert pitch_accuracy(np.full([2, 61], 1 / 61), np.array([24, 25])) == 0.5


def test_entropy_of_known_distributions():
    assert pitch_entropy(np.eye(61, dtype=np.float32)) == 0  # sure of every note, whatever their mixture
    assert pitch_entropy(np.full([3, 61], 1 / 61)) == pytest.approx(np.log(61), rel=1e-12)
    half = np.zeros([1, 61])
    half[0, [3, 15]] = 0.5
    assert pitch_entropy(half) == pytest.approx(np.log(2), rel=1e-14)
    both = np.concatenate([half, np.eye(61)[:3]])
    assert pitch_entropy(both) == pytest.approx(np.log(2) / 4, rel=1e-14)


def test_entropy_of_random_distributions_as_a_loop_has_it():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(61, 0.1), 50).astype(np.float32)
    expected = np.mean([sum(-float(p) * np.log(float(p)) for p in row if p > 0) for row in probabilities])
    assert pitch_entropy(probabilities) == pytest.approx(expected, rel=1e-12)
    assert pitch_entropy(probabilities[:, ::-1]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("pitches", "message"),
    [
        ([24, 85], "pitch 85: must be from 24 to 84"),
        ([23, 84], "pitch 23: must be from 24 to 84"),
        ([24], r"pitches are int64 \[1\], must be integers \[2\], one a note"),
        ([24.0, 25.0], r"pitches are float64 \[2\], must be integers"),
    ],
)
def test_impossible_pitches_are_named(pitches, message):
    with pytest.raises(ArgumentError, match=f"^{message}"):
        pitch_accuracy(np.eye(61)[:2], np.array(pitches))


@pytest.mark.parametrize("rows", [np.full([2, 61], 0.5), np.full([2, 61], np.nan), np.zeros([0, 61]), np.ones(61)])
def test_no_distributions(rows):
    with pytest.raises(ArgumentError, match="^probabilities"):
        pitch_entropy(rows)
    with pytest.raises(ArgumentError, match="^probabilities"):
        pitch_accuracy(rows, np.zeros(len(rows), int))
