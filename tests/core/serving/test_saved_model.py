"""SavedModels: signatures, warm-up requests, and loading without our code."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from tensorflow_serving.apis import prediction_log_pb2

from tests.originals import WAVEGAN, assert_near
from tests.served import (
    assert_half_as_large,
    assert_warmup_requests_can_be_served,
    log_spectral_distance,
    run_with_tensorflow_alone,
)
from wavegan_tf import api
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import commands, generation, saved_model
from wavegan_tf.core.serving import model as model_module
from wavegan_tf.core.serving.metadata import METADATA_FILE
from wavegan_tf.core.serving.model import GeneratorModel
from wavegan_tf.core.training import checkpoints
from wavegan_tf.gan import make_gan


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """The original's checkpoint as a SavedModel."""
    directory = tmp_path_factory.mktemp("served")
    api.import_tf1_run(str(WAVEGAN / "checkpoint"), str(directory / "run"))
    api.export_model(str(directory / "run"), str(directory / "models" / "1"))
    return directory / "models" / "1"


@pytest.fixture(scope="module")
def expected():
    return np.load(WAVEGAN / "checkpoint_expected.npz")


def test_signatures_give_the_originals_sound(model_dir, expected):
    signatures = tf.saved_model.load(str(model_dir)).signatures
    assert set(signatures) == {"serving_default", "pcm16", "latents", "sample"}
    z = tf.constant(expected["z"])
    floats = signatures["serving_default"](z=z)["G_z"]
    assert_near(floats, expected["G_z"])
    pcm = signatures["pcm16"](z=z)["G_z_int16"]
    assert pcm.dtype == tf.int16
    np.testing.assert_array_equal(pcm, np.clip(floats.numpy() * np.float32(32767), -32767, 32767).astype(np.int16))
    assert np.mean(pcm.numpy() != expected["G_z_int16"]) < 0.01
    one = signatures["serving_default"](z=z[:1])["G_z"]
    assert_near(one, expected["G_z"][:1])


def test_the_post_processing_filter_is_served(tmp_path):
    expected = np.load(WAVEGAN / "checkpoint_pp_expected.npz")
    api.import_tf1_run(str(WAVEGAN / "checkpoint_pp"), str(tmp_path / "run"))
    api.export_model(str(tmp_path / "run"), str(tmp_path / "1"))
    served = GeneratorModel(str(tmp_path / "1"), "wavegan")
    assert_near(np.stack(list(served.stream({"z": expected["z"]}, 2))), expected["G_z"])


def test_float16_weights_halve_the_file_and_are_rounded_to_11_bits(model_dir, expected, tmp_path):
    run, half = model_dir.parents[1] / "run", tmp_path / "1"
    api.export_model(str(run), str(half), float16=True)
    assert_half_as_large(half, model_dir)
    assert_warmup_requests_can_be_served(half, "wavegan")
    # The generator whose weights NumPy has rounded is the slow twin.
    gan = make_gan(gan_options.load_run(WaveGANConfig, str(run)), keras.DTypePolicy("float32"))
    checkpoints.restore_step(str(run), None, generator=gan.generator)
    for variable in gan.generator.variables:
        variable.assign(variable.numpy().astype(np.float16).astype(np.float32))
    rounded = gan.generator(expected["z"]).numpy()
    for waveforms in run_with_tensorflow_alone(half, {"z": expected["z"]}, "G_z", tmp_path):
        assert_near(waveforms, rounded)
    assert (rounded != expected["G_z"]).any()
    assert log_spectral_distance(rounded[..., 0], expected["G_z"][..., 0]) < 0.3


def test_a_weight_beyond_float16_is_an_error():
    network = keras.Sequential([keras.layers.Dense(2, bias_initializer=keras.initializers.Constant(7e4))])
    network.build([None, 3])
    with pytest.raises(UserError, match=r"float16: .*bias has weights beyond"):
        saved_model.HalfPrecision(network)


def test_int16_rounds_as_the_original():
    values = tf.constant([0.0, 1.0, -1.0, 2.5, -2.5, 0.99999, 1.6 / 32767, -1.6 / 32767])
    np.testing.assert_array_equal(saved_model.to_int16(values), [0, 32767, -32767, 32767, -32767, 32766, 1, -1])


def test_sample_is_a_function_of_its_seed(model_dir):
    signatures = tf.saved_model.load(str(model_dir)).signatures

    def sample(count, seed):
        return signatures["sample"](num_samples=tf.constant(count), seed=tf.constant(seed, tf.int64))

    first, again, other = sample(3, 1), sample(3, 1), sample(3, 2)
    np.testing.assert_array_equal(first["z"], again["z"])
    assert (first["z"].numpy() != other["z"].numpy()).all()
    assert_near(first["G_z"], signatures["serving_default"](z=first["z"])["G_z"])
    drawn = signatures["latents"](num_samples=tf.constant(5000), seed=tf.constant(2**40, tf.int64))["z"].numpy()
    assert drawn.min() >= -1 and drawn.max() < 1
    assert abs(drawn.mean()) < 0.01 and abs(drawn.std() - 3**-0.5) < 0.01


@pytest.mark.parametrize("count", [1, 6, 7, 8, 20])
def test_latents_are_drawn_in_blocks_the_first_as_served(model_dir, monkeypatch, count):
    monkeypatch.setattr(model_module, "LATENTS_BLOCK", 7)
    served = GeneratorModel(str(model_dir), "wavegan")
    blocks = list(served.latent_blocks(count, 3))
    assert [len(block) for block in blocks] == [7] * (count // 7) + [count % 7] * (count % 7 > 0)
    np.testing.assert_array_equal(served.latents(count, 3), served.latents(40, 3)[:count])
    signature = tf.saved_model.load(str(model_dir)).signatures["latents"]
    drawn = signature(num_samples=tf.constant(len(blocks[0])), seed=tf.constant(3, tf.int64))["z"]
    np.testing.assert_array_equal(blocks[0], drawn)
    assert len(np.unique(np.concatenate(blocks))) == count * 20


def test_generation_of_more_clips_than_any_disk_holds_goes_on_in_constant_memory(model_dir, tmp_path, monkeypatch):
    """Two thousand million clips, stopped after a few."""
    monkeypatch.setattr(model_module, "LATENTS_BLOCK", 3)
    written = []

    def write(path, clip, sample_rate):
        written.append(path)
        if len(written) == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(generation.decode, "write", write)
    before = set(flags.FLAGS)
    commands.define_flags()
    commands.define_label()
    try:
        flags.FLAGS(["c", f"--model_dir={model_dir}", f"--output_dir={tmp_path / 'out'}", "--num_samples=2147483647"])
        with pytest.raises(KeyboardInterrupt):
            commands.main("wavegan")
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
    assert written[7] == str(tmp_path / "out" / "000007.wav")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["generated.json", "latents.npy"]
    expected = GeneratorModel(str(model_dir), "wavegan").latents(9, 0)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "latents.npy"), expected)


def test_a_process_with_tensorflow_alone_loads_it_both_ways(model_dir, expected, tmp_path):
    for waveforms in run_with_tensorflow_alone(model_dir, {"z": expected["z"]}, "G_z", tmp_path):
        assert_near(waveforms, expected["G_z"])


def test_warmup_requests_are_what_serving_reads(model_dir):
    assert_warmup_requests_can_be_served(model_dir, "wavegan")


@pytest.mark.parametrize("size", [0, 1, 31, 32, 127, 128, 5000])
def test_a_warmup_record_is_the_message_of_tensorflow_serving(size):
    inputs = {"z": np.ones([size, 1], np.float32), "seed": np.int64(-1), "pitch": np.arange(size, dtype=np.int32)}
    model = "w" * (size or 1)
    record = saved_model.prediction_log(model, "serving_default", inputs)
    expected = prediction_log_pb2.PredictionLog()
    request = expected.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = model, "serving_default"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    # Of equal length: so there is nothing that the message has no field for, either.
    assert prediction_log_pb2.PredictionLog.FromString(record) == expected and len(record) == expected.ByteSize()


def test_metadata_says_what_a_client_needs(model_dir):
    metadata = json.loads((model_dir / METADATA_FILE).read_text())
    assert metadata["sample_rate"] == 16000 and metadata["latent_dim"] == 20 and metadata["step"] == 3


def test_mistakes_are_named(model_dir, tmp_path):
    with pytest.raises(UserError, match="exists already"):
        api.export_model(str(model_dir.parents[1] / "run"), str(model_dir))
    with pytest.raises(UserError, match=r"did you mean .*/1"):
        GeneratorModel(str(model_dir.parent), "wavegan")
    with pytest.raises(UserError, match="no checkpoint of step 5"):
        api.export_model(str(model_dir.parents[1] / "run"), str(tmp_path / "1"), step=5)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(UserError, match=r"model\.json"):
        GeneratorModel(str(damaged), "wavegan")
    (damaged / "assets.extra").mkdir()
    (damaged / METADATA_FILE).write_text('{"model": "wavegan", "sample_rate": 16000, "latent_dim": 20}')
    with pytest.raises(UserError, match="cannot be loaded"):
        GeneratorModel(str(damaged), "wavegan")
    with pytest.raises(UserError, match="holds a wavegan model, which wavegan_generate is for"):
        GeneratorModel(str(model_dir), "gansynth")
    assert not [path for path in model_dir.parent.iterdir() if path.name.startswith(".")]
