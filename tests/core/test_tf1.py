import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from wavegan_tf.core import tf1
from wavegan_tf.core.dcgan.args import parse_value, read_args
from wavegan_tf.core.dcgan.tf1 import assign_optimizer
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.optimizers import TF1Adam, TF1RMSprop


def test_args_are_read_as_names_and_texts(tmp_path):
    (tmp_path / "args.txt").write_text("data_dir,/a, b/c\nwavegan_dim,16\n\ntrain_dir,\nwavegan_loss,wgan-gp")
    assert read_args(str(tmp_path)) == {
        "data_dir": "/a, b/c", "wavegan_dim": "16", "train_dir": "", "wavegan_loss": "wgan-gp",
    }  # fmt: skip


def test_args_that_an_editor_of_windows_wrote(tmp_path):
    (tmp_path / "args.txt").write_bytes(b"\xef\xbb\xbfdata_dir,C:\\a\r\nwavegan_dim,16\r\n")
    assert read_args(str(tmp_path)) == {"data_dir": "C:\\a", "wavegan_dim": "16"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot be read \(.*No such file.*\); is this the original code's training directory\?"),
        (b"\xff\xfe\x00", r"cannot be read \(.*\); is this the original code's training directory\?"),
        (b"wavegan_dim,16\nwavegan_dim 16\n", r"'wavegan_dim 16' is not of the form name,value"),
    ],
)
def test_args_that_cannot_be_used_are_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "args.txt").write_bytes(content)
    with pytest.raises(UserError, match=f"^{tmp_path}/args.txt: {message}$"):
        read_args(str(tmp_path))


def test_a_list_of_checkpoints_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "checkpoint")
    with pytest.raises(UserError, match="holds no checkpoint"):
        tf1.checkpoint_prefix(str(tmp_path))
    for step in (9, 10):
        (tmp_path / f"model.ckpt-{step}.index").touch()
    assert tf1.checkpoint_prefix(str(tmp_path)) == str(tmp_path / "model.ckpt-10")


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("True", bool, True), ("False", bool, False), ("25", int, 25), ("-3", int, -3), ("0.5", float, 0.5),
        ("1e-4", float, 1e-4), ("wgan-gp", str, "wgan-gp"), ("", str, ""),
    ],
)  # fmt: skip
def test_values(text, kind, wanted):
    value = parse_value(text, kind, "name")
    assert value == wanted and type(value) is kind


@pytest.mark.parametrize(
    ("text", "kind"), [("true", bool), ("1", bool), ("", bool), ("2.5", int), ("None", int), ("many", float)]
)
def test_values_of_another_type_are_named(text, kind):
    with pytest.raises(UserError) as error:
        parse_value(text, kind, "wavegan_dim")
    assert str(error.value) == f"args.txt: wavegan_dim,{text}: must be of type {kind.__name__}"


def write_checkpoint(directory, **values):
    """A name-based checkpoint, as TF1's Saver writes it."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [tf.compat.v1.Variable(value, name=name.replace(".", "/")) for name, value in values.items()]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables).save(session, str(directory / "model.ckpt"), 12, write_meta_graph=False)


def test_checkpoint_gives_every_variable_by_name(tmp_path):
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_checkpoint(tmp_path, **{"G.dense.kernel": kernel, "global_step": np.int64(12)})
    values = tf1.read_checkpoint(str(tmp_path))
    assert values.keys() == {"G/dense/kernel", "global_step"}
    np.testing.assert_array_equal(values["G/dense/kernel"], kernel)
    assert values["global_step"] == 12
    write_checkpoint(tmp_path, **{"G.dense.kernel": -kernel})
    for name in (tmp_path / "model.ckpt-12").parent.glob("model.ckpt-12.*"):
        name.rename(name.with_name(name.name.replace("-12", "-7")))
    np.testing.assert_array_equal(tf1.read_checkpoint(f"{tmp_path}/model.ckpt-7")["G/dense/kernel"], -kernel)


@pytest.mark.parametrize("part", ["index", "data"])
def test_damaged_checkpoint_is_named(tmp_path, part):
    write_checkpoint(tmp_path, kernel=np.zeros([50, 3], np.float32))
    (path,) = tmp_path.glob(f"model.ckpt-12.{part}*")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match=rf"^{tmp_path}/model.ckpt-12: damaged checkpoint \(.+\)$"):
        tf1.read_checkpoint(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "holds no checkpoint"),
        ("", "holds no checkpoint"),
        ("model_ch\0", "holds no checkpoint"),
        ('model_checkpoint_path: "gone-7"', "its file 'checkpoint' names gone-7, whose .index is missing"),
    ],
)
def test_directory_without_a_checkpoint_that_can_be_found(tmp_path, text, words):
    if text is not None:
        (tmp_path / "checkpoint").write_text(text)
    with pytest.raises(UserError, match=f"^{tmp_path}: {words}$"):
        tf1.read_checkpoint(str(tmp_path))


def test_a_moved_directory_or_one_without_a_list_is_found(tmp_path):
    write_checkpoint(tmp_path, kernel=np.ones([2], np.float32))
    for place in ("/elsewhere/", r"D:\\gan\\train\\", "D:/gan/", r"..\\", r"\\\\server\\share\\", None):
        text = "" if place is None else f'model_checkpoint_path: "{place}model.ckpt-12"'
        (tmp_path / "checkpoint").write_text(text)
        np.testing.assert_array_equal(tf1.read_checkpoint(str(tmp_path))["kernel"], [1, 1])


def test_axes_of_length_one_may_differ():
    variable = keras.Variable(np.zeros([5, 2, 3], np.float32))
    value = np.arange(30, dtype=np.float32).reshape(1, 5, 2, 3)
    tf1.assign({"kernel": variable}, {"kernel": value, "other": value})
    np.testing.assert_array_equal(variable.numpy(), value[0])


def test_missing_and_misshapen_values_are_named():
    variable = keras.Variable(np.zeros([5, 2], np.float32))
    with pytest.raises(UserError) as error:
        tf1.assign({"G/kernel": variable}, {"D/kernel": np.zeros([5, 2])})
    assert str(error.value).startswith("checkpoint: variable G/kernel is missing; ")
    for shape in ([2, 5], [10], [5, 2, 2]):
        with pytest.raises(UserError) as error:
            tf1.assign({"G/kernel": variable}, {"G/kernel": np.ones(shape)})
        assert str(error.value) == f"checkpoint: G/kernel has shape {shape}, args.txt asks for [5, 2]"
    np.testing.assert_array_equal(variable.numpy(), np.zeros([5, 2]))


@pytest.mark.parametrize("beta", [0.9, 0.999])
def test_number_of_updates_is_read_from_the_power_of_beta(beta):
    power = np.float32(beta)
    for updates in range(2001):
        wanted = updates if power > np.finfo(np.float32).tiny else -5
        assert tf1.adam_updates(float(power), beta, -5) == wanted
        power *= np.float32(beta)
    # Beta 0.9 vanishes on the way: then bias correction has ended, and the step counter has to do.
    assert (wanted == -5) == (beta == 0.9)


def test_vanished_power():
    assert tf1.adam_updates(0.0, 0.9, 77) == 77
    assert tf1.adam_updates(1e-42, 0.9, 77) == 77
    assert tf1.adam_updates(1.0, 0.9, 77) == 0


NAMES = ["G/kernel", "G/bias"]


def variables():
    return [keras.Variable(np.zeros(shape, np.float32)) for shape in ([2, 3], [3])]


def slots(*suffixes):
    generator = np.random.default_rng(1)
    shapes = dict(zip(NAMES, ([1, 2, 3], [3]), strict=True))
    return {f"{n}/{s}": generator.normal(size=shapes[n]).astype(np.float32) for n in NAMES for s in suffixes}


def test_adams_slots():
    optimizer = TF1Adam(beta_1=0.5, beta_2=0.9)
    optimizer.build(variables())
    values = {**slots("Adam", "Adam_1"), "beta2_power_1": np.float32(0.9**8), "beta2_power": np.float32(0.9)}
    assign_optimizer(optimizer, NAMES, values, "beta2_power_1", 99)
    for i, name in enumerate(NAMES):
        m, v = optimizer.first_moments[i].numpy(), optimizer.second_moments[i].numpy()
        np.testing.assert_array_equal(m, values[f"{name}/Adam"].reshape(m.shape))
        np.testing.assert_array_equal(v, values[f"{name}/Adam_1"].reshape(v.shape))
    assert int(optimizer.iterations.numpy()) == 7
    del values["beta2_power_1"]
    with pytest.raises(UserError, match="^checkpoint: variable beta2_power_1 is missing$"):
        assign_optimizer(optimizer, NAMES, values, "beta2_power_1", 99)


def test_rmsprops_slots():
    optimizer = TF1RMSprop()
    optimizer.build(variables())
    values = slots("RMSProp")
    assign_optimizer(optimizer, NAMES, values, "beta2_power", 99)
    for value, name in zip(optimizer.mean_squares, NAMES, strict=True):
        np.testing.assert_array_equal(value.numpy(), values[f"{name}/RMSProp"].reshape(value.shape))
    assert int(optimizer.iterations.numpy()) == 99
    del values["G/bias/RMSProp"]
    with pytest.raises(UserError, match="^checkpoint: variable G/bias/RMSProp is missing; "):
        assign_optimizer(optimizer, NAMES, values, "beta2_power", 99)
