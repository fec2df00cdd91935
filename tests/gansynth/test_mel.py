"""The mel matrices against the original's, to the precision of float64."""

from __future__ import annotations

import numpy as np
import pytest

from gansynth_tf import mel
from gansynth_tf.features import Features
from tests.originals import GOLDENS, assert_near

MATRICES = np.load(GOLDENS / "gansynth" / "mel_matrices.npz")
OPS = np.load(GOLDENS / "gansynth" / "spectral_ops.npz")


@pytest.mark.parametrize(("name", "bins"), [("hires", 1024), ("normal", 512)])
def test_full_size_matrices_are_the_originals(name, bins):
    matrix = mel.linear_to_mel_matrix(bins, bins, 16000, 0.0, 8000.0)
    np.testing.assert_allclose(matrix, MATRICES[f"linear_to_mel_{name}"], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        mel.mel_to_linear_matrix(matrix), MATRICES[f"mel_to_linear_{name}"], rtol=1e-9, atol=1e-11
    )
    assert not matrix[0].any() and not matrix[-1].any() and not matrix[:, 0].any()


def test_default_matrix_and_scale_are_the_originals():
    np.testing.assert_allclose(
        mel.linear_to_mel_matrix(), OPS["tfmel_default_20_129_16000_125_3800"], rtol=1e-9, atol=1e-11
    )
    np.testing.assert_allclose(mel.hertz_to_mel(OPS["hertz"]), OPS["hertz_to_mel"], rtol=1e-13)
    np.testing.assert_allclose(mel.mel_to_hertz(OPS["hertz_to_mel"]), OPS["mel_to_hertz_of_hertz_to_mel"], rtol=1e-13)


@pytest.mark.parametrize("bins", [512, 1024])
def test_banded_products_are_the_dense_ones(bins):
    rng = np.random.default_rng(0)
    made = Features("mel", (65536 // bins * 2, bins), 64000, 16000)
    matrix = mel.linear_to_mel_matrix(bins, bins, 16000, 0.0, 8000.0)
    x = rng.normal(size=(3, 5, bins)).astype(np.float32)
    assert_near(made._to_mel.product(x), x @ matrix)
    assert_near(made._to_linear.product(x), x @ mel.mel_to_linear_matrix(matrix))
    assert sum(block.size for _, block in made._to_mel.blocks) < matrix.size / 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_mel_bins": 0}, "num_mel_bins=0: must be positive"),
        ({"num_spectrogram_bins": -1}, "num_spectrogram_bins=-1: must be positive"),
        ({"sample_rate": 0}, "sample_rate=0: must be positive"),
        ({"lower_edge_hertz": -1.0}, "lower_edge_hertz=-1.0"),
        ({"lower_edge_hertz": 4000.0}, "must be rising"),
        ({"upper_edge_hertz": 9000.0}, "half the sample rate, 8000.0"),
    ],
)
def test_numbers_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        mel.linear_to_mel_matrix(**arguments)
