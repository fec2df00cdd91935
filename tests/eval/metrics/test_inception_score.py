import json
import random

import numpy as np
import pytest
import soundfile

from eval import features
from eval.classifiers import sc09
from eval.metrics.inception_score import choose_files, inception_score, score_files
from tests.originals import EVAL
from wavegan_tf.core.errors import UserError

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
    with pytest.raises(UserError, match=message):
        inception_score(probabilities, k)


def test_order_of_files():
    paths = [f"/a/{i:02d}.wav" for i in range(10)]
    expected = list(paths)
    random.seed(0)
    random.shuffle(expected)
    assert choose_files(paths[::-1]) == expected
    assert choose_files(paths, 4) == expected[:4]
    # As any Python 3 has it.
    assert [int(path[3:5]) for path in expected] == [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]
    for n in (0, 11):
        with pytest.raises(UserError, match=f"^{n} samples asked for, 10 audio files found; ask for 1 to 10$"):
            choose_files(paths, n)


def test_files_are_scored_as_the_original_scores_them(tmp_path):
    io = np.load(EVAL / "sc09_classifier_io.npz")
    clips = [(np.roll(x, 400 * i) * 32767).astype(np.int16) for i, x in enumerate(io["x"])]
    for i, clip in enumerate(clips):
        soundfile.write(tmp_path / f"{i}.wav", clip, 16000)
    classifier = sc09.build_classifier()
    kernel = classifier.dense.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape) * 0.5)
    paths = [str(path) for path in tmp_path.iterdir()]
    score = score_files(paths, classifier, k=2, batch_size=3)

    order = [0, 1, 2, 3]
    random.Random(0).shuffle(order)
    log_mel = features.classifier_log_mel(np.stack([clips[i] for i in order]).astype(np.float32) / np.float32(32767))
    logits = classifier(log_mel).numpy().astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = [np.exp(np.mean(np.sum(g * np.log(g / g.mean(0)), 1))) for g in (p[:2], p[2:])]
    np.testing.assert_allclose(score.group_scores, expected, rtol=1e-4)
    assert len(set(np.round(expected, 3))) == 2 and expected[0] > 1.001
    np.testing.assert_array_equal(score.labels, np.argmax(p, 1))
    assert json.dumps([score.mean, score.std])  # plain numbers


def test_mistakes_are_said_before_anything_is_read():
    for n, k, message in ((3, 2, "3 samples do not make 2 groups"), (9, 1, "9 samples asked for, 4 audio files")):
        with pytest.raises(UserError, match=message):
            score_files(["/no/file"] * 4, sc09.SC09Classifier(), n, k)
