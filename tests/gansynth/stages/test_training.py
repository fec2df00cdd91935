"""Whole trainings: stopped anywhere they equal uninterrupted ones, and every way of ending and feeding them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import os
import shutil
import types

import numpy as np
import pytest
import soundfile

import gansynth_tf
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.stages import training
from tests import tensorboard_view
from tests.commands import checkpoint_values
from tests.gansynth.notes.test_files import NOTES
from tests.gansynth.small import SMALL, SMALLER
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.metadata import METADATA_FILE
from wavegan_tf.core.stop import Stop
from wavegan_tf.core.training import runtime


def trained(run_dir, **changes):
    """Trains as far as the options go."""
    config = GANSynthConfig(**{**SMALLER, "data_dir": str(NOTES), **changes})
    training.train(config, str(run_dir))
    return run_dir


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of all three stages without a stop."""
    return trained(tmp_path_factory.mktemp("straight"))


class StopAfter(Stop):
    """Is late after so many questions."""

    def __init__(self, steps):
        super().__init__()
        self._left = steps

    @property
    def is_late(self):
        self._left -= 1
        return self._left < 0


def assert_same(run_dir, expected_dir, checkpoint="stage_00002/model.ckpt-14"):
    ours, expected = checkpoint_values(run_dir / checkpoint), checkpoint_values(expected_dir / checkpoint)
    assert ours.keys() == expected.keys() and len(ours) > 90
    for name, value in expected.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.mark.slow
def test_a_run_stopped_again_and_again_is_the_straight_one(straight, tmp_path, monkeypatch):
    """Inside of stages and exactly between them."""
    for steps in (1, 1, 2, 2):
        monkeypatch.setattr(training, "Stop", lambda _, steps=steps: StopAfter(steps))
        trained(tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / "stage_00002" / "model.ckpt-14.index").exists()
    trained(tmp_path)
    assert_same(tmp_path, straight)
    lines = [
        [json.loads(line) for line in (path / "stats.jsonl").read_text().splitlines()] for path in (tmp_path, straight)
    ]
    assert lines[0][-1]["step"] == lines[1][-1]["step"] == 14
    assert lines[0][-1]["progress"] == 1.0


def test_a_stage_that_died_before_its_first_checkpoint_starts_from_the_one_before(straight, tmp_path):
    shutil.copytree(straight, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "stage_00002")
    (tmp_path / "run" / "stage_00002").mkdir()
    assert_same(trained(tmp_path / "run"), straight)


def test_a_finished_run_has_nothing_left_to_do(straight, tmp_path, caplog):
    shutil.copytree(straight, tmp_path / "run")
    with caplog.at_level(logging.INFO, logger="absl"):
        trained(tmp_path / "run")
    assert "training is over" in caplog.text
    assert_same(tmp_path / "run", straight)


def test_stages_begin_and_end_where_the_schedule_says(straight):
    saved = {
        name: sorted(int(p.stem.split("-")[1]) for p in (straight / name).glob("*.index"))
        for name in sorted(os.listdir(straight))
        if name.startswith("stage_")
    }
    assert saved == {"stage_00000": [0, 4], "stage_00001": [4, 8], "stage_00002": [8, 14]}
    lines = [json.loads(line) for line in (straight / "stats.jsonl").read_text().splitlines()]
    assert [(line["step"], line["stage_id"], line["progress"]) for line in lines] == [
        (4, 0, 0.0), (8, 1, 1.0), (10, 2, 1.0), (14, 2, 1.0),
    ]  # fmt: skip


def test_what_a_run_shows(straight):
    board = tensorboard_view.shown(straight)
    assert {
        "G_loss", "D_loss", "wasserstein_generator_loss", "wasserstein_discriminator_loss", "gradient_penalty",
        "real_score_penalty", "fake_ac_loss", "real_ac_loss", "progress", "stage_id", "fake_gl_loss", "real_gl_loss",
        "fake_waves_rms", "real_waves_rms",
    } <= set(board["scalars"])  # fmt: skip
    assert set(board["audio"]) == {"fake_waves", "real_waves", "interp_waves"}
    assert set(board["images"]) == {"fake_images", "real_images", "interp_images"}
    assert list(board["scalars"]["D_loss"]) == list(board["audio"]["interp_waves"]) == [4, 8, 10, 14]
    for rows in board["audio"]["interp_waves"].values():
        assert [(samples.shape, rate) for samples, rate in rows] == [((8 * 100, 1), 16000)] * 3
        assert all(samples.any() for samples, _ in rows)
    (picture,) = board["images"]["interp_images"][14]
    assert picture.shape == (4 * 32, 8 * 4, 3)  # frequencies, frames
    assert picture.max() == 255 and len(np.unique(picture)) > 20
    preview, rate = soundfile.read(straight / "preview" / "00000014.wav")
    assert rate == 16000 and len(preview) == 2 * (100 + 4000) and preview[:100].any()
    assert not preview[100:4100].any()


@pytest.mark.slow
def test_a_run_in_stereo_stopped_and_gone_on_is_the_straight_one(tmp_path, monkeypatch):
    """On notes whose channels differ in level; what it shows has both of them."""
    (tmp_path / "notes").mkdir()
    for index, pitch in enumerate((60, 64, 67, 60)):
        tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(100) / 16000)
        soundfile.write(tmp_path / "notes" / f"n{index}_midi{pitch}.wav", np.stack([0.8 * tone, 0.2 * tone], 1), 16000)
    changes = {"data_dir": str(tmp_path / "notes"), "num_channels": 2, "data_normalizer": "specgrams_simple_normalizer"}
    straight = trained(tmp_path / "straight", **changes)
    monkeypatch.setattr(training, "Stop", lambda _: StopAfter(3))
    trained(tmp_path / "stopped", **changes)
    monkeypatch.undo()
    assert not (tmp_path / "stopped" / "stage_00002" / "model.ckpt-14.index").exists()
    assert_same(trained(tmp_path / "stopped", **changes), straight)
    preview, _ = soundfile.read(straight / "preview" / "00000014.wav")
    assert preview.shape == (2 * (100 + 4000), 2) and np.std(preview[:, 0] - preview[:, 1]) > 0
    board = tensorboard_view.shown(straight)
    assert {samples.shape for samples, _ in board["audio"]["interp_waves"][14]} == {(8 * 100, 2)}
    assert {samples.shape for samples, _ in board["audio"]["real_waves"][14]} == {(100, 2)}
    assert board["images"]["interp_images"][14][0].shape == (4 * 64, 8 * 4, 3)  # both channels' frequencies
    with pytest.raises(UserError, match="num_channels=1: the run in this directory was started with 2"):
        gansynth_tf.train(GANSynthConfig(**{**SMALLER, **changes, "num_channels": 1}), straight)
    gansynth_tf.export_model(straight, tmp_path / "1")
    metadata = json.loads((tmp_path / "1" / METADATA_FILE).read_text())
    assert metadata["num_channels"] == 2 and metadata["data_shape"] == [4, 32, 4]
    model = gansynth_tf.load_model(tmp_path / "1")
    waves = model.generate(z=np.load(straight / "preview" / "z.npy"), pitch=[24, 84])
    np.testing.assert_allclose(np.clip(waves[0], -1, 1), preview[:100], atol=1e-4)  # as 16 bits have it


def test_stages_of_a_run_directory(tmp_path):
    config = GANSynthConfig(**SMALL)
    assert [stage.stage_id for stage in training.stages_to_train(config, str(tmp_path / "new"))] == [0, 1, 2, 3, 4]
    for name in ("stage_00000", "stage_00001", "stage_00002", "stage_1", "assets"):
        (tmp_path / name).mkdir()
    assert [stage.stage_id for stage in training.stages_to_train(config, str(tmp_path))] == [2, 3, 4]
    whole = dataclasses.replace(config, train_progressive=False)
    (stage,) = training.stages_to_train(whole, str(tmp_path))
    assert (stage.stage_id, stage.num_blocks, stage.end_image) == (4, 3, 22)


def test_training_without_growing(tmp_path):
    trained(tmp_path, train_progressive=False, total_num_images=4)
    assert [name for name in sorted(os.listdir(tmp_path)) if name.startswith("stage_")] == ["stage_00002"]
    line = json.loads((tmp_path / "stats.jsonl").read_text().splitlines()[-1])
    assert (line["step"], line["progress"]) == (4, 1.0)


@pytest.mark.slow
def test_stages_that_end_by_the_clock(tmp_path, monkeypatch):
    """Of one, two and four seconds, a step being a second long; a stage goes on until its time is passed."""
    monkeypatch.setattr(training, "time", types.SimpleNamespace(monotonic=itertools.count().__next__))
    trained(tmp_path, train_time_limit=7.0, save_summaries_num_images=2, train_time_stage_multiplier=2.0)
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [(line["step"], line["stage_id"], line["train_time"]) for line in lines] == [
        (2, 0, 1.0), (4, 0, 2.0), (6, 1, 3.0), (8, 1, 4.0), (10, 2, 5.0), (12, 2, 6.0), (14, 2, 7.0), (16, 2, 8.0),
    ]  # fmt: skip
    np.testing.assert_allclose([line["progress"] for line in lines], [0, 0, 1, 1, 1, 1, 1, 1])


@pytest.mark.slow
def test_the_clock_runs_while_images_are_counted(tmp_path, monkeypatch):
    """A run that goes on by the clock is where it was, a step being a second long."""
    monkeypatch.setattr(training, "time", types.SimpleNamespace(monotonic=itertools.count().__next__))
    monkeypatch.setattr(training, "Stop", lambda _: StopAfter(3))
    trained(tmp_path)  # two steps of stage 0 and one of stage 1, which fades in
    monkeypatch.undo()
    monkeypatch.setattr(training, "time", types.SimpleNamespace(monotonic=itertools.count().__next__))
    trained(tmp_path, train_time_limit=6.0, save_summaries_num_images=2)  # each stage takes two seconds
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    by_the_clock = [line for line in lines if "train_time" in line]
    assert (by_the_clock[0]["stage_id"], by_the_clock[0]["train_time"], by_the_clock[0]["step"]) == (1, 4.0, 8)
    progress = [line["progress"] for line in lines]
    assert progress == sorted(progress) and 0.5 in progress


def test_time_limits_are_not_for_several_workers(tmp_path):
    config = GANSynthConfig(**{**SMALL, "train_time_limit": 9.0})
    run = dataclasses.replace(runtime.start(config), workers=2)
    with pytest.raises(UserError, match="train_time_limit: several workers have no common clock"):
        training.train_held(config, str(tmp_path), run)


@pytest.mark.parametrize(
    "changes",
    [
        {"data_type": "wave", "start_height": 50, "start_width": 1, "scale_mode": "H"},
        {"data_type": "phase", "simple_arch": True, "to_rgb_activation": "linear"},
        {"data_type": "linear", "data_normalizer": "specgrams_freq_normalizer", "normalizer_num_examples": 11},
        {"data_normalizer": "none", "scale_base": 4, "start_width": 8, "gen_gl_consistency_loss_weight": 0.5},
        {"debug_hook": True, "use_unwrap": False, "data_normalizer": "specgrams_simple_normalizer"},
    ],
)
def test_every_representation_trains(changes, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="absl"):
        trained(tmp_path, **changes, train_progressive=False, total_num_images=6)
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 6 and all(
        np.isfinite(list(line[k] for k in ("D_loss", "G_loss"))).all() for line in lines
    )
    assert ("real_gl_loss" in lines[-1]) == (changes.get("data_type") != "wave")
    assert ("fake_gl_loss" in lines[-1]) == (changes.get("data_type") != "wave")
    assert ("weights at image" in caplog.text) == ("debug_hook" in changes)
    kind = changes.get("data_normalizer", "")
    assert (tmp_path / "assets" / f"{kind}.npz").exists() == (kind.endswith(("freq_normalizer", "simple_normalizer")))


def test_divergence_stops_a_run(tmp_path):
    with pytest.raises(UserError, match="training has diverged"):
        trained(tmp_path, discriminator_learning_rate=1e30)
    assert not list(tmp_path.glob("stage_*/model.ckpt-8.index"))
