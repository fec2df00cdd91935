"""Features of a stage: the same whether kept in memory, on disk or computed again; and the normaliser of a run."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.boxes import box_downscale
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.stream import note_batches
from gansynth_tf.representation import FREQ, SIMPLE
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer, stage_reader
from tests.gansynth.notes.test_files import NOTES
from wavegan_tf.core.errors import UserError

OPTIONS: dict[str, Any] = {
    "data_dir": str(NOTES),
    "num_resolutions": 3,
    "start_height": 4,
    "start_width": 64,
    "audio_length": 2000,
}
WAYS = {"memory": (2048, 20000), "disk": (0, 20000), "on the fly": (0, 0)}


def stage_of(tmp_path, blocks=2, **changes):
    """The notes, features and data of a stage."""
    config = GANSynthConfig(**{**OPTIONS, **changes})
    store = load_notes(GANSynthConfig(**OPTIONS), str(tmp_path))
    features = make_features(config)
    data = StageData(config.resolutions, blocks, run_normalizer(config, store, features, str(tmp_path)))
    return config, store, features, data


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_shrunken_features(way, tmp_path, caplog, capsys):
    memory, disk = WAYS[way]
    config, store, features, data = stage_of(tmp_path, data_cache_mb=memory, data_disk_mb=disk)
    with caplog.at_level(logging.INFO, logger="absl"):
        for _ in range(2):
            read = stage_reader(config, store, features, data, str(tmp_path / "cache"))
    expected = {"memory": "computed once", "disk": "using what an earlier run left in", "on the fly": "whenever"}
    assert expected[way] in caplog.text
    assert ("features of 8 x 128 pixels: note 13/13  " in capsys.readouterr().err) == (way != "on the fly")
    assert len(list(tmp_path.glob("cache/features-*.f32"))) == (way == "disk")
    images, pitches = next(iter(note_batches(store, read, batch_size=4, seed=1)))
    waves, same_pitches = next(iter(note_batches(store, store.wave, batch_size=4, seed=1)))
    np.testing.assert_array_equal(pitches, same_pitches)
    full = features.waves_to_data(waves)
    assert full.shape == (4, 16, 256, 2) and images.shape == (4, 8, 128, 2)
    np.testing.assert_allclose(images, box_downscale(full, (2, 2)), atol=2e-4)


def test_what_shapes_features_shapes_their_cache(tmp_path):
    made = []
    for changes, blocks in (({}, 2), ({"data_type": "phase"}, 2), ({}, 3), ({"use_unwrap": False}, 2)):
        config, store, features, data = stage_of(tmp_path, blocks, data_cache_mb=0, **changes)
        stage_reader(config, store, features, data, str(tmp_path / "cache"))
        made.append(len(list(tmp_path.glob("cache/features-*.f32"))))
    assert made == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", [SIMPLE, FREQ])
def test_normalisers_are_the_range_of_the_data_and_are_kept(kind, tmp_path):
    config, store, features, data = stage_of(tmp_path, data_type="linear", data_normalizer=kind)
    waves = tf.stack([store.wave(tf.constant(index, tf.int64)) for index in range(len(store))])
    made = data.normalizer.normalize(features.waves_to_data(waves)).numpy()
    axes = (0, 1, 2) if kind == SIMPLE else (0, 1)
    np.testing.assert_allclose(made.max(axes), 0.8, atol=1e-4)
    np.testing.assert_allclose(made.min(axes), -0.8, atol=1e-4)
    path = tmp_path / "assets" / f"{kind}.npz"
    before = path.read_bytes()
    again = run_normalizer(config, None, features, str(tmp_path))
    np.testing.assert_array_equal(again.scale, data.normalizer.scale)
    assert path.read_bytes() == before
    other = run_normalizer(config, store, features, str(tmp_path / "worker"), is_chief=False)
    np.testing.assert_array_equal(other.offset, again.offset)
    assert not os.path.exists(tmp_path / "worker")
    os.remove(path)
    with pytest.raises(UserError, match="cannot be read as a normaliser"):
        run_normalizer(config, None, features, str(tmp_path))


def test_normalisers_take_as_many_notes_as_they_are_told(tmp_path):
    few, all_notes = (
        stage_of(tmp_path / str(n), data_normalizer=SIMPLE, normalizer_num_examples=n)[3].normalizer
        for n in (1, 1000)
    )
    assert (few.scale >= all_notes.scale).all() and (few.scale > all_notes.scale).any()


def test_given_normalisers():
    config = GANSynthConfig(p_normalizer_b=0.25)
    made = run_normalizer(config, None, make_features(config), "")
    np.testing.assert_allclose(made.scale.ravel(), [0.0661371661726, 0.8])
    np.testing.assert_allclose(made.offset.ravel(), [0.113718730221, 0.25])
    config = GANSynthConfig(data_normalizer="none")
    assert run_normalizer(config, None, make_features(config), "").normalize(tf.constant(7.0)).numpy().ravel()[0] == 7.0
