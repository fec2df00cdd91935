"""gansynth_prepare beside a training from the folder: the same notes, ranges and features to the bit."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.normalizer import identity
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.stream import note_batches
from gansynth_tf.prepare import NotePreparationOptions, prepare
from gansynth_tf.resolution import StageData
from gansynth_tf.stages import features
from tests.core.preparation.objects import STORED
from tests.core.preparation.remote_sets import put
from tests.core.preparation.sounds import IN_MEMORY, RATE, tone
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import manifest

LENGTH = 2048
SIZES: dict[str, Any] = {
    "audio_length": LENGTH, "data_type": "linear", "start_height": 16, "start_width": 64, "num_resolutions": 2,
    "normalizer_num_examples": 15, "seed": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """A folder of 21 notes, some of which are not taken, and three bad files."""
    folder = tmp_path_factory.mktemp("notes")
    for number in range(21):
        wave = tone(LENGTH - 100 + 10 * number, 1, number, 0.05 * (number + 1))
        kind = ("acoustic", "electronic")[number % 7 == 0]
        subtype = ("PCM_16", "FLOAT")[number % 3 == 0]
        soundfile.write(folder / f"bass_{kind}_{number:03d}-{40 + number % 5:03d}-100.wav", wave, RATE, subtype)
    soundfile.write(folder / "flute_C1.wav", tone(LENGTH), 22_050)
    (folder / "flute_C4.wav").write_bytes(b"RIFF")
    (folder / "flute_D4.wav").touch()
    soundfile.write(folder / "flute_none.wav", tone(LENGTH), RATE)
    return folder


def options(notes, output, **changes):
    return NotePreparationOptions(**{"data_dir": str(notes), "output_dir": str(output), **SIZES, **changes})


@pytest.fixture(scope="module")
def prepared(notes, tmp_path_factory):
    """All of it prepared, in two shards."""
    output = tmp_path_factory.mktemp("prepared") / "set"
    prepare(options(notes, output, num_shards=2, features="all"), IN_MEMORY)
    return output


def configs(notes, prepared):
    """Of a training from the folder, and from what was prepared of it."""
    read = GANSynthConfig(data_dir=str(notes), data_normalizer="specgrams_freq_normalizer", **SIZES)
    return read, dataclasses.replace(read, data_dir="", data_prepared=str(prepared))


@pytest.fixture(scope="module")
def stores(notes, prepared, tmp_path_factory):
    return [load_notes(config, str(tmp_path_factory.mktemp("cache"))) for config in configs(notes, prepared)]


def test_notes_are_those_of_the_folder(stores):
    read, opened = stores
    assert len(opened) == len(read) == 19 and list(opened.names) == list(read.names)
    assert opened.left_out == read.left_out == {"--data_sources=acoustic": 3}
    assert {name for name, _ in read.bad} <= {name.rpartition("/")[2].removesuffix(".wav") for name, _ in opened.bad}
    for name in ("pitches", "lengths", "pitch_counts"):
        np.testing.assert_array_equal(getattr(read, name), getattr(opened, name))
    for start in (0, 40):
        streams = [
            note_batches(store, store.wave, batch_size=6, seed=1, start_example=start, worker=worker, num_workers=count)
            for store, worker, count in ((read, 0, 1), (opened, 0, 2), (opened, 1, 2))
        ]
        whole, *halves = [list(stream.take(5).as_numpy_iterator()) for stream in streams]
        for batch, one, other in zip(whole, *halves, strict=True):
            for column in range(2):
                joined = np.concatenate([one[column], other[column]])
                np.testing.assert_array_equal(batch[column].view(np.uint32), joined.view(np.uint32))


def test_streamed_notes_are_those_of_a_folder_shuffled_likewise(notes, tmp_path):
    """A remote set is not copied; without its features, which are as large."""
    prepare(options(notes, tmp_path / "set", num_shards=6, features="1"), IN_MEMORY)
    local = dataclasses.replace(configs(notes, tmp_path / "set")[1], data_shuffle_shards=2)
    with put(tmp_path / "set") as address:
        remote = dataclasses.replace(local, data_prepared=address)
        opened, streamed = (load_notes(config, str(tmp_path / "cache")) for config in (local, remote))
        assert streamed.samples.is_streamed and not list((tmp_path / "cache").glob("prepared-*/*.audio"))
        one, other = (
            list(note_batches(store, store.wave, batch_size=5, seed=1, start_example=3).take(20).as_numpy_iterator())
            for store in (opened, streamed)
        )
        for batch, of_stream in zip(one, other, strict=True):
            np.testing.assert_array_equal(batch[0], of_stream[0])
            np.testing.assert_array_equal(batch[1], of_stream[1])
        rest = np.concatenate([waves for waves, _ in one])[16:92].reshape(4, 19, -1)
        for epoch in rest:  # each note once
            assert len(np.unique(epoch, axis=0)) == 19
        data = StageData(remote.resolutions, 1, identity())
        read = [
            features.stage_reader(config, store, features.make_features(config), data, str(tmp_path / "features"))
            for config, store in ((local, opened), (remote, streamed))
        ]
        for index in range(19):
            computed, kept = (reader(tf.constant(index, tf.int64)) for reader in read)
            np.testing.assert_allclose(computed, kept, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["specgrams_freq_normalizer", "specgrams_simple_normalizer"])
def test_ranges_are_those_of_the_folder(notes, prepared, stores, tmp_path, monkeypatch, kind):
    made: list[Any] = []
    for config, store in zip(configs(notes, prepared), stores, strict=True):
        config = dataclasses.replace(config, data_normalizer=kind)
        if config.data_prepared:
            monkeypatch.setattr(features, "ranges", None)  # those of the manifest
        representation = features.make_features(config)
        made.append(features.run_normalizer(config, store, representation, str(tmp_path / f"run{len(made)}")))
    np.testing.assert_array_equal(made[0].scale, made[1].scale)
    np.testing.assert_array_equal(made[0].offset, made[1].offset)


@pytest.mark.parametrize("blocks", [1, 2])
def test_features_are_those_of_the_folder(notes, prepared, stores, tmp_path, monkeypatch, blocks):
    rows: list[Any] = []
    for config, store in zip(configs(notes, prepared), stores, strict=True):
        data = StageData(config.resolutions, blocks, identity())
        cache = str(tmp_path / f"cache{len(rows)}")
        representation = features.make_features(config)
        if config.data_prepared:
            monkeypatch.setattr(type(representation), "waves_to_data", None)  # nothing is computed
        read = features.stage_reader(config, store, representation, data, cache)
        rows.append(np.stack([read(tf.constant(index, tf.int64)).numpy() for index in range(len(store))]))
    np.testing.assert_array_equal(rows[0].view(np.uint32), rows[1].view(np.uint32))


def test_other_settings_are_computed_anew(notes, prepared, stores, tmp_path):
    """Ranges of another seed or size, features of another representation."""
    _, config = configs(notes, prepared)
    manifest = json.loads((prepared / "manifest.json").read_text())
    assert manifest["extras"].keys() == {"gansynth_ranges", "gansynth_features"}
    from gansynth_tf.stages import prepared as reading

    assert reading.bounds(str(prepared), config, features.range_key(config)) is not None
    other = dataclasses.replace(config, seed=4)
    assert reading.bounds(str(prepared), other, features.range_key(other)) is None
    for other in (dataclasses.replace(config, use_unwrap=False), dataclasses.replace(config, audio_length=LENGTH - 1)):
        key = features.feature_key(other)
        assert reading.reader(str(prepared), other, key, (32, 128), 32 * 128 * 2, len(stores[1])) is None


def test_more_features_are_added_and_nothing_is_done_twice(notes, tmp_path, monkeypatch):
    output = tmp_path / "set"
    prepare(options(notes, output, ranges=False, features="1"), IN_MEMORY)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.suffix in (".audio", ".f32")}
    made = prepare(options(notes, output, features="all"), IN_MEMORY)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert list(made.extras["gansynth_features"]) == ["16x128", "32x128"] or len(made.extras["gansynth_features"]) == 2
    assert "gansynth_ranges" in made.extras and not (output / "parts").exists()
    from wavegan_tf.core.preparation import pipeline

    monkeypatch.setattr(pipeline, "run", None)
    assert prepare(options(notes, output, features="all"), IN_MEMORY) == made


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": "3"}, "features=3: '3' is no resolution from 1 to num_resolutions=2, nor all"),
        ({"data_min_pitch": 90, "data_max_pitch": 91}, "holds no note that can be used; .*24 skipped by"),
        ({"data_glob": "*.wav"}, "one of data_dir and data_glob must be given, not both"),
        ({"audio_length": 1 << 20}, "audio_length=1048576: "),
        ({"data_skip_bad": False}, r"flute_none: .*repair or remove it, or set data_skip_bad=true"),
    ],
)
def test_mistakes(notes, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        prepare(options(notes, tmp_path / "set", **changes), IN_MEMORY)


def test_runs_of_other_options_are_refused(notes, prepared, tmp_path):
    _, config = configs(notes, prepared)
    for changes in ({"sample_rate": 8000}, {"data_sources": ""}, {"data_max_pitch": 60}, {"data_normalize": True}):
        (name, value), = changes.items()
        with pytest.raises(UserError, match=f"{name}={value}: the data in .* were prepared with "):
            load_notes(dataclasses.replace(config, **changes), str(tmp_path))


def test_remote_sets_are_those_of_a_folder(notes, prepared):
    """Ranges and features in the manifest to the bit, and the files of these to the byte."""
    STORED.clear()
    made = prepare(options(notes, "", output_dir="objects://out/set", num_shards=2, features="all"), IN_MEMORY)
    assert made == manifest.read(str(prepared))
    found = {path.removeprefix("objects://out/set/"): data for path, data in STORED.items()}
    assert sorted(found) == sorted(str(path.relative_to(prepared)) for path in prepared.rglob("*") if path.is_file())
    for path in prepared.rglob("*.f32"):
        assert found[str(path.relative_to(prepared))] == path.read_bytes()
