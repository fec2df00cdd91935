import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from eval.classifiers import registry, sc09
from tests.originals import EVAL, assert_near
from wavegan_tf.core import tf1
from wavegan_tf.core.errors import UserError

IO = np.load(EVAL / "sc09_classifier_io.npz")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    with zipfile.ZipFile(EVAL / "sc09_classifier_checkpoint.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(checkpoint):
    return registry.load_tf1(str(checkpoint / "best_acc-103005"))


@pytest.fixture(scope="module")
def classifier(loaded):
    return loaded.network


def test_variables_are_those_of_the_released_checkpoint():
    ours = sc09.variables(sc09.build_classifier())
    released = json.loads((EVAL / "sc09_classifier_variables.json").read_text())
    released = {v["name"]: tuple(v["shape"]) for v in released if v["name"] != "global_step"}
    assert {name: tuple(variable.shape) for name, variable in ours.items()} == released


def test_forward_pass_of_the_original(loaded):
    result = loaded.outputs(IO["x"])
    assert_near(result.logits, IO["logits"])
    assert_near(result.scores, IO["scores"])
    assert_near(result.scores, IO["scores_released_metagraph"])
    dense = loaded.network.dense
    assert_near(result.features @ dense.kernel.numpy() + dense.bias.numpy(), IO["logits"])


def test_batches_do_not_matter(loaded):
    results = [loaded.outputs(IO["x"][:1]), loaded.outputs(IO["x"][1:])]
    assert [len(result.logits) for result in results] == [1, 3]
    assert_near(np.concatenate([result.logits for result in results]), IO["logits"])


def naive_forward(values, log_mel, training):
    """The original's layers as loops and sums in float64: logits, and each norm's batch mean and variance."""
    values = {name.removeprefix("classifier/"): np.asarray(v, np.float64) for name, v in values.items()}
    statistics = []

    def norm(x, i):
        name = f"batch_normalization_{i}" if i else "batch_normalization"
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axes), x.var(axes)
        statistics.append((name, mean, variance, x[..., 0].size if 0 < i < 4 else np.inf))
        if not training:
            mean, variance = values[f"{name}/moving_mean"], values[f"{name}/moving_variance"]
        return (x - mean) / np.sqrt(variance + 1e-3) * values[f"{name}/gamma"] + values[f"{name}/beta"]

    x = norm(log_mel.astype(np.float64), 0)[..., None]
    for i in range(4):
        if i:
            x = norm(x, i)
        name = f"conv2d_{i}" if i else "conv2d"
        padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
        h, w = x.shape[1:3]
        x = values[f"{name}/bias"] + sum(
            padded[:, r : r + h, c : c + w] @ values[f"{name}/kernel"][r, c] for r in range(5) for c in range(5)
        )
        x = np.maximum(x, 0).reshape(len(x), h // 2, 2, w // 2, 2, 128).max(axis=(2, 4))
    x = norm(x.reshape(len(x), -1), 4)
    return x @ values["dense/kernel"] + values["dense/bias"], statistics


def test_training_normalises_by_the_batch_and_moves_the_averages(checkpoint):
    classifier = sc09.load_tf1(str(checkpoint))
    ours = sc09.variables(classifier)
    before = {name: variable.numpy() for name, variable in ours.items()}
    log_mel = IO["log_mel"][:2]
    logits, statistics = naive_forward(before, log_mel, training=True)
    # In the last norm two clips differ by little in many places, which the division blows up.
    assert_near(classifier(log_mel, training=True), logits, 1e-3)
    for name, mean, variance, count in statistics:
        gathered = variance * (count / (count - 1) if np.isfinite(count) else 1)
        for kind, value in (("moving_mean", mean), ("moving_variance", gathered)):
            old = before[f"classifier/{name}/{kind}"]
            moved = ours[f"classifier/{name}/{kind}"].numpy().astype(np.float64) - old
            assert_near(moved * 100, value - old, 5e-5)
    for name in ours:
        if "moving" not in name:
            np.testing.assert_array_equal(ours[name].numpy(), before[name])


def test_slow_forward_pass_gives_the_same(classifier):
    values = {name: variable.numpy() for name, variable in sc09.variables(classifier).items()}
    logits, _ = naive_forward(values, IO["log_mel"][:1], training=False)
    assert_near(classifier(IO["log_mel"][:1]), logits)


def test_every_trained_variable_has_a_gradient(classifier):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(classifier(IO["log_mel"]) ** 2)
    gradients = tape.gradient(loss, classifier.trainable_variables)
    assert len(gradients) == 20
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_a_saved_model_is_the_same(classifier, tmp_path):
    path = tmp_path / "classifier.keras"
    classifier.save(path)
    again = keras.models.load_model(path)
    assert isinstance(again, sc09.SC09Classifier)
    assert_near(again(IO["log_mel"][:1]), classifier(IO["log_mel"][:1]).numpy(), 1e-6)


def write_checkpoint(path, values):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = [tf.compat.v1.Variable(value, name=name) for name, value in values.items()]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(made).save(session, str(path), write_meta_graph=False)


def test_number_of_classes_is_the_checkpoints(checkpoint, tmp_path):
    values = tf1.read_checkpoint(str(checkpoint))
    for part in ("kernel", "bias"):
        values[f"classifier/dense/{part}"] = values[f"classifier/dense/{part}"][..., :3]
    write_checkpoint(tmp_path / "model.ckpt-1", values)
    assert_near(sc09.load_tf1(str(tmp_path))(IO["log_mel"][:1]), IO["logits"][:1, :3])


def test_wrong_checkpoints_are_named(checkpoint, tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}: holds no checkpoint$"):
        sc09.load_tf1(str(tmp_path))
    write_checkpoint(tmp_path / "model.ckpt-1", {"G/dense/bias": np.zeros(3, np.float32)})
    with pytest.raises(UserError, match=f"^{tmp_path}: holds no classifier/dense/bias .*no checkpoint of the SC09"):
        sc09.load_tf1(str(tmp_path))
    values = tf1.read_checkpoint(str(checkpoint))
    del values["classifier/conv2d_2/bias"]
    write_checkpoint(tmp_path / "model.ckpt-1", values)
    with pytest.raises(UserError, match="^checkpoint: variable classifier/conv2d_2/bias is missing; "):
        sc09.load_tf1(str(tmp_path))


def test_clips_of_another_length_are_refused(loaded):
    with pytest.raises(ValueError, match=r"has shape \[1, 8000\], must have \[b, 16384\]"):
        loaded.outputs(np.zeros([1, 8000], np.float32))
