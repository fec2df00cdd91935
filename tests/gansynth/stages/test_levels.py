"""Exports whose pitches have the levels of the run's notes: against sounds whose levels are known."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import wavegan_tf
from gansynth_tf import api
from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.stages import levels
from gansynth_tf.stages.model import StageModel
from tests import edge_files
from tests.commands import one_line_error, run
from tests.gansynth.small import SMALL
from wavegan_tf.core.audio import decode
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import save_options
from wavegan_tf.core.serving.metadata import METADATA_FILE

# By pitch, the peaks of its notes: two of pitch 60, none of 62, a silent one of 63, and 65 beside a silent one.
PEAKS = {60: [0.5, 0.125], 61: [0.2], 63: [0.0], 64: [0.4], 65: [0.3, 0.0]}
PITCHES = range(60, 66)
LENGTH = 320


def db(waves: np.ndarray) -> np.ndarray:
    """Levels of waves [n, t, ...]."""
    squares = np.square(waves.astype(np.float64)).reshape(len(waves), -1)
    return 10 * np.log10(squares.mean(axis=1))


@pytest.fixture
def notes(tmp_path) -> Path:
    """A folder of square waves, whose level is that of their peak."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for pitch, peaks in PEAKS.items():
        for number, peak in enumerate(peaks):
            wave = np.where(np.arange(LENGTH) % 16 < 8, peak, -peak).astype(np.float32)
            decode.write(str(folder / f"flute_acoustic_{number:03d}-{pitch:03d}-100.wav"), wave, 16000)
    return folder


def options(notes: Path, **changes: Any) -> GANSynthConfig:
    given = {**SMALL, "data_dir": str(notes), "data_min_pitch": 60, "data_max_pitch": 65, **changes}
    return GANSynthConfig(**given)


def trained(config: GANSynthConfig, folder: Path) -> Path:
    """A run of a network that has learned nothing."""
    stage = config.schedule.stage(1)
    model = StageModel(config, stage, config.num_pitches, str(folder), keras.DTypePolicy("float32"))
    model.save(7)
    save_options(config, str(folder / CONFIG_FILE), MODEL)
    return folder


class Made:
    """Generated notes: those of pitch p are around -p dB; those of 61, and the loudest of 64, are silent.

    Attributes:
      z: the latents of the first pitch.
    """

    def __init__(self, channels: int):
        self.z = np.zeros([0])
        self._channels = channels

    def __call__(self, z: tf.Tensor, pitch: tf.Tensor) -> dict[str, tf.Tensor]:
        first, number = z.numpy()[:, 0], pitch.numpy()
        if (number == 60).all():
            self.z = np.concatenate([self.z, first])
        amplitude = 10 ** ((3 * first - number) / 20)
        amplitude[(number == 61) | (number == 64) & (first == self.z.max())] = 0
        channels = [self._channels] * (self._channels > 1)
        waves = np.broadcast_to(amplitude, [*channels, LENGTH, len(first)]).T
        return {"audio": tf.constant(waves)}


@pytest.mark.parametrize("channels", [1, 2])
def test_gains_bring_generated_notes_to_the_level_of_real_ones(notes, tmp_path, channels, caplog):
    config, made = options(notes, num_channels=channels), Made(channels)
    store = load_notes(config, str(tmp_path / "cache"), channels)
    with caplog.at_level(logging.INFO, logger="absl"):
        found = 20 * np.log10(levels.gains(made, store, config))
    assert len(np.unique(made.z)) == levels.LATENTS
    wanted = {
        60: 20 * np.log10([0.5, 0.125]).mean() + 60 - 3 * made.z.mean(),
        64: 20 * np.log10(0.4) + 64 - 3 * np.delete(made.z, made.z.argmax()).mean(),
        65: 20 * np.log10(0.3) + 65 - 3 * made.z.mean(),
    }
    # To what 16 bits keep of the real notes' peaks.
    np.testing.assert_allclose(found[[0, 4, 5]], list(wanted.values()), atol=2e-3)
    between = np.interp([61, 62, 63], [60, 64], [wanted[60], wanted[64]])
    np.testing.assert_allclose(found[1:4], between, atol=2e-3)
    assert f"changed by {found.min():+.1f} to {found.max():+.1f} dB, {found.mean():+.1f} on average" in caplog.text


def test_of_many_real_notes_some_are_taken_evenly(notes, tmp_path, monkeypatch):
    for number in range(2, 9):
        shutil.copy(notes / "flute_acoustic_000-061-100.wav", notes / f"flute_acoustic_{number:03d}-061-100.wav")
    store = load_notes(options(notes), str(tmp_path / "cache"))
    read: list[int] = []

    def waves_of(store: Any, order: np.ndarray) -> list[tf.Tensor]:
        read.extend(order)
        return [tf.ones([len(order), 4, 1])]

    monkeypatch.setattr(levels, "NOTES", 3)
    monkeypatch.setattr(levels, "waves_of", waves_of)
    levels.gains(lambda z, pitch: {"audio": tf.ones([len(z), 4])}, store, options(notes))
    of_61 = np.flatnonzero(store.pitches == 61)
    assert len(of_61) == 8 and sorted(set(read) & set(of_61)) == [of_61[0], of_61[3], of_61[7]]
    assert len(read) == len(store) - 8 + 3


@pytest.mark.parametrize("data_type", ["linear", "mel"])
def test_an_exported_model_has_the_levels(notes, tmp_path, data_type):
    config = options(notes, data_type=data_type)
    made = trained(config, tmp_path / "run")
    assert api.export_model(made, tmp_path / "1") == api.export_model(made, tmp_path / "2", match_levels=True) == 7
    plain, matched = (tf.saved_model.load(str(tmp_path / name)).signatures for name in "12")
    z = tf.random.stateless_normal([6, config.latent_vector_size], [1, 2])
    pitch = tf.constant(PITCHES)
    before, after = (served["serving_default"](z=z, pitch=pitch)["audio"].numpy() for served in (plain, matched))
    gains = json.loads((tmp_path / "2" / METADATA_FILE).read_text())["gains_db"]
    assert "gains_db" not in json.loads((tmp_path / "1" / METADATA_FILE).read_text())
    np.testing.assert_allclose(db(after) - db(before), gains, atol=0.01)
    expected = before * 10 ** (np.array(gains)[:, None] / 20)  # rounded to 0.01 dB, a thousandth
    np.testing.assert_allclose(after, expected, rtol=2e-3, atol=5e-4 * np.abs(after).max())
    # The same latents as those that were measured.
    store = load_notes(config, str(tmp_path / "cache"))
    again = levels.gains(lambda z, pitch: matched["serving_default"](z=z, pitch=pitch), store, config)
    np.testing.assert_allclose(again, 1.0, atol=1e-3)
    wavegan_tf.load_model(tmp_path / "2").export_edge(tmp_path / "a.tflite", "float32")
    assert edge_files.difference(str(tmp_path / "2"), tmp_path / "a.tflite", 3).relative < 1e-3


@pytest.mark.slow
def test_command_line_takes_notes_that_have_moved(notes, tmp_path):
    trained(options(notes), tmp_path / "run")
    notes.rename(tmp_path / "moved")
    given = [f"--train_dir={tmp_path / 'run'}", f"--export_dir={tmp_path / '1'}"]
    errors = one_line_error(run("gansynth_tf.export", *given, "--match_levels", code=1))
    assert str(notes) in errors
    errors = one_line_error(run("gansynth_tf.export", *given, f"--data_dir={tmp_path / 'moved'}", code=1))
    assert "only with --match_levels" in errors
    errors = run("gansynth_tf.export", *given, "--match_levels", f"--data_dir={tmp_path / 'moved'}")
    assert "level by pitch: changed by " in errors
    assert len(json.loads((tmp_path / "1" / METADATA_FILE).read_text())["gains_db"]) == len(PITCHES)


def test_mistakes(notes, tmp_path, monkeypatch):
    made = trained(options(notes), tmp_path / "run")
    with pytest.raises(UserError, match="only with match_levels"):
        api.export_model(made, tmp_path / "1", data_dir=notes)
    (tmp_path / "1").mkdir()
    monkeypatch.setattr(levels, "load", lambda *_: pytest.fail("read the notes of what cannot be written"))
    with pytest.raises(UserError, match="exists already"):
        api.export_model(made, tmp_path / "1", match_levels=True)
    monkeypatch.undo()
    notes_elsewhere = tmp_path / "elsewhere"
    with pytest.raises(UserError, match=f"{notes_elsewhere}"):
        api.export_model(made, tmp_path / "2", match_levels=True, data_dir=notes_elsewhere)
    for path in notes.iterdir():
        if "-063-" not in path.name:
            path.unlink()
    with pytest.raises(UserError, match="no pitch has both real and generated notes that are not silent"):
        api.export_model(made, tmp_path / "2", match_levels=True)
    save_options(options(notes, data_dir=""), str(made / CONFIG_FILE), MODEL)
    with pytest.raises(UserError, match="does not say where its notes are; give data_dir"):
        api.export_model(made, tmp_path / "2", match_levels=True)
    assert not (tmp_path / "2").exists()
