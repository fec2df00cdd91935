import numpy as np
import pytest
import soundfile
import tensorflow as tf

from eval.inception_score import choose_files
from eval.samples import ClipFormat, FolderSamples, ModelSamples
from eval.sc09_classifier import LABELS
from gansynth_tf.features import crop_or_pad
from tests.eval.small import raises_user_error, write_words
from tests.eval.tiny_models import write_model
from wavegan_tf.core.serving import ServedModel


def test_a_folder_is_read_in_the_originals_order(tmp_path):
    write_words(tmp_path, 40)
    samples = FolderSamples(str(tmp_path), ClipFormat(labels=LABELS), 35, "fake_dir")
    paths = choose_files([str(path) for path in tmp_path.iterdir()], 35)
    batches = list(samples.batches())
    assert [len(batch.clips) for batch in batches] == [32, 3] and len(samples) == samples.changed == 35
    for path, clip, label in zip(paths, np.concatenate([b.clips for b in batches]),
                                 np.concatenate([b.classes for b in batches]), strict=True):  # fmt: skip
        stored = soundfile.read(path, dtype="int16")[0]
        np.testing.assert_array_equal(clip, np.pad(stored, (0, 16384 - len(stored))))
        assert LABELS[label] in path


def test_other_lengths_can_be_refused(tmp_path):
    write_words(tmp_path, 4)
    samples = FolderSamples(str(tmp_path), ClipFormat(), None, "fake_dir", fix_length=False)
    with raises_user_error("has 6000 samples, not 16384"):
        list(samples.batches())


def test_messages_name_the_flag_that_was_given(tmp_path):
    with raises_user_error("--real_dir=.*: is not a folder"):
        FolderSamples(str(tmp_path / "x"), ClipFormat(), None, "real_dir")


@pytest.mark.parametrize("length", [900, 901, 1000, 1200])
def test_notes_are_padded_as_gansynth_pads_them(length):
    clip = np.arange(1, length + 1, dtype=np.int16)
    ours = ClipFormat(1000, is_centred=True).fit(clip)
    expected = crop_or_pad(tf.constant(clip, tf.float32)[None, :, None], 1000)[0, :, 0]
    np.testing.assert_array_equal(ours, expected)


def test_pitches_of_names():
    notes = ClipFormat(labels=tuple(map(str, range(60, 70))), is_pitched=True)
    names = ("bass_acoustic_000-061-100", "c4", "noise", "c9")
    assert notes.classes_of([f"x/{name}.wav" for name in names]) == [1, 0, -1, -1]
    counted = ClipFormat(labels=tuple(map(str, range(24, 85))), is_pitched=True)
    assert counted.classes_of([f"x/kick_{number:03d}.wav" for number in range(1, 75)]) == [-1] * 74
    assert counted.classes_of([f"x/note_{number:03d}.wav" for number in range(24, 85)]) == list(range(61))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_models_clips_are_those_of_its_16_bit_output(channels, tmp_path):
    model_dir = write_model(tmp_path / "1", channels=channels)
    samples = ModelSamples(model_dir, ClipFormat(), 35, seed=3)
    batches = list(samples.batches())
    assert [len(batch.clips) for batch in batches] == [32, 3] and samples.model == "wavegan"
    served = ServedModel(model_dir, "wavegan")
    z = served.latents(35, 3)
    expected = np.stack(list(served.generate({"z": z}, "G_z_int16", 35, "pcm16")))
    ours = np.concatenate([batch.clips for batch in batches])
    if channels == 1:
        np.testing.assert_array_equal(ours, expected[:, :, 0])
    else:
        assert np.abs(ours - expected.mean(axis=2)).max() <= 0.5
    assert (np.concatenate([batch.classes for batch in batches]) == -1).all()


def test_a_model_at_another_rate_is_resampled(tmp_path):
    model_dir = write_model(tmp_path / "1", sample_rate=8000)
    (batch,) = ModelSamples(model_dir, ClipFormat(32768), 4, seed=0).batches()
    spectrum = np.abs(np.fft.rfft(batch.clips.astype(float), axis=1))
    assert batch.clips.shape == (4, 32768)
    assert spectrum[:, 17000 // 2 + 500 :].max() < 0.02 * spectrum.max()
