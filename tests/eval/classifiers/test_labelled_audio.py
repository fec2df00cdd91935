import dataclasses

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from eval.classifiers import labelled_audio, labels
from eval.classifiers.labels import LABELS
from eval.samples import ClipFormat
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.options import NoteOptions
from tests.commands import DRUMS
from tests.eval.small import raises_user_error, write_words


@pytest.mark.parametrize(
    ("name", "label", "number"),
    [("Seven_1.wav", "seven", 7), ("0_george_10.wav", "0", 0), ("nine_x_y.flac", "nine", 9), ("cat_1.wav", "cat", None),
     ("seven.wav", None, None), ("_x.wav", None, None)],
)  # fmt: skip
def test_labels_of_names(name, label, number):
    assert labels.labels_of([f"/a_b/{name}", "/a_b/five_1.wav"]) == [label, "five"]
    assert labels.classes_of([f"/a_b/{name}", "/a_b/five_1.wav"], LABELS) == [number, 5]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        # As Speech Commands unpacks.
        (["sc/Seven/9b306ab0_nohash_0.wav", "sc/bed/0a7c2a8d_nohash_12.wav", "sc/_background_noise_/pink_noise.wav"],
         ["seven", "bed", None]),
        (["dog/1.wav", "dog/2.wav", "cat/1.wav", ".x/1.wav"], ["dog", "dog", "cat", None]),
        (["1.wav"], [None]),
        # One name with a label is enough.
        (["dog/1.wav", "dog/cat_1.wav"], [None, "cat"]),
    ],
)  # fmt: skip
def test_labels_of_folders(paths, found):
    assert labels.labels_of(paths) == found
    known = sorted(set(filter(None, found)))
    assert labels.classes_of(paths, known) == [None if label is None else known.index(label) for label in found]


@pytest.mark.parametrize(
    ("found", "expected"),
    [(["9b306ab0", "0a7c2a8d", "bed"], True), (["9b306ab0", "bed"], False), (["decade", "facade", "efface"], False),
     (["zero", "one"], False), (["100000", "200000"], True), (["7", "8", "10"], False)],
)  # fmt: skip
def test_labels_that_look_like_hashes(found, expected):
    assert labels.look_like_hashes(found) == expected


@pytest.mark.parametrize("name", ["{label}/9b306ab0_nohash_{number}.wav", "{label}/{number}.wav"])
def test_words_in_folders(name, tmp_path, caplog):
    for number in range(6):
        label = ("zero", "Bed", "cat")[number % 3]
        path = tmp_path / name.format(label=label, number=number)
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.full(1000, number / 10), 16000)
    with caplog.at_level("INFO", logger="absl"):
        audio = labelled_audio.read_words(str(tmp_path))
    assert "the label of a file is the name of its folder" in caplog.text
    assert audio.labels == (("bed", "cat", "zero"),)
    assert [audio.labels[0][number] for number in audio.classes[:, 0]] == [p.split("/")[0].lower() for p in audio.names]
    # Scoring knows the same labels.
    paths = [str(tmp_path / clip) for clip in audio.names]
    assert ClipFormat(labels=audio.labels[0]).classes_of(paths) == audio.classes[:, 0].tolist()


def test_labels_like_hashes_are_questioned(tmp_path, caplog):
    write_words(tmp_path, 4, labels=("9b306ab0", "0a7c2a8d"))
    with caplog.at_level("WARNING"):
        labelled_audio.read_words(str(tmp_path))
    assert "look like hashes (0a7c2a8d, ...)" in caplog.text


def test_words_are_read_as_they_stand_in_the_files(tmp_path):
    write_words(tmp_path, 8)
    soundfile.write(tmp_path / "Three_z.wav", np.zeros(20000), 16000, subtype="PCM_16")
    (tmp_path / "one_broken.wav").write_bytes(b"RIFF1234WAVE")
    audio = labelled_audio.read_words(str(tmp_path))
    assert audio.labels == (LABELS,) and len(audio.names) == 9
    for index, name in enumerate(audio.names):
        stored = soundfile.read(tmp_path / name, dtype="int16")[0][:16384]
        wave = audio.wave(tf.constant(index)).numpy()
        np.testing.assert_array_equal(wave[: len(stored)] * 32768, stored)
        assert not wave[len(stored) :].any() and audio.lengths[index] == len(stored)
        assert LABELS[audio.classes[index, 0]] == name.split("_")[0].lower()


def test_other_labels_make_classes_of_their_own():
    audio = labelled_audio.read_words(str(DRUMS))
    kinds = sorted({name.split("_")[0] for name in audio.names})
    assert audio.labels == (tuple(kinds),) and len(kinds) > 2
    assert [kinds[number] for number in audio.classes[:, 0]] == [name.split("_")[0] for name in audio.names]


def test_a_bad_file_can_end_the_reading(tmp_path):
    write_words(tmp_path, 4)
    (tmp_path / "zero_bad.wav").write_bytes(b"RIFF")
    assert len(labelled_audio.read_words(str(tmp_path)).names) == 4
    with raises_user_error("zero_bad.wav: "):
        labelled_audio.read_words(str(tmp_path), skip_bad=False)


def test_a_folder_with_one_label_is_refused(tmp_path):
    write_words(tmp_path, 3, labels=("cat",))
    with raises_user_error("the files have 1 labels, at least 2"):
        labelled_audio.read_words(str(tmp_path))


def test_notes_have_pitches_and_families():
    options = NoteOptions(data_dir="gansynth_tf/demo/notes", audio_length=4800, sample_rate=8000)
    store = load_notes(options, "unused")
    audio = labelled_audio.labelled_notes(store, with_family=True)
    assert audio.labels[0][0] == "24" and audio.labels[0][-1] == "84"
    for name, (pitch, family) in zip(audio.names, audio.classes, strict=True):
        assert name.split("-")[1] == f"{int(audio.labels[0][pitch]):03d}"
        assert name.startswith(audio.labels[1][family])
    np.testing.assert_array_equal(audio.wave(tf.constant(3)), store.wave(tf.constant(3))[:, 0])


def test_families_must_be_known_to_be_learned():
    options = NoteOptions(data_dir="gansynth_tf/demo/notes", audio_length=4800, sample_rate=8000)
    store = dataclasses.replace(load_notes(options, "unused"), names=("c4",) * 100)
    with raises_user_error("--pitch_family: no name has a family"):
        labelled_audio.labelled_notes(store, with_family=True)


def test_a_split_has_its_shares_of_every_class():
    classes = np.repeat(np.arange(10), 225)
    parts = labelled_audio.split(classes, [0.1, 0.1], seed=1)
    assert sorted(np.concatenate(parts)) == list(range(2250))
    for part, share in zip(parts, (0.1, 0.1, 0.8), strict=True):
        counts = np.bincount(classes[part], minlength=10) / 225
        assert np.abs(counts - share).max() < 0.02
    other = labelled_audio.split(classes, [0.1, 0.1], seed=2)
    assert not np.array_equal(other[0], parts[0])
    np.testing.assert_array_equal(labelled_audio.split(classes, [0.1, 0.1], seed=1)[0], parts[0])


def test_small_classes_are_not_lost():
    parts = labelled_audio.split(np.repeat(np.arange(61), 3), [0.1, 0.1], seed=0)
    assert [len(part) for part in parts[:2]] == pytest.approx([18, 18], abs=1)
