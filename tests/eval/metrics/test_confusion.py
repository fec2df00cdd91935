import csv

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import confusion_matrix

from eval.metrics import confusion


def test_the_matrix_is_scikit_learns(tmp_path):
    rng = np.random.default_rng(0)
    truth, answers = rng.integers(0, 5, 200), rng.integers(0, 4, 200)
    ours = confusion.confusion_matrix(truth, answers, 5)
    np.testing.assert_array_equal(ours, confusion_matrix(truth, answers, labels=range(5)))
    confusion.write_csv(ours, list("abcde"), str(tmp_path / "m.csv"))
    rows = list(csv.reader((tmp_path / "m.csv").read_text().splitlines()))
    assert rows[0] == ["truth", *"abcde"] and [row[0] for row in rows[1:]] == list("abcde")
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], int), ours)


def test_the_picture_is_dark_where_the_counts_are(tmp_path):
    def darkness(matrix):
        confusion.write_picture(np.array(matrix), ["a", "b"], str(tmp_path / "m.png"), "title")
        return 255.0 - tf.io.decode_png((tmp_path / "m.png").read_bytes(), channels=3).numpy().astype(float)

    difference = darkness([[50, 0], [0, 50]]) - darkness([[0, 50], [50, 0]])
    assert difference.min() < -100 and difference.max() > 100 and abs(difference.mean()) < 1


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64])
@pytest.mark.parametrize("wrong", [-1, 5, 120])
def test_what_is_no_class_is_refused_and_never_counts_as_another(kind, wrong):
    if wrong < 0 and np.issubdtype(kind, np.unsignedinteger):
        return
    lists = np.array([0, 4, wrong], kind), np.array([0, 4, 1], kind)
    for truth, answers in (lists, lists[::-1]):
        with pytest.raises(ValueError, match=rf"^class of the (truth|answers) {wrong}: must be from 0 to 4$"):
            confusion.confusion_matrix(truth, answers, 5)


def test_lists_that_do_not_compare_are_refused():
    for truth, answers, num_classes, message in (
        ([0, 1], [0], 2, "^2 classes of the truth and 1 of the answers do not compare$"),
        ([0.0, 1.0], [0, 1], 2, r"^classes of the truth are float64 \[2\], must be integers"),
        ([[0], [1]], [0, 1], 2, r"^classes of the truth are int64 \[2, 1\], must be integers"),
        ([], [], 0, "^num_classes=0: must be at least 1$"),
    ):
        with pytest.raises(ValueError, match=message):
            confusion.confusion_matrix(truth, answers, num_classes)
    assert confusion.confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]
