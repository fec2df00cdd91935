import numpy as np
import pytest
import soundfile

from eval import resynthesis
from specgan_tf.features import log_magnitudes
from tests.eval.small import call, raises_user_error, write_words


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return write_words(tmp_path_factory.mktemp("words"), 6)


def heard(folder):
    return np.stack([soundfile.read(path)[0] for path in sorted(folder.iterdir())]).astype(np.float32)


def test_clips_alone_are_only_normalised(words, tmp_path):
    call(resynthesis, f"--data_dir={words}", f"--output_dir={tmp_path}/out", "--nospectrogram")
    for path, clip in zip(sorted(words.iterdir()), heard(tmp_path / "out"), strict=True):
        wave = soundfile.read(path)[0]
        np.testing.assert_allclose(clip[: len(wave)], wave / np.abs(wave).max(), atol=1e-4)
        assert not clip[len(wave) :].any() and len(clip) == 16384


def test_more_exact_inversions_come_nearer_to_the_spectrogram(words, tmp_path):
    real = np.concatenate(list(resynthesis.read_normalized(sorted(map(str, words.iterdir())))))
    wanted = np.exp(log_magnitudes(real))[:, :, :128]
    errors = {}
    for inversion in ("original", "exact", "fast"):
        out = tmp_path / inversion
        call(resynthesis, f"--data_dir={words}", f"--output_dir={out}", f"--inversion={inversion}")
        got = np.exp(log_magnitudes(heard(out)[..., None]))[:, :, :128]
        errors[inversion] = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
    assert errors["fast"] < errors["exact"] < errors["original"] < 0.7


@pytest.mark.parametrize(("codec", "largest"), [("ulaw", 0.03), ("mp3", 0.2), ("vorbis", 0.2), ("opus", 0.3)])
def test_codecs_change_a_clip_a_little(codec, largest):
    times = np.arange(16384) / 16000
    clip = (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    ours = resynthesis.through_codec(clip, codec, 0.5)
    assert ours.shape == clip.shape
    middle = slice(2000, 14000)
    spectrum = np.abs(np.fft.rfft(ours[middle]))
    assert np.argmax(spectrum) == round(440 * 12000 / 16000)
    difference = np.abs(np.abs(np.fft.rfft(clip[middle])) - spectrum).max() / spectrum.max()
    assert 0 < difference < largest


def test_a_folder_with_files_is_not_written_to(words, tmp_path):
    (tmp_path / "x").touch()
    with raises_user_error("holds files; name a new or an empty folder"):
        call(resynthesis, f"--data_dir={words}", f"--output_dir={tmp_path}")
    with raises_user_error("--output_dir must be given"):
        call(resynthesis, f"--data_dir={words}")
