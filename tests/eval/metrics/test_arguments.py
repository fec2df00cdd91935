import numpy as np
import pytest

from eval.metrics import arguments


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64), (">f4", np.float64),
     (np.int8, np.float32), (np.uint16, np.float32), (np.int32, np.float64), (np.uint64, np.float64),
     (bool, np.float32)],
)  # fmt: skip
def test_rows_keep_their_numbers(kind, becomes):
    values = np.array([[[0, 1], [2, 3]], [[1, 0], [5, 120]]]).astype(kind)
    ours = arguments.rows(values)
    assert ours.dtype == becomes and ours.shape == (2, 4)
    np.testing.assert_array_equal(ours, values.reshape(2, 4).astype(float))
    if becomes == kind:
        assert np.shares_memory(ours, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(3), r"x have shape \[3\], must have \[samples, features\]"),
        (np.ones([3, 0]), r"x have shape \[3, 0\]"),
        (np.ones([0, 3]), r"x have shape \[0, 3\]"),
        ([[1.0, np.nan]], "x hold numbers that are not finite"),
        (np.array([[np.inf]], np.float16), "x hold numbers that are not finite"),
        ([[1e301]], "x hold numbers beyond 1e\\+300"),
        ([[-1e301]], "x hold numbers beyond 1e\\+300"),
        ([[2**53 + 1]], r"x hold integers beyond 2\^53"),
        (np.array([[2**64 - 1]], np.uint64), r"x hold integers beyond 2\^53"),
        ([[-(2**63)]], r"x hold integers beyond 2\^53"),
        ([[1j]], "x are complex128, must be float32 or float64"),
        ([["a"]], "x are <U1"),
        ([[None]], "x are object"),
        (np.ones([1, 1], np.longdouble), "x are .*, must be float32 or float64"),
    ],
)
def test_rows_that_cannot_be_used(values, message):
    with pytest.raises(arguments.ArgumentError, match=f"^{message}"):
        arguments.rows(values, "x")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "must be counts"), ([[1]], "must be counts"), ([True], "must be counts"), ([1, -1], "a count of -1"),
        ([0.5], "a count of 0.5"), ([np.nan], "a count of nan"), ([np.inf], "a count of inf"), (["1"], "must be"),
    ],
)  # fmt: skip
def test_counts_that_are_none(values, message):
    with pytest.raises(arguments.ArgumentError, match=message):
        arguments.counts(values)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64, np.float32, np.float64])
def test_counts_of_every_type(kind):
    ours = arguments.counts(np.array([100, 127, 0], kind))
    assert ours.dtype == np.float64 and ours.tolist() == [100, 127, 0]


@pytest.mark.parametrize(
    "rows", [[[np.inf, 0]], [[np.nan, 1]], [[1e308, 1e308]], [[-1, 2]], [["a"]], [[1j]], [[3, 254]], [1, 0], [[]]]
)
def test_what_is_no_distribution(rows):
    with pytest.raises(arguments.ArgumentError, match="^probabilities"):
        arguments.distributions(rows)
