"""WaveGANs as TensorFlow Lite files, against their SavedModels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wavegan_tf
from tests import edge_files, exported


def check(folder: Path, **options: Any) -> None:
    model_dir = exported.wavegan(folder / "1", **options)
    model = wavegan_tf.load_model(model_dir)
    model.export_edge(folder / "a.tflite", "float32")
    assert edge_files.difference(model_dir, folder / "a.tflite").largest < 1e-5
    model.export_edge(folder / "b.tflite")
    assert edge_files.difference(model_dir, folder / "b.tflite").spectral < 0.3


@pytest.mark.parametrize(
    "options",
    [
        {"wavegan_genr_upsample": "nn", "wavegan_batchnorm": True, "data_num_channels": 2, "data_slice_len": 5001},
        {"wavegan_genr_pp": True, "wavegan_genr_pp_len": 40, "labels": ("kick", "snare")},
    ],
)
def test_models_with_all_that_may_differ(tmp_path, options):
    check(tmp_path, **options)


@pytest.mark.slow
@pytest.mark.parametrize("upsample", ["zeros", "nn"])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"wavegan_batchnorm": True}, {"data_num_channels": 2}, {"data_slice_len": 32768}, {"data_slice_len": 65536},
        {"data_slice_len": 3001},
        {"wavegan_kernel_len": 24}, {"wavegan_kernel_len": 3}, {"wavegan_kernel_len": 1}, {"wavegan_genr_pp": True},
        {"float16": True},
    ],
)  # fmt: skip
def test_other_options(tmp_path, upsample, options):
    check(tmp_path, wavegan_genr_upsample=upsample, **options)


def test_eight_bits(tmp_path):
    """A quarter of the size, and another sound."""
    model_dir = exported.wavegan(tmp_path / "1", wavegan_dim=8)
    model = wavegan_tf.load_model(model_dir)
    sizes = {}
    for weights in ("float32", "float16", "int8"):
        described = model.export_edge(tmp_path / f"{weights}.tflite", weights)
        assert described["weights"] == weights
        sizes[weights] = (tmp_path / f"{weights}.tflite").stat().st_size
    assert sizes["float16"] < 0.6 * sizes["float32"] and sizes["int8"] < 0.35 * sizes["float32"]
    assert 1e-4 < edge_files.difference(model_dir, tmp_path / "int8.tflite").relative < 0.2
