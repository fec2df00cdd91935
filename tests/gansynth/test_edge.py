"""GANSynths as TensorFlow Lite files, against their SavedModels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import wavegan_tf
from gansynth_tf import edge, phase
from gansynth_tf.features import Features
from tests import edge_files, exported
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.metadata import METADATA_FILE

WAVE = {"data_type": "wave", "start_height": 125, "start_width": 1, "scale_mode": "H"}
HEIGHT = {"scale_mode": "H", "start_width": 64}
PAPER = {
    "num_resolutions": 7, "start_height": 2, "start_width": 16, "audio_length": 64000, "fmap_base": 512, "fmap_max": 16,
}  # fmt: skip


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 127, 128, 129])
def test_cumulative_phase(frames):
    """The same angles as sums in float64 have, to a few of float32's last bits, after large steps too."""
    frequency = np.random.default_rng(frames).uniform(-3, 3, [1, frames, 9]).astype(np.float32)
    found = edge.cumulative_phase(tf.constant(frequency)).numpy()
    assert found.shape == frequency.shape and found.min() >= -1 and found.max() <= 1
    expected = phase.wrapped_phase(tf.constant(frequency)).numpy() / np.pi
    turned = found - expected
    assert np.abs(turned - 2 * np.round(turned / 2)).max() < 2e-6


def random_data(features: Features) -> tf.Tensor:
    rng = np.random.default_rng(0)
    parts: list[np.ndarray] = []
    for _ in range(features.num_channels):
        parts += [rng.normal(-1, 1, features.data_shape[:2]), rng.uniform(-1.2, 1.2, features.data_shape[:2])]
    return tf.constant(np.stack(parts, axis=-1)[None], tf.float32)


@pytest.mark.parametrize("data_type", ["linear", "phase", "mel", "wave"])
@pytest.mark.parametrize("shape", [(1, 2), (2, 4), (3, 16), (7, 128), (128, 1024)])
@pytest.mark.parametrize(("discard_dc", "channels"), [(True, 1), (False, 1), (True, 2)])
def test_the_two_ways_from_features_to_waves(data_type, shape, discard_dc, channels):
    shape = (shape[0] * 64, 1) if data_type == "wave" else shape
    samples = shape[0] if data_type == "wave" else (shape[1] // 2) * (shape[0] - 1) + 2 * shape[1]
    length = samples - min(7, shape[0])
    features = Features(data_type, shape, length, 16000, discard_dc=discard_dc, num_channels=channels)
    data = random_data(features)
    found, expected = edge.data_to_waves(features, data).numpy(), features.data_to_waves(data).numpy()
    assert found.shape == expected.shape == (1, features.audio_length, channels)
    assert np.sqrt(np.mean((found - expected) ** 2)) <= 2e-5 * np.sqrt(np.mean(expected**2))


def check(folder: Path, **options: Any) -> None:
    model_dir = exported.gansynth(folder / "1", **options)
    model = wavegan_tf.load_model(model_dir)
    model.export_edge(folder / "a.tflite", "float32")
    assert edge_files.difference(model_dir, folder / "a.tflite", 3).relative < 1e-3
    model.export_edge(folder / "b.tflite")
    assert edge_files.difference(model_dir, folder / "b.tflite", 3).spectral < 0.3


def test_a_model_in_the_middle_of_a_fade_in(tmp_path):
    check(tmp_path, data_type="mel", num_blocks=2, progress=0.6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"data_type": "linear"}, {"data_type": "phase"}, WAVE, {"use_unwrap": False}, {"simple_arch": True},
        {"simple_arch": True, "progress": 1.5, **HEIGHT}, HEIGHT, {"scale_base": 3, **HEIGHT},
        {"scale_base": 4, "start_height": 2, "start_width": 4},
        {"num_blocks": 1}, {"progress": 1.62}, {"data_normalizer": "specgrams_freq_normalizer", "num_blocks": 2},
        {"num_channels": 2}, {"num_channels": 3, **WAVE}, {"sample_rate": 44100, "num_channels": 2, "start_width": 64},
        {"to_rgb_activation": "linear"}, {"kernel_size": 4}, {"data_type": "linear", "float16": True},
        PAPER, {**PAPER, "data_type": "linear"}, {**PAPER, "data_type": "phase", "start_height": 4, "start_width": 8},
    ],
)  # fmt: skip
def test_other_options(tmp_path, options):
    check(tmp_path, **options)


def test_what_a_model_lacks_is_named(tmp_path):
    model_dir = exported.gansynth(tmp_path / "1", num_blocks=1)
    path = Path(model_dir) / METADATA_FILE
    whole = json.loads(path.read_text())
    for change, reason in (
        ({"data_type": None}, "lacks what a conversion needs ('data_type' is missing); export the run again"),
        ({"data_shape": None}, "lacks what a conversion needs ('data_shape' is missing); export the run again"),
        ({"audio_length": None}, "lacks what a conversion needs ('audio_length' is missing); export the run again"),
        ({"data_type": "x"}, "(data_type='x': must be one of linear, phase, mel, wave)"),
        ({"data_shape": [16, 32, 2]}, "data_shape is [16, 32, 2], and the model gives [16, 64, 2]"),
        ({"data_shape": 3}, "cannot unpack"),
        ({"num_channels": 2}, "data_shape is [16, 64, 2], and num_channels 2"),
        ({"audio_length": 9999}, "needs (audio_length=9999: 16 frames of 64 frequencies hold only 608 samples)"),
    ):
        changed = {name: value for name, value in {**whole, **change}.items() if value is not None}
        path.write_text(json.dumps(changed))
        with pytest.raises(UserError) as error:
            wavegan_tf.load_model(model_dir).export_edge(tmp_path / "a.tflite")
        assert reason in str(error.value)
    assert not (tmp_path / "a.tflite").exists()
