import numpy as np
import pytest
import tensorflow as tf

from eval import features
from eval.clips import fit_length
from tests.originals import EVAL, assert_near

SIMILARITY = np.load(EVAL / "similarity.npz")
CLIPS = [SIMILARITY[f"clip_{i}"] for i in range(6)]


def naive_log_mel(x, frame_length):
    """Frame by frame in float64, with a mel matrix written from its definition."""
    bins = np.linspace(0, 8000, frame_length // 2 + 1)
    mel = 1127 * np.log1p(bins / 700)
    edges = np.linspace(1127 * np.log1p(40 / 700), 1127 * np.log1p(7800 / 700), 130)
    rising = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    matrix = np.maximum(0, np.minimum(rising, falling))
    matrix[0] = 0
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame_length) / frame_length)
    padded = np.pad(x.astype(np.float64), (0, frame_length))
    frames = [padded[i : i + frame_length] * window for i in range(0, len(x), 128)]
    return np.log(np.abs(np.fft.rfft(frames)) @ matrix + 1e-6)


def test_mel_matrix_of_the_original():
    matrix = features.mel_matrix(features.SIMILARITY_FRAME)
    assert np.count_nonzero(matrix) == SIMILARITY["mel_weight_nnz"]
    np.testing.assert_allclose(matrix.sum(dtype=np.float64), SIMILARITY["mel_weight_sum"], rtol=1e-6)


def test_classifier_features():
    golden = np.load(EVAL / "sc09_classifier_io.npz")
    log_mel = features.classifier_log_mel(golden["x"])
    assert_near(log_mel, golden["log_mel"])


def test_similarity_features_are_of_raw_values():
    clips = np.stack([fit_length(clip) for clip in CLIPS])
    assert_near(features.similarity_log_mel(clips), SIMILARITY["features"])
    # The same clip scaled to 1 gives others, and no constant apart.
    scaled = SIMILARITY["features_clip_1_float"]
    assert_near(features._log_mel(tf.constant(clips[1:2] / np.float32(32768)), 2048)[0], scaled)
    assert np.std(SIMILARITY["features"][1] - scaled) > 0.5


@pytest.mark.parametrize("length", [1, 127, 128, 129, 3000])
def test_fast_features_equal_slow_ones(length):
    x = np.random.default_rng(length).integers(-32768, 32768, [2, length]).astype(np.int16)
    for computed, scale, frame in (
        (features.similarity_log_mel(x), 1, 2048),
        (features.classifier_log_mel(x / np.float32(32768)), 32768, 1024),
    ):
        expected = np.stack([naive_log_mel(clip / scale, frame) for clip in x])
        # Where almost nothing sounds, float32's rounding shows in the logarithm.
        heard = expected > expected.max() - 9
        assert computed.shape == (2, -(-length // 128), 128)
        np.testing.assert_allclose(computed[heard], expected[heard], rtol=0, atol=1e-3)


def test_silence_is_the_floor():
    assert_near(features.similarity_log_mel(np.zeros([1, 256], np.int16)), np.full([1, 2, 128], np.log(1e-6)), 1e-6)


def test_floats_are_refused_where_raw_values_are_wanted():
    with pytest.raises(ValueError, match="x has type float32, must be int16"):
        features.similarity_log_mel(np.zeros([1, 16384], np.float32))
