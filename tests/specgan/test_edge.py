"""SpecGANs as TensorFlow Lite files, against their SavedModels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import wavegan_tf
from specgan_tf import edge, features
from specgan_tf.geometry import Moments
from tests import edge_files, exported
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.metadata import METADATA_FILE

# With more iterations phases of bins that nearly vanish decide, and these are rounding.
FEW: dict[str, Any] = {"specgan_ngl": 2}


@pytest.mark.parametrize("inversion", INVERSIONS)
@pytest.mark.parametrize(("frames", "iterations"), [(2, 0), (3, 1), (128, 4)])
def test_the_two_ways_from_spectrograms_to_waveforms(inversion, frames, iterations):
    rng = np.random.default_rng(frames)
    moments = Moments(*rng.uniform([[-3.0], [0.5]], [[-2.0], [1.0]], [2, 129]).astype(np.float32))
    spectrogram = tf.constant(rng.uniform(-1, 1, [1, frames, 128, 1]), tf.float32)
    found = edge.spectrogram_to_waveform(spectrogram, moments, 2.5, iterations, inversion).numpy()
    expected = features.spectrograms_to_waveforms(spectrogram, moments, 2.5, iterations, inversion).numpy()
    assert found.shape == (1, frames * 128, 1)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 1e-4 * np.std(expected)


def check(folder: Path, **options: Any) -> None:
    model_dir = exported.specgan(folder / "1", **options)
    model = wavegan_tf.load_model(model_dir)
    model.export_edge(folder / "a.tflite", "float32")
    assert edge_files.difference(model_dir, folder / "a.tflite").relative < 1e-3
    model.export_edge(folder / "b.tflite")
    assert edge_files.difference(model_dir, folder / "b.tflite").spectral < 0.3


# Stereo clips of no whole number of frames, and frames of no power of two.
ANY_SIZE: dict[str, Any] = {
    "data_sample_rate": 44100, "data_slice_len": 5001, "data_num_channels": 2, "specgan_window_len": 0,
    "specgan_hop_len": 0,
}  # fmt: skip


def test_a_model_with_all_that_may_differ(tmp_path):
    options = {"specgan_genr_upsample": "cub", "specgan_batchnorm": True, "specgan_inversion": "fast"}
    check(tmp_path, **options, **ANY_SIZE, **FEW)


@pytest.mark.slow
@pytest.mark.parametrize("upsample", ["zeros", "nn", "lin", "cub"])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_upsamplings(tmp_path, upsample, batchnorm):
    check(tmp_path, specgan_genr_upsample=upsample, specgan_batchnorm=batchnorm, **FEW)


@pytest.mark.slow
@pytest.mark.parametrize("inversion", INVERSIONS)
@pytest.mark.parametrize("ngl", [0, 1, 16])
def test_inversions(tmp_path, inversion, ngl):
    check(tmp_path, specgan_inversion=inversion, specgan_ngl=ngl)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"data_slice_len": 32768}, {"data_slice_len": 65536}, {"specgan_output_activation": "linear"},
        {"specgan_output_activation": "relu"}, {"specgan_kernel_len": 4}, {"specgan_kernel_len": 1},
        {"specgan_clip_nstd": 1.5}, {"float16": True}, {"data_slice_len": 7000}, {"data_num_channels": 3},
        {"specgan_window_len": 96, "specgan_hop_len": 32},
    ],
)  # fmt: skip
def test_other_options(tmp_path, options):
    check(tmp_path, **options, **FEW)


def test_what_a_model_lacks_is_named(tmp_path):
    model_dir = exported.specgan(tmp_path / "1", **FEW)
    path = Path(model_dir) / METADATA_FILE
    whole = json.loads(path.read_text())
    moments = whole["moments"]
    for change, reason in (
        ({"moments": None}, "'moments' is missing"),
        ({"ngl": None}, "ngl is None, not a whole number"),
        ({"clip_nstd": None}, "'clip_nstd' is missing"),
        ({"inversion": "slow"}, "inversion is 'slow'"),
        ({"moments": {**moments, "std": moments["std"][:-1]}}, "moments are not of 129 bins"),
        ({"window_len": 128, "hop_len": 64}, "moments are not of 65 bins"),
        ({"hop_len": 0}, "hop_len is 0"),
        ({"slice_len": None}, "slice_len is None, not a whole number"),
        ({"moments": {**moments, "mean": ["a"] * 129}}, "could not convert string to float"),
    ):
        changed = {name: value for name, value in {**whole, **change}.items() if value is not None}
        path.write_text(json.dumps(changed))
        with pytest.raises(UserError, match=rf"lacks what a conversion needs \({reason}.*; export the run again$"):
            wavegan_tf.load_model(model_dir).export_edge(tmp_path / "a.tflite")
    assert not (tmp_path / "a.tflite").exists()
