import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as scikit_learns

from eval.metrics import confusion_matrix


def test_the_matrix_is_scikit_learns():
    rng = np.random.default_rng(0)
    truth, answers = rng.integers(0, 5, 200), rng.integers(0, 4, 200)
    ours = confusion_matrix(truth, answers, 5)
    np.testing.assert_array_equal(ours, scikit_learns(truth, answers, labels=range(5)))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64])
@pytest.mark.parametrize("wrong", [-1, 5, 120])
def test_what_is_no_class_is_refused_and_never_counts_as_another(kind, wrong):
    if wrong < 0 and np.issubdtype(kind, np.unsignedinteger):
        return
    lists = np.array([0, 4, wrong], kind), np.array([0, 4, 1], kind)
    for truth, answers in (lists, lists[::-1]):
        with pytest.raises(ValueError, match=rf"^class of the (truth|answers) {wrong}: must be from 0 to 4$"):
            confusion_matrix(truth, answers, 5)


def test_lists_that_do_not_compare_are_refused():
    for truth, answers, num_classes, message in (
        ([0, 1], [0], 2, "^2 classes of the truth and 1 of the answers do not compare$"),
        ([0.0, 1.0], [0, 1], 2, r"^classes of the truth are float64 \[2\], must be integers"),
        ([[0], [1]], [0, 1], 2, r"^classes of the truth are int64 \[2, 1\], must be integers"),
        ([], [], 0, "^num_classes=0: must be at least 1$"),
    ):
        with pytest.raises(ValueError, match=message):
            confusion_matrix(truth, answers, num_classes)
    assert confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]
