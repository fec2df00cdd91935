"""The signatures of an exported GANSynth."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf import api
from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.stages.features import make_features
from gansynth_tf.stages.model import StageModel
from tests.gansynth.small import SMALL
from tests.originals import GOLDENS, assert_near
from tests.served import (
    assert_half_as_large,
    assert_warmup_requests_can_be_served,
    log_spectral_distance,
    run_with_tensorflow_alone,
)
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import save_options
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.serving.metadata import METADATA_FILE

ORIGINAL = GOLDENS / "gansynth" / "checkpoint"
EXPECTED = np.load(GOLDENS / "gansynth" / "checkpoint_expected.npz")
Z = tf.constant(EXPECTED["z"], tf.float32)
PITCHES = tf.constant(EXPECTED["pitches"], tf.int32)
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("imported") / "run"
    api.import_tf1_run(str(ORIGINAL), str(directory))
    return directory


@pytest.fixture(scope="module")
def model_dir(run, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("served") / "models" / "1"
    assert api.export_model(str(run), str(directory)) == 94
    return directory


@pytest.fixture(scope="module")
def signatures(model_dir):
    model = tf.saved_model.load(str(model_dir))
    yield model.signatures
    del model


def test_all_signatures_are_there_and_give_the_originals_notes(signatures):
    assert set(signatures) == {"serving_default", "pcm16", "specgram", "latents", "sample"}
    audio = signatures["serving_default"](z=Z, pitch=PITCHES)["audio"]
    assert audio.shape == (5, 320) and audio.dtype == tf.float32
    assert_near(audio, EXPECTED["waves"], TOLERANCE)
    assert_near(signatures["specgram"](z=Z, pitch=PITCHES)["data"], EXPECTED["raw_generated_data"][:5], TOLERANCE)
    pcm = signatures["pcm16"](z=Z, pitch=PITCHES)["audio_int16"]
    assert pcm.dtype == tf.int16
    np.testing.assert_array_equal(pcm, saved_model.to_int16(audio))


def test_float16_weights_halve_the_file_and_hardly_change_the_sound(run, model_dir, tmp_path):
    assert api.export_model(str(run), str(tmp_path / "1"), float16=True) == 94
    assert_half_as_large(tmp_path / "1", model_dir)
    waves = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"](z=Z, pitch=PITCHES)["audio"].numpy()
    assert (waves != EXPECTED["waves"]).any()
    assert log_spectral_distance(waves, EXPECTED["waves"], 64) < 0.3


def test_any_batch_size_gives_the_same(signatures):
    for rows in (slice(0, 1), slice(2, 4), slice(0, 5)):
        audio = signatures["serving_default"](z=Z[rows], pitch=PITCHES[rows])["audio"]
        assert_near(audio, EXPECTED["waves"][rows], TOLERANCE)
    many = signatures["serving_default"](z=tf.tile(Z, [7, 1]), pitch=tf.tile(PITCHES, [7]))["audio"]
    assert_near(many[-5:], EXPECTED["waves"], TOLERANCE)


def test_sample_draws_what_latents_draws_from_a_normal_distribution(signatures):
    seed = tf.constant(2**40, tf.int64)
    drawn = signatures["sample"](pitch=PITCHES, seed=seed)
    np.testing.assert_array_equal(drawn["z"], signatures["latents"](num_samples=tf.constant(5), seed=seed)["z"])
    assert_near(drawn["audio"], signatures["serving_default"](z=drawn["z"], pitch=PITCHES)["audio"], TOLERANCE)
    other = signatures["sample"](pitch=PITCHES, seed=seed + 1)
    assert (other["z"].numpy() != drawn["z"].numpy()).all()
    many = signatures["latents"](num_samples=tf.constant(4000), seed=seed)["z"].numpy()
    assert abs(many.mean()) < 0.02 and abs(many.std() - 1) < 0.02 and np.abs(many).max() > 3


@pytest.mark.parametrize("pitch", [23, 85, -1, 200])
@pytest.mark.parametrize("name", ["serving_default", "pcm16", "specgram", "sample"])
def test_a_pitch_outside_the_range_is_an_error(signatures, name, pitch):
    inputs = {"seed": tf.constant(0, tf.int64)} if name == "sample" else {"z": Z[:2]}
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"MIDI numbers from 24 to 84, not\] \[60 {pitch}\]"):
        signatures[name](pitch=tf.constant([60, pitch]), **inputs)


def test_tensorflow_alone_serves_it(model_dir, tmp_path):
    inputs = {"z": Z.numpy(), "pitch": PITCHES.numpy()}
    for waves in run_with_tensorflow_alone(model_dir, inputs, "audio", tmp_path):
        assert_near(waves, EXPECTED["waves"], TOLERANCE)


def test_warmup_requests_are_what_serving_reads(model_dir):
    assert_warmup_requests_can_be_served(model_dir, MODEL)


def test_metadata_says_what_a_client_needs(model_dir):
    metadata = json.loads((model_dir / METADATA_FILE).read_text())
    version = metadata.pop("version")
    assert isinstance(version, str) and metadata == {
        "model": "gansynth", "sample_rate": 16000, "latent_dim": 8, "audio_length": 320, "num_channels": 1,
        "min_pitch": 24, "max_pitch": 84, "data_type": "mel", "data_shape": [8, 64, 2], "stage": 4,
        "progress": 2.0, "step": 94,
        "signatures": {
            "waveform": {"signature": "serving_default", "output": "audio"},
            "waveform_int16": {"signature": "pcm16", "output": "audio_int16"},
        },
    }  # fmt: skip


@pytest.mark.parametrize(("data_type", "channels"), [("linear", 1), ("phase", 2), ("wave", 1)])
def test_other_representations_and_stages_in_the_middle_of_a_fade_in(data_type, channels, tmp_path):
    """The signature against the network's images, upsampled by NumPy, and the features' own way to sound."""
    sizes = {"start_height": 80, "start_width": 1, "scale_mode": "H"} if data_type == "wave" else {}
    config = GANSynthConfig(**{**SMALL, "data_type": data_type, "num_channels": channels, **sizes})
    stage = config.schedule.stage(1)
    model = StageModel(config, stage, config.num_pitches, str(tmp_path), keras.DTypePolicy("float32"))
    for variable in model.generator.variables:  # what must not be served
        variable.assign(variable * 3)
    model.save(7)  # 3 of 4 images into the fade-in
    save_options(config, str(tmp_path / CONFIG_FILE), MODEL)
    assert api.export_model(str(tmp_path), str(tmp_path / "1")) == 7
    served = tf.saved_model.load(str(tmp_path / "1")).signatures
    z = tf.random.stateless_normal([3, config.latent_vector_size], [1, 2])
    pitch = tf.constant([24, 60, 84])
    images = model.average(z, tf.one_hot(pitch - 24, 61), progress=tf.constant(0.75))
    whole = np.repeat(images.numpy(), 2, axis=1)
    whole = whole if data_type == "wave" else np.repeat(whole, 2, axis=2)
    scales = np.tile([config.mag_normalizer_a, config.p_normalizer_a], channels)
    data = (whole - np.tile([config.mag_normalizer_b, config.p_normalizer_b], channels)) / scales
    assert_near(served["specgram"](z=z, pitch=pitch)["data"], data, TOLERANCE)
    waves = make_features(config).data_to_waves(tf.constant(data, tf.float32))
    waves = waves if channels > 1 else waves[:, :, 0]
    assert waves.shape == (3, config.audio_length, *[channels] * (channels > 1))
    assert_near(served["serving_default"](z=z, pitch=pitch)["audio"], waves, 1e-4)


def test_a_stage_and_a_checkpoint_can_be_chosen(run, tmp_path):
    for stage_id in (0, 3):
        folder = f"stage_{stage_id:05d}"
        api.import_tf1_run(str(ORIGINAL), str(tmp_path / f"of_{stage_id}"), stage_id)
        shutil.copytree(tmp_path / f"of_{stage_id}" / folder, tmp_path / "run" / folder)
    shutil.copy(run / CONFIG_FILE, tmp_path / "run" / CONFIG_FILE)
    (tmp_path / "run" / "stage_00004").mkdir()  # begun, without a checkpoint
    assert api.export_model(str(tmp_path / "run"), str(tmp_path / "1")) == 61
    assert api.export_model(str(tmp_path / "run"), str(tmp_path / "2"), stage=0, step=16) == 16
    with pytest.raises(UserError, match="^stage=4: the stages with checkpoints are 0, 3$"):
        api.export_model(str(tmp_path / "run"), str(tmp_path / "3"), stage=4)
    with pytest.raises(UserError, match="has no checkpoint of step 5; it has 16"):
        api.export_model(str(tmp_path / "run"), str(tmp_path / "3"), stage=0, step=5)
    with pytest.raises(UserError, match="exists already"):
        api.export_model(str(tmp_path / "run"), str(tmp_path / "1"))
    shutil.rmtree(tmp_path / "run" / "stage_00000")
    shutil.rmtree(tmp_path / "run" / "stage_00003")
    with pytest.raises(UserError, match="no stage has a checkpoint"):
        api.export_model(str(tmp_path / "run"), str(tmp_path / "3"))
    with pytest.raises(UserError, match=r"experiment\.json: not found; is this the directory of a gansynth run"):
        api.export_model(str(tmp_path / "nowhere"), str(tmp_path / "3"))
    assert not (tmp_path / "3").exists()
