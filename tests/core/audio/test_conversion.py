"""Samples that no format can make usable."""

from __future__ import annotations

import numpy as np
import pytest

from wavegan_tf.core.audio.conversion import Unusable, convert


def wave(peak):
    return (peak * np.sin(np.arange(2000) * 0.3)).astype(np.float32)[:, None]


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_no_spectrum_can_hold_are_refused(sample_rate, channels):
    """Resampled and averaged or not: one such note made the features of a whole set NaN."""
    for peak in (1e16, 1e38, 3.4e38):
        blocks = [np.repeat(wave(peak), channels, axis=1)]
        with pytest.raises(Unusable, match=r"^holds samples far beyond full scale, of more than 1e\+15$"):
            list(convert(blocks, 16000, sample_rate))


def test_integers_as_floats_are_taken():
    for peak in (2.0**15, 2.0**31, 1e14):
        (block,) = convert([wave(peak)], 16000, 16000)
        np.testing.assert_array_equal(block, wave(peak))
