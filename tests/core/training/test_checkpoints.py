import os
import shutil
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.optimizers import LossScaling, TF1Adam, TF1RMSprop
from wavegan_tf.core.training import checkpoints


class Listed(keras.Model):
    """A network that holds its layers in lists, which TensorFlow's own tracking does not follow."""

    def __init__(self, width=4, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.denses = [keras.layers.Dense(width, name=f"dense_{i}") for i in range(depth)]
        self.norms = [keras.layers.BatchNormalization(name=f"dense_{i}_batchnorm") for i in range(depth)]
        self(tf.zeros([1, width]))

    def call(self, x):
        for dense, norm in zip(self.denses, self.norms, strict=True):
            x = norm(dense(x))
        return x


def run_of(directory, make_optimizer=TF1Adam, seed=7, **sizes):
    """A network, its built optimiser and their checkpoints."""
    model = Listed(name="net", **sizes)
    optimizer = make_optimizer()
    optimizer.build(model.trainable_variables)
    return model, optimizer, checkpoints.Checkpoints(str(directory), seed, net=model, optimizer=optimizer)


def fill(items, seed):
    """Gives every variable numbers of its own, and returns them."""
    generator = np.random.default_rng(seed)
    values = []
    for variable in items:
        shape, kind = tuple(variable.shape), np.dtype(keras.backend.standardize_dtype(variable.dtype))
        value = generator.integers(1, 10_000, shape) if kind.kind in "iu" else generator.normal(size=shape)
        variable.assign(np.asarray(value, kind))
        values.append(variable.numpy().copy())
    return values


def everything(model, optimizer):
    """All that a checkpoint holds: the learning rate is an option."""
    state = []
    if isinstance(optimizer, LossScaling):
        state, optimizer = [optimizer.scale, optimizer.good_steps], optimizer.inner_optimizer
    return [*model.variables, *(v for v in optimizer.variables if v is not optimizer.learning_rate), *state]


def damage(directory, step, part="index"):
    (path,) = directory.glob(f"model.ckpt-{step}.{part}*")
    path.write_bytes(path.read_bytes()[:10])


@pytest.mark.parametrize(
    "make_optimizer",
    [
        TF1Adam,
        TF1RMSprop,
        lambda: LossScaling(TF1Adam()),
        lambda: LossScaling(TF1RMSprop()),
    ],
    ids=["adam", "rmsprop", "scaled adam", "scaled rmsprop"],
)
def test_every_variable_comes_back_bit_for_bit(tmp_path, make_optimizer):
    model, optimizer, saving = run_of(tmp_path, make_optimizer)
    saved = fill(everything(model, optimizer), 1)
    assert len(model.non_trainable_variables) == 4 and len(saved) >= 12 + 8
    saving.save(12)
    fill(everything(model, optimizer), 2)
    other_model, other_optimizer, restoring = run_of(tmp_path, make_optimizer)
    assert restoring.last_saved is None
    assert restoring.restore() == 12 == restoring.last_saved
    for variable, value in zip(everything(other_model, other_optimizer), saved, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, strict=True)


def test_the_learning_rate_is_that_of_the_options_not_of_the_checkpoint(tmp_path):
    run_of(tmp_path, lambda: TF1Adam(0.5))[2].save(3)
    _, optimizer, restoring = run_of(tmp_path, lambda: TF1Adam(0.25))
    assert restoring.restore() == 3
    assert float(optimizer.learning_rate.numpy()) == 0.25


def scaled_adam():
    return LossScaling(TF1Adam())


@pytest.mark.parametrize(("before", "after"), [(TF1Adam, scaled_adam), (scaled_adam, TF1Adam)])
def test_a_run_goes_on_in_another_precision(tmp_path, before, after):
    """Everything but the loss scale is the same; that starts anew."""
    model, optimizer, saving = run_of(tmp_path, before)
    saved = fill(everything(model, optimizer), 1)
    saving.save(2)
    other_model, other_optimizer, restoring = run_of(tmp_path, after)
    assert restoring.restore() == 2
    restored = everything(other_model, other_optimizer)
    for variable, value in zip(restored, saved, strict=False):
        if variable is not getattr(other_optimizer, "scale", None):
            np.testing.assert_array_equal(variable.numpy(), value, strict=True)
    if isinstance(other_optimizer, LossScaling):
        assert float(other_optimizer.scale.numpy()) == 2.0**15 and int(other_optimizer.good_steps.numpy()) == 0


def test_new_directory_holds_nothing_to_restore(tmp_path):
    assert run_of(tmp_path / "new")[2].restore() is None


def test_two_variables_of_one_path_are_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="a")], name="net")
    model.layers[0].bias._path = model.layers[0].kernel.path
    with pytest.raises(ValueError, match="net: two variables have the same path"):
        checkpoints.Checkpoints(str(tmp_path), 1, net=model)


def steps_in(directory):
    return sorted(int(path.stem.split("-")[1]) for path in directory.glob("model.ckpt-*.index"))


def test_last_five_are_kept_across_restarts(tmp_path):
    saving = run_of(tmp_path)[2]
    for step in range(4):
        saving.save(step)
    saving = run_of(tmp_path)[2]
    for step in range(4, 8):
        saving.save(step)
    assert steps_in(tmp_path) == [3, 4, 5, 6, 7]


def test_one_of_every_hour_is_kept_and_can_be_named(tmp_path, monkeypatch):
    clock = time.time()
    monkeypatch.setattr(time, "time", lambda: clock)
    model, optimizer, saving = run_of(tmp_path)
    for step in range(0, 180, 10):
        clock += 601
        fill(model.variables, step)
        saving.save(step)
    # Step 50 is an hour after the start, step 110 an hour after step 50.
    assert steps_in(tmp_path) == [50, 110, 130, 140, 150, 160, 170]
    wanted = fill(model.variables, 50)
    fill(model.variables, 0)
    assert checkpoints.restore_step(str(tmp_path), 50, net=model) == 50
    for variable, value in zip(model.variables, wanted, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("part", ["index", "data"])
def test_damaged_newest_falls_back_to_the_one_before_with_a_warning(tmp_path, monkeypatch, part):
    model, optimizer, saving = run_of(tmp_path)
    saving.save(1)
    wanted = fill(everything(model, optimizer), 3)
    saving.save(2)
    fill(everything(model, optimizer), 4)
    saving.save(3)
    damage(tmp_path, 3, part)
    warnings = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: warnings.append(text % values))
    model, optimizer, restoring = run_of(tmp_path)
    assert restoring.restore() == 2
    for variable, value in zip(everything(model, optimizer), wanted, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    (warning,) = warnings
    assert warning.startswith(f"{tmp_path}/model.ckpt-3: cannot be restored (") and "\n" not in warning


def test_what_is_saved_after_a_fallback_is_the_newest(tmp_path):
    saving = run_of(tmp_path)[2]
    for step in (10, 20):
        saving.save(step)
    damage(tmp_path, 20)
    model, optimizer, saving = run_of(tmp_path)
    saving.restore()
    wanted = fill(model.variables, 5)
    saving.save(15)
    assert run_of(tmp_path)[2].restore() == 15
    assert checkpoints.restore_step(str(tmp_path), None, net=model) == 15
    for variable, value in zip(model.variables, wanted, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_all_damaged_names_one_and_starts_nothing_anew(tmp_path):
    saving = run_of(tmp_path)[2]
    for step in (1, 2):
        saving.save(step)
        damage(tmp_path, step)
    with pytest.raises(UserError, match=rf"^{tmp_path}/model.ckpt-1: cannot be restored \(.+\)$"):
        run_of(tmp_path)[2].restore()


def test_checkpoints_that_do_not_fit_are_named(tmp_path):
    model, _, saving = run_of(tmp_path)
    saving.save(1)
    message = f"^{tmp_path}/model.ckpt-1: cannot be restored "
    with pytest.raises(UserError, match=message + r"\(.*shape \(4,.*shape \(5,.*\)$"):
        run_of(tmp_path, width=5)[2].restore()
    deeper = checkpoints.Checkpoints(str(tmp_path), 7, net=Listed(depth=3, name="net"))
    with pytest.raises(UserError, match=message + r"\(it lacks variables of these networks or optimisers\)$"):
        deeper.restore()


def test_another_seed_is_refused(tmp_path):
    run_of(tmp_path, seed=2**40)[2].save(1)
    with pytest.raises(UserError) as error:
        run_of(tmp_path, seed=8)[2].restore()
    assert str(error.value) == f"{tmp_path}/model.ckpt-1: was written with seed={2**40}, not 8"


@pytest.mark.parametrize("text", [None, "", "model_ch\0\0", "a pipe"])
def test_lost_list_of_checkpoints_does_not_start_the_run_anew(tmp_path, text):
    saving = run_of(tmp_path)[2]
    for step in (9, 10):
        saving.save(step)
    if text is None:
        (tmp_path / "checkpoint").unlink()
    elif text == "a pipe":  # TensorFlow would wait for somebody to write into it
        (tmp_path / "checkpoint").unlink()
        os.mkfifo(tmp_path / "checkpoint")
    else:
        (tmp_path / "checkpoint").write_text(text)
    assert checkpoints.restore_step(str(tmp_path), None, net=Listed(name="net")) == 10
    saving = run_of(tmp_path)[2]
    assert saving.restore() == 10
    saving.save(11)
    assert run_of(tmp_path)[2].restore() == 11


def test_directory_can_be_moved(tmp_path):
    run_of(tmp_path / "a b")[2].save(4)
    shutil.move(tmp_path / "a b", tmp_path / "c")
    assert run_of(tmp_path / "c")[2].restore() == 4


@pytest.mark.parametrize("before", [None, 2])
@pytest.mark.parametrize("kind", [tf.errors.ResourceExhaustedError, OSError])
def test_failed_write_keeps_the_old_one_and_cleans_up(tmp_path, monkeypatch, before, kind):
    directory = tmp_path / "a run"
    model, optimizer, saving = run_of(directory)
    if before is not None:
        saving.save(before)
    listing = sorted(path.name for path in directory.glob("*"))

    def full(checkpoint_number):
        prefix = directory / f"model.ckpt-{checkpoint_number}"
        directory.mkdir(exist_ok=True)
        Path(f"{prefix}_temp").mkdir()
        (Path(f"{prefix}_temp") / "part-00000-of-00001.data-00000-of-00001.tempstate1").write_text("half")
        Path(f"{prefix}.data-00000-of-00001").write_text("half")
        Path(f"{prefix}.index.tempstate7").write_text("half")
        reason = "{{function_node x}} a/file; No space left on device [Op:SaveV2]"
        raise OSError(28, "No space left on device") if kind is OSError else kind(None, None, reason)

    monkeypatch.setattr(saving._manager, "save", full)
    with pytest.raises(UserError) as error:
        saving.save(3)
    kept = "there is none before it" if before is None else "that of step 2 is kept"
    assert str(error.value) == f"{directory}: the checkpoint of step 3 cannot be written; {kept} (the disk is full)"
    assert sorted(path.name for path in directory.glob("*")) == listing
    assert saving.last_saved == before
    assert run_of(directory)[2].restore() == before


def test_real_failure_to_write(tmp_path):
    """A folder stands where the checkpoint's file has to go, which stops even root."""
    saving = run_of(tmp_path)[2]
    saving.save(1)
    (tmp_path / "model.ckpt-2.index").mkdir()
    (tmp_path / "model.ckpt-2.index" / "x").write_text("")
    with pytest.raises(UserError, match=rf"^{tmp_path}: the checkpoint of step 2 cannot be written; that of step 1 is"):
        saving.save(2)
    assert run_of(tmp_path)[2].restore() == 1


def test_a_run_that_was_renamed_is_not_made_again(tmp_path):
    saving = run_of(tmp_path / "run")[2]
    saving.save(1)
    (tmp_path / "run").rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"step 2 cannot be written; that of step 1 is kept \(No such file"):
        saving.save(2)
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


@pytest.mark.parametrize("is_first", [False, True])
def test_what_a_killed_process_left_half_written_is_removed(tmp_path, is_first):
    """Also a torn index in its final place, which must not keep a run from starting."""
    saving = run_of(tmp_path)[2]
    if not is_first:
        saving.save(1)
    (tmp_path / "model.ckpt-2_temp").mkdir()
    (tmp_path / "model.ckpt-2_temp" / "part-00000").write_text("half")
    (tmp_path / "model.ckpt-2.index").write_text("half")
    (tmp_path / "model.ckpt-2.data-00000-of-00001").write_text("whole")
    (tmp_path / "model.ckpt-20.index.tempstate5").write_text("half")
    assert run_of(tmp_path)[2].restore() == (None if is_first else 1)
    assert not list(tmp_path.glob("model.ckpt-2*"))


def test_restore_step_takes_only_what_is_asked_for(tmp_path):
    model, optimizer, saving = run_of(tmp_path)
    values = {}
    for step in (5, 6, 7):
        values[step] = fill(model.variables, step)
        saving.save(step)
    for asked, wanted in ((5, 5), (None, 7), (6, 6)):
        other = Listed(name="renamed")
        assert checkpoints.restore_step(str(tmp_path), asked, net=other) == wanted
        for variable, value in zip(other.variables, values[wanted], strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)


def test_restore_step_names_what_is_wrong(tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}: holds no checkpoint$"):
        checkpoints.restore_step(str(tmp_path), None, net=Listed(name="net"))
    saving = run_of(tmp_path)[2]
    for step in (9, 10):
        saving.save(step)
    with pytest.raises(UserError, match=f"^{tmp_path}: has no checkpoint of step 8; it has 9, 10$"):
        checkpoints.restore_step(str(tmp_path), 8, net=Listed(name="net"))
    with pytest.raises(UserError, match=rf"^{tmp_path}/model.ckpt-10: cannot be restored \(.*shape.*\)$"):
        checkpoints.restore_step(str(tmp_path), None, net=Listed(5, name="net"))
    damage(tmp_path, 9)
    with pytest.raises(UserError, match=rf"^{tmp_path}/model.ckpt-9: cannot be restored \(.+\)$"):
        checkpoints.restore_step(str(tmp_path), 9, net=Listed(name="net"))
