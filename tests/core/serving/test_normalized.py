"""Exports with --normalize: clips with a peak of 1 from every signature, the TensorFlow Lite file and the command."""

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
from wavegan_tf.core.serving.metadata import METADATA_FILE
from wavegan_tf.core.serving.saved_model import normalize_peaks

# Two channels, whose peaks differ; frames of no power of two for SpecGAN.
OPTIONS: dict[str, dict[str, Any]] = {
    "wavegan": {"data_num_channels": 2},
    "specgan": {
        "data_num_channels": 2, "data_slice_len": 5001, "specgan_window_len": 96, "specgan_hop_len": 48,
        "specgan_ngl": 2,
    },  # fmt: skip
}


def test_each_clip_is_divided_by_its_own_peak():
    clips = np.random.default_rng(0).normal(size=[6, 50, 2]).astype(np.float32)
    clips *= np.array([1, 1e-30, 1e30, 1e-3, 0, 1], np.float32)[:, None, None]
    clips[3, 7, 1] = -5.0
    found = normalize_peaks(tf.constant(clips)).numpy()
    np.testing.assert_allclose(found, np.stack([normalize_peak(clip) for clip in clips]), rtol=1e-6)
    assert not found[4].any() and found[3, 7, 1] == -1.0


@pytest.mark.parametrize("name", ["wavegan", "specgan"])
def test_every_waveform_is_normalized(name, tmp_path):
    make = getattr(exported, name)
    plain, normalized = (
        tf.saved_model.load(make(tmp_path / str(value), labels=("a", "b"), normalize=value, **OPTIONS[name])).signatures
        for value in (False, True)
    )
    z = tf.random.stateless_uniform([3, 8], [1, 2], -1.0, 1.0)
    label, other = tf.constant([0, 1, 1]), tf.constant([1, 0, 1])
    seed = tf.constant(5, tf.int64)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("serving_default", {"z": z, "label": label}), ("sample", {"label": label, "seed": seed}),
        ("between", {"z": z, "label": label, "other": other, "share": tf.constant([0.0, 0.3, 1.0])}),
    ]  # fmt: skip
    if name == "specgan":
        calls.append(("inversion", {"z": z, "label": label, "ngl": tf.constant(1)}))
    for signature, given in calls:
        clips = plain[signature](**given)["G_z"].numpy()
        peaks = np.abs(clips).max(axis=(1, 2), keepdims=True)
        assert np.all(np.abs(peaks - 1) > 1e-3) and np.ptp(peaks) > 1e-4
        np.testing.assert_allclose(normalized[signature](**given)["G_z"], clips / peaks, atol=1e-5)
    sixteen = normalized["pcm16"](z=z, label=label)["G_z_int16"].numpy()
    assert np.abs(sixteen.astype(int)).max(axis=(1, 2)).tolist() == [32767] * 3


@pytest.mark.parametrize(("name", "near"), [("wavegan", 1e-5), ("specgan", 1e-3)])
def test_tensorflow_lite_files_are_normalized(name, near, tmp_path):
    model_dir = getattr(exported, name)(tmp_path / "1", normalize=True, **OPTIONS[name])
    wavegan_tf.load_model(model_dir).export_edge(tmp_path / "a.tflite", "float32")
    assert edge_files.difference(model_dir, tmp_path / "a.tflite").relative < near
    clip = edge_files.runner((tmp_path / "a.tflite").read_bytes())(z=np.full([1, 8], 0.5, np.float32))
    assert np.abs(clip).max() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", ["wavegan", "specgan"])
def test_the_command_normalizes(name, tmp_path):
    if name == "wavegan":
        wavegan_tf.import_tf1_run(WAVEGAN / "checkpoint", tmp_path / "run")
    else:
        specgan_tf.import_tf1_run(SPECGAN / "checkpoint", tmp_path / "run", SPECGAN / "moments.pkl")
    command = {"wavegan": wavegan_tf.export, "specgan": specgan_tf.export}[name]
    for folder, flags in (("1", []), ("2", ["--normalize"])):
        call(command, f"--train_dir={tmp_path}/run", f"--export_dir={tmp_path}/{folder}", *flags)
    said = [json.loads((tmp_path / folder / METADATA_FILE).read_text()) for folder in ("1", "2")]
    assert said[1].pop("normalize") is True and said[0] == said[1]
    plain, normalized = (wavegan_tf.load_model(tmp_path / folder).generate(2, seed=3) for folder in ("1", "2"))
    np.testing.assert_allclose(normalized, plain / np.abs(plain).max(axis=(1, 2), keepdims=True), atol=1e-5)
