"""Exports with --normalize and --fade_out_ms: from every signature, the TensorFlow Lite file and the command."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import specgan_tf.export
import wavegan_tf.export
from tests import edge_files, exported
from tests.eval.small import call
from tests.originals import SPECGAN, WAVEGAN
from wavegan_tf.core.audio.decode import normalize_peak
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.finishing import Finish
from wavegan_tf.core.serving.metadata import METADATA_FILE

# Two channels, whose peaks differ; frames of no power of two for SpecGAN.
OPTIONS: dict[str, dict[str, Any]] = {
    "wavegan": {"data_num_channels": 2},
    "specgan": {
        "data_num_channels": 2, "data_slice_len": 5001, "specgan_window_len": 96, "specgan_hop_len": 48,
        "specgan_ngl": 2,
    },  # fmt: skip
}
MODELS = ("wavegan", "specgan")


def finished(clips: np.ndarray, normalize: bool, fade_out_ms: int) -> np.ndarray:
    """Clips [n, t, c] at 16 kHz, faded out sample by sample, then divided by their peaks; float64."""
    clips = clips.astype(np.float64)
    count = 16 * fade_out_ms
    for index in range(count):
        clips[:, clips.shape[1] - count + index] *= np.cos(np.pi / 2 * (index + 1) / (count + 1)) ** 2
    return np.stack([normalize_peak(clip) for clip in clips]) if normalize else clips


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("fade_out_ms", [0, 1, 2, 3])
def test_clips_are_finished_as_sample_by_sample(normalize, fade_out_ms):
    clips = np.random.default_rng(0).normal(size=[6, 48, 2]).astype(np.float32)
    clips *= np.array([1, 1e-30, 1e30, 1e-3, 0, 1], np.float32)[:, None, None]
    clips[3, 47, 1] = -5.0
    found = Finish(normalize, fade_out_ms).apply(tf.constant(clips), 16000).numpy()
    expected = finished(clips, normalize, fade_out_ms)
    for clip, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(clip, wanted, atol=1e-6 * np.abs(wanted).max())
    assert not found[4].any() and (not normalize or found[3].min() == -1.0 or fade_out_ms)


@pytest.mark.parametrize("name", MODELS)
def test_every_waveform_is_finished(name, tmp_path):
    make, finish = getattr(exported, name), Finish(normalize=True, fade_out_ms=20)
    plain = tf.saved_model.load(make(tmp_path / "1", labels=("a", "b"), **OPTIONS[name])).signatures
    ours = tf.saved_model.load(make(tmp_path / "2", labels=("a", "b"), finish=finish, **OPTIONS[name])).signatures
    z = tf.random.stateless_uniform([3, 8], [1, 2], -1.0, 1.0)
    label, other = tf.constant([0, 1, 1]), tf.constant([1, 0, 1])
    calls: list[tuple[str, dict[str, Any]]] = [
        ("serving_default", {"z": z, "label": label}),
        ("sample", {"label": label, "seed": tf.constant(5, tf.int64)}),
        ("between", {"z": z, "label": label, "other": other, "share": tf.constant([0.0, 0.3, 1.0])}),
    ]
    if name == "specgan":
        calls.append(("inversion", {"z": z, "label": label, "ngl": tf.constant(1)}))
    for signature, given in calls:
        clips = plain[signature](**given)["G_z"].numpy()
        peaks = np.abs(clips).max(axis=(1, 2))
        assert np.all(np.abs(peaks - 1) > 1e-3) and np.ptp(peaks) > 1e-4
        np.testing.assert_allclose(ours[signature](**given)["G_z"], finished(clips, True, 20), atol=1e-5)
    sixteen = ours["pcm16"](z=z, label=label)["G_z_int16"].numpy()
    assert np.abs(sixteen.astype(int)).max(axis=(1, 2)).tolist() == [32767] * 3


@pytest.mark.parametrize(("name", "near"), [("wavegan", 1e-5), ("specgan", 1e-3)])
def test_tensorflow_lite_files_are_finished(name, near, tmp_path):
    model_dir = getattr(exported, name)(tmp_path / "1", finish=Finish(True, 20), **OPTIONS[name])
    wavegan_tf.load_model(model_dir).export_edge(tmp_path / "a.tflite", "float32")
    assert edge_files.difference(model_dir, tmp_path / "a.tflite").relative < near
    clip = edge_files.runner((tmp_path / "a.tflite").read_bytes())(z=np.full([1, 8], 0.5, np.float32))
    assert np.abs(clip).max() == pytest.approx(1.0, abs=1e-6) and np.abs(clip[:, -1]).max() < 1e-4


def imported(name: str, folder: str) -> Any:
    """The run of an original's checkpoint; returns the export command."""
    if name == "wavegan":
        wavegan_tf.import_tf1_run(WAVEGAN / "checkpoint", folder)
        return wavegan_tf.export
    specgan_tf.import_tf1_run(SPECGAN / "checkpoint", folder, SPECGAN / "moments.pkl")
    return specgan_tf.export


@pytest.mark.parametrize("name", MODELS)
def test_the_command_finishes(name, tmp_path):
    command = imported(name, f"{tmp_path}/run")
    for folder, flags in (("1", []), ("2", ["--normalize", "--fade_out_ms=1024"])):
        call(command, f"--train_dir={tmp_path}/run", f"--export_dir={tmp_path}/{folder}", *flags)
    said = [json.loads((tmp_path / folder / METADATA_FILE).read_text()) for folder in ("1", "2")]
    assert said[1].pop("normalize") is True and said[1].pop("fade_out_ms") == 1024 and said[0] == said[1]
    plain, ours = (wavegan_tf.load_model(tmp_path / folder).generate(2, seed=3) for folder in ("1", "2"))
    np.testing.assert_allclose(ours, finished(plain, True, 1024), atol=1e-5)


def test_a_fade_out_longer_than_the_clips_is_refused(tmp_path):
    command = imported("wavegan", f"{tmp_path}/run")
    with pytest.raises(UserError) as error:
        call(command, f"--train_dir={tmp_path}/run", f"--export_dir={tmp_path}/1", "--fade_out_ms=1025")
    assert error.value.on_command_line == "--fade_out_ms=1025: must be from 0 to 1024, the length of the clips"
    with pytest.raises(UserError, match="^fade_out_ms=-1: must be from 0"):
        wavegan_tf.export_model(tmp_path / "run", tmp_path / "1", fade_out_ms=-1)
    assert not (tmp_path / "1").exists()


@pytest.mark.parametrize("wrong", [{"normalize": 1}, {"fade_out_ms": True}, {"fade_out_ms": -1}, {"fade_out_ms": "2"}])
def test_impossible_metadata_are_refused(wrong):
    assert Finish.of({"model": "specgan"}) == Finish()
    with pytest.raises(ValueError, match="impossible are"):
        Finish.of(wrong)
