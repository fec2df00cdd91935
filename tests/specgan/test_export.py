"""The signatures of an exported SpecGAN, from the original's checkpoint on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from specgan_tf import api, moments
from tests.originals import SPECGAN, assert_near
from tests.served import (
    assert_half_as_large,
    assert_warmup_requests_can_be_served,
    log_spectral_distance,
    run_with_tensorflow_alone,
)
from wavegan_tf.core.errors import UserError

EXPECTED = np.load(SPECGAN / "checkpoint_expected.npz")
Z = tf.constant(EXPECTED["z"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("imported") / "run"
    api.import_tf1_run(str(SPECGAN / "checkpoint"), str(directory), str(SPECGAN / "moments.pkl"))
    return directory


@pytest.fixture(scope="module")
def model_dir(run, tmp_path_factory):
    directory = tmp_path_factory.mktemp("served") / "models" / "1"
    assert api.export_model(str(run), str(directory)) == int(EXPECTED["global_step"])
    return directory


@pytest.fixture(scope="module")
def signatures(model_dir):
    model = tf.saved_model.load(str(model_dir))
    yield model.signatures
    del model


def assert_same_pcm(found, expected) -> None:
    """Truncation makes a last-bit float difference one step; Griffin-Lim on loud, clipped sound makes it a few."""
    difference = np.abs(np.asarray(found, int) - expected)
    assert np.mean(difference > 2) < 0.01, difference.max()


def test_all_signatures_are_there(signatures):
    assert set(signatures) == {"serving_default", "pcm16", "latents", "sample", "spectrogram", "inversion"}


def test_serving_default_gives_the_originals_sound_and_spectrograms(signatures):
    found = signatures["serving_default"](z=Z)
    assert set(found) == {"G_z", "G_z_norm"}
    assert_near(found["G_z_norm"], EXPECTED["G_z_norm"])
    assert_near(found["G_z"], EXPECTED["ngl16/G_z"], 1e-4)


def test_float16_weights_halve_the_file_and_hardly_change_the_sound(run, model_dir, tmp_path):
    api.export_model(str(run), str(tmp_path / "1"), float16=True)
    assert_half_as_large(tmp_path / "1", model_dir)
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    found = signatures["serving_default"](z=Z)
    assert 1e-6 < np.abs(found["G_z_norm"] - EXPECTED["G_z_norm"]).max() < 2e-3
    np.testing.assert_array_equal(signatures["spectrogram"](z=Z)["G_z_norm"], found["G_z_norm"])
    assert log_spectral_distance(found["G_z"].numpy()[..., 0], EXPECTED["ngl16/G_z"][..., 0]) < 0.3


def test_spectrogram_gives_the_originals_picture(signatures):
    found = signatures["spectrogram"](z=Z)
    assert_near(found["G_z_norm"], EXPECTED["G_z_norm"])
    difference = np.abs(found["G_z_norm_uint8"].numpy().astype(int) - EXPECTED["G_z_norm_uint8"])
    assert difference.max() <= 1 and difference.mean() < 1e-3


@pytest.mark.parametrize("ngl", [0, 16])
def test_inversion_takes_the_number_of_iterations(signatures, ngl):
    found = signatures["inversion"](z=Z, ngl=tf.constant(ngl))
    assert_near(found["G_z"], EXPECTED[f"ngl{ngl}/G_z"], 1e-4)


def test_pcm16_is_the_originals(signatures):
    found = signatures["pcm16"](z=Z)["G_z_int16"]
    assert found.dtype == tf.int16
    assert_same_pcm(found, EXPECTED["ngl16/G_z_int16"])


def test_sample_draws_what_latents_draws(signatures):
    arguments = {"num_samples": tf.constant(3), "seed": tf.constant(7, tf.int64)}
    drawn = signatures["sample"](**arguments)
    np.testing.assert_array_equal(drawn["z"], signatures["latents"](**arguments)["z"])
    again = signatures["serving_default"](z=drawn["z"])
    assert_near(drawn["G_z_norm"], again["G_z_norm"])
    assert_near(drawn["G_z"], again["G_z"], 1e-4)


def test_metadata_says_how_sound_is_made(model_dir):
    metadata = json.loads((model_dir / "assets.extra" / "model.json").read_text())
    stored = moments.load(str(SPECGAN / "moments.pkl"))
    np.testing.assert_allclose(metadata.pop("moments")["mean"], stored.mean, rtol=1e-7)
    assert {name: metadata[name] for name in ("model", "step", "ngl", "inversion", "clip_nstd", "slice_len")} == {
        "model": "specgan", "step": 3, "ngl": 16, "inversion": "original", "clip_nstd": 3.0, "slice_len": 16384,
    }  # fmt: skip


def test_another_inversion_can_be_exported(run, tmp_path):
    api.export_model(str(run), str(tmp_path / "2"), specgan_inversion="fast", specgan_ngl=1)
    model = tf.saved_model.load(str(tmp_path / "2"))
    metadata = json.loads((tmp_path / "2" / "assets.extra" / "model.json").read_text())
    assert (metadata["inversion"], metadata["ngl"]) == ("fast", 1)
    found = model.signatures["serving_default"](z=Z)["G_z"]
    same = model.signatures["inversion"](z=Z, ngl=tf.constant(1))["G_z"]
    assert_near(found, same, 1e-5)
    assert np.abs(found - EXPECTED["ngl16/G_z"]).max() > 0.1


def test_tensorflow_alone_serves_it(model_dir, tmp_path):
    for waveforms in run_with_tensorflow_alone(model_dir, {"z": EXPECTED["z"]}, "G_z", tmp_path):
        assert_near(waveforms, EXPECTED["ngl16/G_z"], 1e-4)


def test_warmup_requests_are_what_serving_reads(model_dir):
    assert_warmup_requests_can_be_served(model_dir, "specgan")


def test_import_wants_the_moments(tmp_path):
    with pytest.raises(UserError, match="^data_moments_fp=nowhere: cannot be read"):
        api.import_tf1_run(str(SPECGAN / "checkpoint"), str(tmp_path / "run"), "nowhere")
    assert not (tmp_path / "run").exists()
