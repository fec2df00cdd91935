"""Models with labels: their signatures, and sounds of labels that are asked for, from Python and by flags."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import wavegan_tf
from eval.classifiers.labels import classes_of
from tests import exported
from tests.core.serving.test_commands import Command
from tests.eval.small import call
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.rows import labels_on_walk
from wavegan_tf.core.serving.saved_model import WARMUP_FILE

LABELS = ("kick", "open_hat", "snare")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return exported.wavegan(tmp_path_factory.mktemp("labelled") / "1", labels=LABELS)


@pytest.fixture(scope="module")
def model(folder):
    return wavegan_tf.load_model(folder)


@pytest.mark.parametrize("name", ["wavegan", pytest.param("specgan", marks=pytest.mark.slow)])
def test_signatures_take_labels(name, tmp_path):
    served = tf.saved_model.load(getattr(exported, name)(tmp_path / "1", labels=LABELS))
    z = tf.random.stateless_uniform([3, 8], [1, 2], -1.0, 1.0)
    label = tf.constant([0, 1, 2], tf.int32)
    signatures = served.signatures
    whole = signatures["serving_default"](z=z, label=label)["G_z"].numpy()
    assert whole.dtype == np.float32 and whole.shape == (3, 16384, 1)
    sixteen = signatures["pcm16"](z=z, label=label)["G_z_int16"].numpy()
    np.testing.assert_array_equal(sixteen, np.clip(whole * np.float32(32767), -32767, 32767).astype(np.int16))
    drawn = signatures["sample"](label=label, seed=tf.constant(5, tf.int64))
    latents = signatures["latents"](num_samples=tf.constant(3), seed=tf.constant(5, tf.int64))["z"]
    np.testing.assert_array_equal(drawn["z"], latents)
    expected = signatures["serving_default"](z=latents, label=label)["G_z"]
    np.testing.assert_allclose(drawn["G_z"], expected, atol=1e-6)
    other = tf.constant([1, 2, 0], tf.int32)
    for share, ends in ((0.0, label), (1.0, other)):
        between = signatures["between"](z=z, label=label, other=other, share=tf.fill([3], share))["G_z"]
        np.testing.assert_allclose(between, signatures["serving_default"](z=z, label=ends)["G_z"], atol=1e-5)
    for wrong in (-1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match="label: must be numbers from 0 to 2"):
            signatures["serving_default"](z=z[:1], label=tf.constant([wrong], tf.int32))
    if name == "specgan":
        assert signatures["spectrogram"](z=z, label=label)["G_z_norm"].shape == (3, 128, 128, 1)
        inverted = signatures["inversion"](z=z, label=label, ngl=tf.constant(16, tf.int32))["G_z"]
        np.testing.assert_allclose(inverted, whole, atol=1e-4)


def test_warm_up_requests_have_labels(folder):
    records = list(tf.data.TFRecordDataset(os.path.join(folder, WARMUP_FILE)).as_numpy_iterator())
    assert len(records) == 5 and sum(b"label" in record for record in records) == 4


def test_labels_are_asked_for_by_name(model):
    assert model.labels == LABELS and model.metadata["labels"] == list(LABELS)
    z = model.latents(4, seed=1)

    def of(*numbers):
        return np.stack(list(model.stream({"z": z[: len(numbers)], "label": np.array(numbers, np.int32)}, 4)))

    expected = {"snare": (2, 2, 2), ("kick", "snare"): (0, 2, 0), "all": (0, 1, 2), "KICK ": (0, 0, 0)}
    for asked, numbers in expected.items():
        np.testing.assert_allclose(model.generate(3, z=z[:3], label=asked), of(*numbers), atol=1e-6)
    assert len(model.generate(label=["kick", "snare"], seed=1)) == 2
    np.testing.assert_array_equal(model.generate(5, seed=3), model.generate(5, seed=3))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"label": "cow"}, "^label=cow: the model has no such label; it has kick, open_hat, snare$"),
        ({"label": ["kick", "cow"]}, "^label=cow: the model has no such label"),
        ({"label": []}, "^label=: the model has no such label"),
        ({"label": 0}, "^label=0: the model has no such label"),
        ({"n": 2, "label": "all"}, "^label: 3 labels for 2 sounds"),
    ],
)
def test_labels_that_the_model_does_not_have(model, asked, message):
    with pytest.raises(UserError, match=message):
        model.generate(**asked)


def test_a_model_without_labels_takes_none():
    plain = wavegan_tf.load_model("pretrained/drums")
    assert plain.labels is None
    with pytest.raises(UserError, match="^label=kick: this wavegan model has no labels"):
        plain.generate(label="kick")
    first, second = plain.latents(2, seed=1)
    with pytest.raises(UserError, match="^label=kick: this wavegan model has no labels"):
        plain.interpolate(first, second, label="kick")


def test_interpolation_at_one_label_and_between_two(model):
    first, second = model.latents(2, seed=2)
    at_one = model.interpolate(first, second, 4, label="snare")
    points = model.walk(np.stack([first, second]), 4)
    np.testing.assert_allclose(at_one, model.generate(z=points, label="snare"), atol=1e-6)
    way = model.interpolate(first, first, 4, label=("kick", "snare"))
    ends = model.generate(z=np.stack([first, first]), label=["kick", "snare"])
    np.testing.assert_allclose(way[[0, -1]], ends, atol=1e-5)
    steps = np.abs(np.diff(way, axis=0)).max(axis=(1, 2))
    assert (steps > 0).all() and (steps < np.abs(ends[1] - ends[0]).max()).all()
    with pytest.raises(UserError, match="^label: must be given; the model has kick, open_hat, snare"):
        model.interpolate(first, second)
    with pytest.raises(UserError, match="^label: 3 labels for 2 latents"):
        model.interpolate(first, second, label="all")


def test_labels_on_a_walk():
    found = labels_on_walk(np.array([4, 4, 7], np.int32), 2)
    assert found["label"].tolist() == [4, 4, 4, 4, 7] and found["other"].tolist() == [4, 4, 7, 7, 7]
    assert found["share"].tolist() == [0, 0.5, 0, 0.5, 0]
    assert {name: rows.tolist() for name, rows in labels_on_walk(np.array([3, 3]), 2).items()} == {"label": [3, 3, 3]}


def generated(folder, tmp_path, *arguments):
    output = tmp_path / "out"
    call(Command("wavegan"), f"--model_dir={folder}", f"--output_dir={output}", "--num_samples=5", *arguments)
    return sorted(path.name for path in output.glob("*.wav"))


def test_files_carry_their_labels_in_names_that_scores_read(folder, model, tmp_path):
    names = generated(folder, tmp_path, "--label=open_hat,kick")
    assert names == ["kick_000001.wav", "kick_000003.wav", *(f"open_hat_00000{i}.wav" for i in (0, 2, 4))]
    assert classes_of(names, LABELS) == [0, 0, 1, 1, 1]
    z = np.load(tmp_path / "out" / "latents.npy")
    expected = model.generate(z=z[1:2], label="kick")[0]
    found, _ = soundfile.read(tmp_path / "out" / "kick_000001.wav", always_2d=True)
    np.testing.assert_allclose(found, np.clip(expected, -1, 1), atol=2 / 32767)
    # What an earlier run wrote is removed, and nothing else.
    (tmp_path / "out" / "snare_mine.wav").touch()
    assert generated(folder, tmp_path, "--label=all", "--overwrite") == [
        "kick_000000.wav", "kick_000003.wav", "open_hat_000001.wav", "open_hat_000004.wav", "snare_000002.wav",
        "snare_mine.wav",
    ]  # fmt: skip


def test_without_a_label_they_are_random_by_the_seed(folder, tmp_path):
    first = generated(folder, tmp_path / "a")
    assert first == generated(folder, tmp_path / "b") and len(first) == 5
    assert len({tuple(generated(folder, tmp_path / seed, f"--seed={seed}")) for seed in "123"}) > 1


def test_interpolation_files(folder, tmp_path):
    names = generated(folder, tmp_path / "a", "--interpolate", "--interpolate_steps=2", "--label=snare")
    assert names == ["interpolation.wav", *(f"snare_00000{i}.wav" for i in range(9))]
    names = generated(
        folder, tmp_path / "b", "--interpolate", "--interpolate_steps=2", "--label=all", "--num_samples=1"
    )
    assert names == [*(f"00000{i}.wav" for i in range(5)), "interpolation.wav"]
    z = np.load(tmp_path / "b" / "out" / "latents.npy")
    assert (z == z[0]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label=cow"], "label=cow: the model has no such label"),
        (["--label=all", "--num_samples=2"], "num_samples=2: are fewer than the 3 labels"),
        (["--interpolate"], "interpolate: requires label; the model has kick"),
    ],
)
def test_flags_that_cannot_be_used_write_nothing(folder, tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        generated(folder, tmp_path, *arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("labels", ["kick", [], ["kick"], ["a", "a"], ["a", "../b"], ["a", 7], [["a"], "b"], None])
def test_damaged_labels_of_a_model(tmp_path, labels):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "saved_model.pb").touch()
    described = {"model": "wavegan", "sample_rate": 16000, "latent_dim": 8, "labels": labels}
    (tmp_path / "assets.extra" / "model.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match="model.json cannot be used"):
        wavegan_tf.load_model(tmp_path)


def test_labels_that_the_network_does_not_take(tmp_path):
    folder = Path(exported.wavegan(tmp_path / "1"))
    path = folder / "assets.extra" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "labels": list(LABELS)}))
    with pytest.raises(UserError, match="cannot be loaded .it takes z .* which assets.extra/model.json does not say"):
        wavegan_tf.load_model(folder)
