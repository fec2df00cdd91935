import random

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import wavegan_tf
from eval.classifiers.labels import LABELS
from eval.model_samples import ModelSamples
from eval.samples import UNKNOWN, ClipFormat, choose_files, find_clips
from gansynth_tf.features import crop_or_pad
from tests import exported
from tests.eval.small import all_batches, folder_samples, raises_user_error, write_words
from tests.eval.tiny_models import write_model
from wavegan_tf.core.audio import decode
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.model import GeneratorModel


def test_order_of_files():
    paths = [f"/a/{i:02d}.wav" for i in range(10)]
    expected = list(paths)
    random.seed(0)
    random.shuffle(expected)
    assert choose_files(paths[::-1]) == expected
    assert choose_files(paths, 4) == expected[:4]
    # As any Python 3 has it.
    assert [int(path[3:5]) for path in expected] == [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]
    for n in (0, 11):
        with pytest.raises(UserError, match=f"^{n} samples asked for, 10 audio files found; ask for 1 to 10$"):
            choose_files(paths, n)


def test_a_folder_is_read_in_the_originals_order(tmp_path):
    write_words(tmp_path, 40)
    samples = folder_samples(tmp_path, ClipFormat(labels=LABELS), 35)
    paths = choose_files([str(path) for path in tmp_path.iterdir()], 35)
    batches = list(all_batches(samples))
    assert [len(batch.clips) for batch in batches] == [32, 3]
    assert len(samples) == sum(batch.changed for batch in batches) == 35
    for path, clip, label in zip(paths, np.concatenate([b.clips for b in batches]),
                                 np.concatenate([b.classes for b in batches]), strict=True):  # fmt: skip
        stored = soundfile.read(path, dtype="int16")[0]
        np.testing.assert_array_equal(clip, np.pad(stored, (0, 16384 - len(stored))))
        assert LABELS[label] in path


def test_other_lengths_can_be_refused(tmp_path):
    write_words(tmp_path, 4)
    samples = folder_samples(tmp_path, ClipFormat(), fix_length=False)
    with raises_user_error("has 6000 samples, not 16384"):
        list(all_batches(samples))


def test_messages_name_the_flag_that_was_given(tmp_path):
    write_words(tmp_path, 3)
    assert len(find_clips(str(tmp_path), 3, "real_dir")) == 3
    with raises_user_error("^--num_samples=4: --real_dir=.* holds 3 audio files$"):
        find_clips(str(tmp_path), 4, "real_dir")
    with raises_user_error("--real_dir=.*: is not a folder"):
        find_clips(str(tmp_path / "x"), None, "real_dir")


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
    batches = list(all_batches(samples))
    assert [len(batch.clips) for batch in batches] == [32, 3] and samples.model == "wavegan"
    served = GeneratorModel(model_dir, "wavegan")
    z = served.latents(35, 3)
    # In the same batches: others may round a sample to the next number.
    expected = np.stack(list(served.stream({"z": z}, 32, "waveform_int16")))
    ours = np.concatenate([batch.clips for batch in batches])
    if channels == 1:
        np.testing.assert_array_equal(ours, expected[:, :, 0])
    else:
        assert np.abs(ours - expected.mean(axis=2)).max() <= 0.5
    assert (np.concatenate([batch.classes for batch in batches]) == -1).all()


def test_a_model_at_another_rate_is_resampled(tmp_path):
    model_dir = write_model(tmp_path / "1", sample_rate=8000)
    (batch,) = all_batches(ModelSamples(model_dir, ClipFormat(32768), 4, seed=0))
    spectrum = np.abs(np.fft.rfft(batch.clips.astype(float), axis=1))
    assert batch.clips.shape == (4, 32768)
    assert spectrum[:, 17000 // 2 + 500 :].max() < 0.02 * spectrum.max()


def test_a_model_with_labels_is_asked_for_each_equally_often(tmp_path):
    labels = ("cow", "one", "7")
    folder = exported.wavegan(tmp_path / "1", labels=labels)
    samples = ModelSamples(folder, ClipFormat(labels=LABELS), 9, seed=1)
    classes = np.concatenate([batch.classes for batch in all_batches(samples)])
    assert sorted(classes) == [UNKNOWN] * 3 + [1] * 3 + [7] * 3 and list(classes) != sorted(classes)
    model = wavegan_tf.load_model(folder)
    clips = np.concatenate([batch.clips for batch in all_batches(samples)])
    z = model.latents(9, 1)
    for row, number in enumerate(classes):
        label = {UNKNOWN: "cow", 1: "one", 7: "7"}[int(number)]
        expected = decode.to_int16(model.generate(z=z[row], label=label)[0, :16000, 0])
        assert np.abs(clips[row, :16000].astype(int) - expected).max() <= 1
    without = ModelSamples(folder, ClipFormat(), 3, seed=1)
    assert np.concatenate([batch.classes for batch in all_batches(without)]).tolist() == [UNKNOWN] * 3
