import numpy as np
import pytest
import soundfile
from absl import flags
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import resynthesis
from eval.classifiers.labels import LABELS, classes_of
from eval.samples import ClipFormat
from specgan_tf.features import log_magnitudes
from tests.eval.small import call, raises_user_error, write_words
from wavegan_tf.core.audio.files import extension_of


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


@pytest.mark.parametrize("codec", ["ulaw", "mp3", "vorbis", "opus"])
@pytest.mark.parametrize("compression", [0.0, 1.0])
def test_codecs_at_both_ends_of_compression(codec, compression):
    clip = 0.3 * np.sin(np.arange(16384) * 0.1).astype(np.float32)
    heard = resynthesis.through_codec(clip, codec, compression)
    assert heard.shape == clip.shape and np.isfinite(heard).all()
    assert np.corrcoef(heard, clip)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nospectrogram", "--ngl=4"], "--ngl: requires --spectrogram"),
        (["--nospectrogram", "--moments_dir=x"], "--moments_dir: requires --spectrogram"),
        (["--nospectrogram", "--inversion=fast"], "--inversion: requires --spectrogram"),
        (["--compression=0.5"], "--compression: requires --codec=mp3, vorbis or opus"),
        (["--compression=0.5", "--codec=ulaw"], "--compression: requires --codec=mp3, vorbis or opus"),
        (["--moments_dir=/nonexistent"], "^--moments_dir=/nonexistent: is not a folder"),
        (["--codec=mp3", "--data_dir=BROKEN", "--nospectrogram"], "broken.wav"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, message, tmp_path):
    words = write_words(tmp_path / "words", 1)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "broken.wav").write_bytes(b"RIFF")
    changed = [argument.replace("BROKEN", str(broken)) for argument in arguments]
    with raises_user_error(message):
        call(resynthesis, f"--data_dir={words}", f"--output_dir={tmp_path}/new/out", *changed)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("argument", ["--compression=nan", "--compression=inf", "--compression=1.01", f"--ngl={2**31}"])
def test_numbers_out_of_range_are_a_wrong_command_line(argument):
    with pytest.raises(flags.Error, match=argument[2:].split("=")[0]):
        call(resynthesis, argument)


NAMES = [
    "1_george/7_3.wav", "7_3.wav", "a/b.wav", "a-b.wav", "kick.wav", "kick.flac", "kick.mp3", "kick.flac.wav",
    "x/bass_acoustic_000-036-100.mp3", "C4.ogg", "C4.ogg.wav", "60.mp3", "KICK.WAV", "plain", "plain.wav",
]  # fmt: skip


def labels_of(name):
    pitched = ClipFormat(labels=tuple(map(str, range(24, 85))), is_pitched=True)
    return classes_of([name], LABELS), pitched.classes_of([name])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(NAMES), unique=True))
def test_names_keep_folder_extension_and_label_and_none_is_used_twice(names):
    outputs = resynthesis.output_names(names)
    assert len(set(outputs)) == len(names)
    for name, output in zip(names, outputs, strict=True):
        assert output == name if extension_of(name) in (".wav", ".flac") else output.startswith(f"{name}.wav")
        assert labels_of(output) == labels_of(name)


def test_clips_of_one_name_in_several_folders_and_formats_stay_apart(tmp_path):
    names = ["1_george/7_3.wav", "2_george/7_3.wav", "kick.wav", "kick.flac", "kick.ogg"]
    waves = np.random.default_rng(0).normal(0, 0.1, (len(names), 16384))
    for name, wave in zip(names, waves, strict=True):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "in" / name, wave, 16000)
    call(resynthesis, f"--data_dir={tmp_path}/in", f"--output_dir={tmp_path}/out", "--nospectrogram")
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert written == sorted([*names[:-1], "kick.ogg.wav"])
    for name, wave in zip(names[:-1], waves, strict=False):
        np.testing.assert_allclose(soundfile.read(tmp_path / "out" / name)[0], wave / np.abs(wave).max(), atol=3e-4)
