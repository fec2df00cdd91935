import csv

import numpy as np
import tensorflow as tf

from eval.classifiers import confusion


def test_the_table_has_the_counts_under_their_labels(tmp_path):
    matrix = np.random.default_rng(0).integers(0, 50, [5, 5])
    confusion.write_csv(matrix, list("abcde"), str(tmp_path / "m.csv"))
    rows = list(csv.reader((tmp_path / "m.csv").read_text().splitlines()))
    assert rows[0] == ["truth", *"abcde"] and [row[0] for row in rows[1:]] == list("abcde")
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], int), matrix)


def test_the_picture_is_dark_where_the_counts_are(tmp_path):
    def darkness(matrix):
        confusion.write_picture(np.array(matrix), ["a", "b"], str(tmp_path / "m.png"), "title")
        return 255.0 - tf.io.decode_png((tmp_path / "m.png").read_bytes(), channels=3).numpy().astype(float)

    difference = darkness([[50, 0], [0, 50]]) - darkness([[0, 50], [50, 0]])
    assert difference.min() < -100 and difference.max() > 100 and abs(difference.mean()) < 1
