"""Decoded notes of every kind of source: filters, labels, counts, repairs, caches and messages."""

from __future__ import annotations

import json
import logging
import os
import shutil

import numpy as np
import pytest
import soundfile

from gansynth_tf.notes.loading import SUBSET_PITCH_COUNTS, load_notes
from gansynth_tf.notes.options import NoteOptions
from tests import other_decoders
from tests.gansynth.notes import record_files
from tests.gansynth.notes.test_files import ENTRIES, NOTES
from tests.originals import GOLDENS
from wavegan_tf.core.errors import UserError

NSYNTH = np.load(GOLDENS / "gansynth" / "nsynth_notes.npz")["audio"]
PITCHES = [30, 60, 60, 90]


@pytest.fixture
def records(tmp_path):
    """Four real NSynth notes (their pitches are made up), the third of them electronic."""
    examples = [
        record_files.nsynth_example(f"note{i}", PITCHES[i], NSYNTH[i], source=int(i == 2), family=i) for i in range(4)
    ]
    return record_files.write(tmp_path / "nsynth-train.tfrecord", examples)


def loaded(tmp_path, **options):
    """The notes of these options."""
    return load_notes(NoteOptions(**options), str(tmp_path / "cache"))


def test_the_paper_takes_acoustic_notes_of_61_pitches(tmp_path):
    store = loaded(tmp_path, data_dir=str(NOTES))
    expected = [name for name in sorted(ENTRIES) if "_acoustic_" in name]
    assert store.names == tuple(expected) and len(expected) == 13
    for index, name in enumerate(expected):
        audio, _ = soundfile.read(NOTES / "audio" / f"{name}.flac", dtype="float32")
        np.testing.assert_array_equal(store.wave(np.int64(index)), audio[:, None])
        assert store.one_hot(np.int64(index)).shape == (61,)
        assert np.argmax(store.one_hot(np.int64(index))) == ENTRIES[name]["pitch"] - 24
    counts = np.bincount([ENTRIES[name]["pitch"] - 24 for name in expected], minlength=61)
    np.testing.assert_array_equal(store.pitch_counts, counts)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"data_sources": ""}, 16),
        ({"data_sources": "electronic, synthetic"}, 3),
        ({"data_families": "reed,bass"}, 3),
        ({"data_velocities": "100,127"}, 6),
        ({"data_min_pitch": 60, "data_max_pitch": 60}, 2),
        ({"data_families": "keyboard", "data_velocities": "100"}, 1),
    ],
)
def test_filters(tmp_path, options, count):
    store = loaded(tmp_path, data_dir=str(NOTES), **options)
    assert len(store) == count and store.pitch_counts.sum() == count
    assert len(store.pitch_counts) == NoteOptions(**options).num_pitches


def test_records_give_the_same_notes_as_files(tmp_path, records):
    store = loaded(tmp_path, train_data_path=str(records), data_max_pitch=100)
    assert store.names == ("note0", "note1", "note3")
    for index, row in enumerate((0, 1, 3)):
        np.testing.assert_array_equal(store.wave(np.int64(index))[:, 0], NSYNTH[row])
    np.testing.assert_array_equal(store.pitches, [30, 60, 90])
    assert loaded(tmp_path, train_data_path=str(records)).names == ("note0", "note1")
    assert len(loaded(tmp_path, train_data_path=str(records), data_sources="electronic")) == 1
    assert loaded(tmp_path, train_data_path=str(records), data_families="brass").names == ("note1",)


def test_the_subset_of_tensorflow_datasets_has_the_originals_pitch_counts(tmp_path):
    examples = [record_files.tfds_example(f"note{i}", PITCHES[i], NSYNTH[i]) for i in range(4)]
    record_files.write_tfds(tmp_path, examples)
    record_files.write_tfds(tmp_path, examples[:2], split="valid")
    store = loaded(tmp_path, tfds_data_dir=str(tmp_path))
    assert store.names == ("note0", "note1", "note2")
    np.testing.assert_array_equal(store.pitch_counts, SUBSET_PITCH_COUNTS)
    assert len(SUBSET_PITCH_COUNTS) == 61 and SUBSET_PITCH_COUNTS[60 - 24] == 1349 and sum(SUBSET_PITCH_COUNTS) == 60788
    part = loaded(tmp_path, tfds_data_dir=str(tmp_path), data_min_pitch=30, data_max_pitch=86)
    np.testing.assert_array_equal(part.pitch_counts, [*SUBSET_PITCH_COUNTS[6:], 0, 0])


def test_other_parts_of_the_subset_are_counted(tmp_path):
    examples = [record_files.tfds_example(f"note{i}", PITCHES[i], NSYNTH[i, :100]) for i in range(3)]
    for split in ("train", "valid"):
        record_files.write_tfds(tmp_path, examples, split=split)
    for options in ({"data_split": "valid"}, {"data_velocities": "100"}):
        store = loaded(tmp_path, tfds_data_dir=str(tmp_path), **options)
        assert store.pitch_counts.sum() == 3 and store.pitch_counts[36] == 2


def test_odd_lengths_and_rates_are_mended_and_named(tmp_path, caplog):
    folder = tmp_path / "notes"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, 70001).astype(np.float32)
    soundfile.write(folder / "long_C4.wav", sound, 16000, "FLOAT")
    soundfile.write(folder / "short_C5.wav", sound[:999], 16000, "FLOAT")
    soundfile.write(folder / "fast_C6.wav", np.sin(np.arange(4 * 44100) * 2 * np.pi * 1000 / 44100) / 2, 44100)
    with caplog.at_level(logging.INFO, logger="absl"):
        store = loaded(tmp_path, data_dir=str(folder))
    assert "changed long_C4: has 70001 samples, cropped to 64000" in caplog.text
    assert "changed short_C5: has 999 samples, zero-padded to 64000" in caplog.text
    assert "changed fast_C6: is at 44100 Hz, resampled to 16000" in caplog.text
    waves = {name: store.wave(np.int64(index)).numpy()[:, 0] for index, name in enumerate(store.names)}
    np.testing.assert_array_equal(waves["long_C4"], sound[:64000])
    left = (64000 - 999) - (64000 - 999) // 2
    np.testing.assert_array_equal(waves["short_C5"], np.pad(sound[:999], (left, 64000 - 999 - left)))
    spectrum = np.abs(np.fft.rfft(waves["fast_C6"]))
    assert np.argmax(spectrum) == 4000 and len(waves["fast_C6"]) == 64000


def test_notes_that_only_ffmpeg_decodes(tmp_path, monkeypatch, caplog):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "flute_C4.m4a").write_bytes(b"for ffmpeg alone")
    other_decoders.install(monkeypatch, tmp_path / "bin", np.arange(-2000, 2000) / 32768, 44100)
    with caplog.at_level(logging.INFO, logger="absl"):
        store = loaded(tmp_path, data_dir=str(tmp_path / "notes"))
    assert store.names == ("flute_C4",) and list(store.lengths) == [1452]
    assert "changed flute_C4: is at 44100 Hz, resampled to 16000" in caplog.text


def test_records_at_other_rates_are_resampled(tmp_path, caplog):
    tone = np.sin(np.arange(4 * 22050) * 2 * np.pi * 1000 / 22050).astype(np.float32) / 2
    path = record_files.write(
        tmp_path / "a.tfrecord", [record_files.nsynth_example("tone", 60, tone, sample_rate=22050)]
    )
    with caplog.at_level(logging.INFO, logger="absl"):
        store = loaded(tmp_path, train_data_path=str(path))
    assert "changed tone: is at 22050 Hz, resampled to 16000" in caplog.text
    assert np.argmax(np.abs(np.fft.rfft(store.wave(np.int64(0))[:, 0]))) == 4000


@pytest.mark.parametrize("rate", [1000, 8000, 11025, 16000, 22050, 44100, 44101, 48000, 96000, 1_000_000])
def test_records_at_any_rate_are_the_notes_of_files(tmp_path, rate):
    """Whatever the length: around multiples of what one sample of the result takes."""
    rng, examples = np.random.default_rng(rate), []
    (tmp_path / "notes").mkdir()
    for index, length in enumerate([1, 2, 3, 62, 63, 64, *rng.integers(100, 5000, 12)]):
        sound, name = rng.uniform(-1, 1, length).astype(np.float32), f"flute_acoustic_{index:03d}-060-100"
        soundfile.write(tmp_path / "notes" / f"{name}.wav", sound, rate, "FLOAT")
        examples.append(record_files.nsynth_example(name, 60, sound, 0, 2, sample_rate=rate))
    path = record_files.write(tmp_path / "a.tfrecord", examples)
    files, records = loaded(tmp_path, data_dir=str(tmp_path / "notes")), loaded(tmp_path, train_data_path=str(path))
    assert files.names == records.names and not records.bad
    np.testing.assert_array_equal(files.lengths, records.lengths)
    np.testing.assert_array_equal(files.samples, records.samples)


@pytest.mark.parametrize("rate", [-(2**63), -1, 0, 1, 999, 1_000_001, 2**31, 2**63 - 1])
def test_records_at_impossible_rates_are_left_out_and_named(tmp_path, rate):
    examples = [record_files.nsynth_example(f"n{i}", 60, NSYNTH[i, :99]) for i in range(2)]
    examples.append(record_files.nsynth_example("odd", 61, NSYNTH[2, :99], sample_rate=rate))
    path = record_files.write(tmp_path / "a.tfrecord", examples)
    store = loaded(tmp_path, train_data_path=str(path))
    reason = f"odd: sample rate {rate} Hz is not between 1000 and 1000000"
    assert store.names == ("n0", "n1") and store.bad == (("a.tfrecord, record 2", reason),)
    only = record_files.write(tmp_path / "b.tfrecord", examples[2:])
    with pytest.raises(UserError, match=f"b.tfrecord: holds no note that can be used; b.tfrecord, record 0: {reason}"):
        loaded(tmp_path, train_data_path=str(only))


def test_records_without_samples_are_left_out_and_named(tmp_path):
    examples = [record_files.nsynth_example(f"n{i}", 60, NSYNTH[i, : 99 * i]) for i in range(2)]
    path = record_files.write(tmp_path / "a.tfrecord", examples)
    store = loaded(tmp_path, train_data_path=str(path))
    assert store.names == ("n1",) and store.bad == (("a.tfrecord, record 0", "n0: holds no samples"),)


def test_what_is_not_chosen_is_counted_by_its_reason(tmp_path, records, caplog):
    expected = {"--data_min_pitch=24 --data_max_pitch=84": 1, "--data_sources=acoustic": 1}
    with caplog.at_level(logging.INFO, logger="absl"):
        for _ in range(2):  # the second time from the cache
            assert loaded(tmp_path, train_data_path=str(records), data_cache_mb=0).left_out == expected
    assert "notes skipped by --data_sources=acoustic: 1" in caplog.text
    assert "data: 2 notes of pitches 30 to 60, 8 seconds, 0 notes skipped, 2 skipped" in caplog.text
    folder = tmp_path / "notes"
    folder.mkdir()
    named = ("flute_acoustic_000-060-100", "x_acoustic_000-061-050")
    for name in ("flute_C4", "flute_C♯4", "flute_C0", "flute_F_4", *named):
        soundfile.write(folder / f"{name}.wav", np.zeros(100), 16000)
    store = loaded(tmp_path, data_dir=str(folder), data_families="flute", data_velocities="100")
    assert list(store.pitches) == [60, 61, 60] and [name for name, _ in store.bad] == ["flute_F_4"]
    assert store.left_out == {"--data_min_pitch=24 --data_max_pitch=84": 1, "--data_families=flute": 1}
    (folder / "nsynth-gansynth_splits.csv").write_text("id,split\nflute_C4,train\nflute_C0,train\nflute_C♯4,test\n")
    store = loaded(tmp_path, data_dir=str(folder))
    assert store.names == ("flute_C4",)
    assert store.left_out == {"--data_min_pitch=24 --data_max_pitch=84": 1, "--data_split=train": 3}


def test_a_record_file_that_could_not_be_read_is_tried_again(tmp_path):
    examples = [record_files.nsynth_example(f"n{i}", 60, NSYNTH[i]) for i in range(3)]
    whole = record_files.write(tmp_path / "a.tfrecord", examples).read_bytes()
    status = (tmp_path / "a.tfrecord").stat()
    cut = bytearray(whole)
    cut[-10] ^= 1
    arguments = {"train_data_path": str(tmp_path / "a.tfrecord"), "data_cache_mb": 0}
    keys = []
    for content, names in ((cut, ("n0", "n1")), (cut, ("n0", "n1")), (whole, ("n0", "n1", "n2"))):
        (tmp_path / "a.tfrecord").write_bytes(content)
        os.utime(tmp_path / "a.tfrecord", ns=(status.st_atime_ns, status.st_mtime_ns))
        store = loaded(tmp_path, **arguments)
        keys.append(store.key)
        assert store.names == names and len(store.bad) == 3 - len(names)
    assert keys[0] == keys[1] != keys[2]


def broken_folder(folder):
    """Two good notes among broken ones."""
    names = sorted(name for name in ENTRIES if "_acoustic_" in name)[:6]
    (folder / "audio").mkdir(parents=True)
    entries = {name: dict(ENTRIES[name]) for name in names}
    for name in names:
        shutil.copy(NOTES / "audio" / f"{name}.flac", folder / "audio")
    (folder / "audio" / f"{names[0]}.flac").unlink()
    (folder / "audio" / f"{names[1]}.flac").write_bytes(b"not audio")
    entries[names[2]]["pitch"] = 99
    nan = np.full(64000, np.nan, np.float32)
    (folder / "audio" / f"{names[3]}.flac").unlink()
    soundfile.write(folder / "audio" / f"{names[3]}.wav", nan, 16000, "FLOAT")
    (folder / "examples.json").write_text(json.dumps(entries))
    return names


def test_bad_notes_are_named_and_left_out(tmp_path, caplog):
    names = broken_folder(tmp_path / "notes")
    with caplog.at_level(logging.INFO, logger="absl"):
        store = loaded(tmp_path, data_dir=str(tmp_path / "notes"))
    assert store.names == tuple(names[4:])
    reasons = dict(store.bad)
    assert set(reasons) == set(names[:4])
    assert reasons[names[0]] == "has no file in audio/"
    assert "cannot be decoded" in reasons[names[1]]
    assert "has pitch 99" in reasons[names[2]]
    assert "not finite: 64000 NaN" in reasons[names[3]]
    for name in names[:4]:
        assert name in caplog.text
    assert "data: 2 notes" in caplog.text and "4 notes skipped" in caplog.text
    with pytest.raises(UserError, match=f"{names[0]}: has no file in audio/; repair or remove it"):
        loaded(tmp_path, data_dir=str(tmp_path / "notes"), data_skip_bad=False)


def test_bad_records_are_named_and_left_out(tmp_path):
    examples = [
        record_files.nsynth_example("good", 60, NSYNTH[0]),
        b"\xff\xff",
        record_files.nsynth_example("nan", 61, np.full(9, np.nan, np.float32)),
        record_files.nsynth_example("high", 200, NSYNTH[0, :9]),
    ]
    path = record_files.write(tmp_path / "a.tfrecord", examples)
    for _ in range(2):  # the second time from the cache
        store = loaded(tmp_path, train_data_path=str(path), data_cache_mb=0)
        assert store.names == ("good",)
        assert dict(store.bad) == {
            "a.tfrecord, record 1": "is no tf.train.Example",
            "a.tfrecord, record 2": "nan: holds samples that are not finite: 9 NaN, 0 Inf",
            "a.tfrecord, record 3": "pitch 200 is not a MIDI number from 0 to 127",
        }
    with pytest.raises(UserError, match="a.tfrecord, record 1: is no tf.train.Example; repair or remove it"):
        loaded(tmp_path, train_data_path=str(path), data_skip_bad=False)


@pytest.mark.parametrize("kind", ["data_dir", "train_data_path"])
def test_notes_that_do_not_fit_in_memory_go_to_a_file(tmp_path, records, kind):
    place = str(NOTES) if kind == "data_dir" else str(records)
    in_memory = loaded(tmp_path, **{kind: place})
    assert not (tmp_path / "cache").exists()
    for _ in range(2):
        on_disk = loaded(tmp_path, **{kind: place}, data_cache_mb=0)
        assert on_disk.names == in_memory.names and on_disk.key
        for index in range(len(in_memory)):
            np.testing.assert_array_equal(on_disk.wave(np.int64(index)), in_memory.wave(np.int64(index)))
            np.testing.assert_array_equal(on_disk.one_hot(np.int64(index)), in_memory.one_hot(np.int64(index)))
    assert len(list((tmp_path / "cache").glob("*.f32"))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of data_dir, tfds_data_dir, train_data_path and data_prepared must be given, not none"),
        ({"data_dir": "a", "train_data_path": "b"}, "not data_dir and train_data_path"),
        (
            {"data_dir": str(NOTES), "data_min_pitch": 90, "data_max_pitch": 99},
            "none of its 16 notes is chosen: 16 skipped by data_min_pitch=90 data_max_pitch=99$",
        ),
        ({"data_dir": "/nowhere"}, "is not a folder"),
        ({"train_data_path": "/nowhere"}, "no such file"),
        ({"tfds_data_dir": "/nowhere"}, "tfds build nsynth/gansynth_subset"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        loaded(tmp_path, **options)


def test_a_file_without_notes_is_refused(tmp_path):
    path = record_files.write(tmp_path / "a.tfrecord", [b"\xff\xff"])
    with pytest.raises(UserError, match="holds no note that can be used; a.tfrecord, record 0: is no tf.train.Example"):
        loaded(tmp_path, train_data_path=str(path))
