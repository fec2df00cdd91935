import numpy as np
import pytest
import soundfile

from eval.clips import fit_length, read_clip
from tests.originals import EVAL
from wavegan_tf.core.audio.decode import AudioError

SIMILARITY = np.load(EVAL / "similarity.npz")
CLIPS = [SIMILARITY[f"clip_{i}"] for i in range(6)]


def test_files_give_the_numbers_that_stand_in_them(tmp_path):
    for i, clip in enumerate(CLIPS):
        soundfile.write(tmp_path / f"{i}.wav", clip, 16000)
    extremes = np.array([-32768, 32767, -1, 0, 1], np.int16)
    soundfile.write(tmp_path / "6.wav", extremes, 16000)
    paths = [str(tmp_path / f"{i}.wav") for i in range(7)]
    for path, clip in zip(paths, [*CLIPS, extremes], strict=True):
        np.testing.assert_array_equal(read_clip(path), clip)


@pytest.mark.parametrize("length", [0, 1, 16383, 16384, 16385, 40000])
def test_clips_get_the_originals_length_at_their_end(length):
    clip = np.random.default_rng(length).integers(-32768, 32768, length).astype(np.int16)
    ours, kept = fit_length(clip), clip[:16384]
    assert ours.shape == (16384,) and ours.dtype == np.int16
    np.testing.assert_array_equal(ours[: len(kept)], kept)
    assert not ours[len(kept) :].any()


def test_other_formats_are_rounded_and_clipped(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array([0.4 / 32768, 0.6 / 32768, 1.5, -1.5], np.float32), 16000, "FLOAT")
    np.testing.assert_array_equal(read_clip(str(path)), [0, 1, 32767, -32768])
    soundfile.write(path, np.array([[100, 300], [0, -2]], np.int16), 16000)
    np.testing.assert_array_equal(read_clip(str(path)), [200, -1])


def test_files_that_cannot_be_decoded_are_named(tmp_path):
    path = tmp_path / "short.wav"
    path.write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=f"^{path}: cannot be decoded "):
        read_clip(str(path))
