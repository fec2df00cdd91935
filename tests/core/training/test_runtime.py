import json
import os
import sys

import keras
import pytest
import tensorflow as tf
from absl import logging
from tensorflow.python.eager import context as eager_context
from tensorflow.python.framework import config as framework_config

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.optimizers import TF1Adam
from wavegan_tf.core.training import runtime
from wavegan_tf.core.training.options import RuntimeOptions
from wavegan_tf.core.workers import cluster
from wavegan_tf.core.workers.links import Links

HOSTS = ["localhost:1", "localhost:2", "localhost:3"]


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def set_cluster(monkeypatch, cluster, task):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))


def pretend_workers(monkeypatch):
    """Makes the other workers be there at once, and agree with everything."""
    monkeypatch.setattr(Links, "join", lambda self: None)
    monkeypatch.setattr(Links, "exchange", lambda self, value: [value] * len(self._place.addresses))
    monkeypatch.setattr(Links, "tell_end", lambda self, text: None)
    monkeypatch.setattr(eager_context.context(), "configure_coordination_service", lambda **_: None)
    monkeypatch.setattr(cluster, "_exit", sys.exit)


class FakeGpu:
    name = "/physical_device:GPU:0"


def pretend_gpus(monkeypatch, count):
    """Makes TensorFlow report GPUs; the strategies that would use them only note that they were asked for."""
    real = tf.config.list_physical_devices
    gpus = [FakeGpu() for _ in range(count)]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus if kind == "GPU" else real(kind))
    logical = [FakeGpu() for _ in range(count)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: logical if kind == "GPU" else [])
    asked = []
    runtime.mirrored.cache_clear()
    for name in ("OneDeviceStrategy", "MirroredStrategy", "MultiWorkerMirroredStrategy"):

        def make(*arguments, name=name, **_):
            asked.append(name)
            return tf.distribute.get_strategy()

        monkeypatch.setattr(tf.distribute, name, make)
    return asked


WORKERS = {"worker": HOSTS}


def test_multiworker_without_a_cluster():
    with pytest.raises(UserError, match="^distribution=multiworker: .* TF_CONFIG names no workers; see BUILD.md$"):
        runtime.start(RuntimeOptions(distribution="multiworker"))


@pytest.mark.parametrize("text", ["{}", '{"cluster": {}}', '{"task": {"type": "worker", "index": 0}}'])
def test_tf_config_that_names_no_worker_is_one_process_alone(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    for distribution in ("auto", "none"):
        assert runtime.start(RuntimeOptions(distribution=distribution)).workers == 1


@pytest.mark.parametrize("distribution", ["none", "mirrored"])
def test_mistakes_in_tf_config_matter_only_where_it_is_used(monkeypatch, distribution):
    pretend_gpus(monkeypatch, 2)
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": "127.0.0.1:2222"}}')
    assert runtime.start(RuntimeOptions(distribution=distribution)).workers == 1
    for used in ("auto", "multiworker"):
        with pytest.raises(UserError, match="^TF_CONFIG: worker must be a list of addresses"):
            runtime.start(RuntimeOptions(distribution=used))


@pytest.mark.parametrize(
    ("distribution", "asked"), [("auto", ["OneDeviceStrategy"]), ("multiworker", ["MirroredStrategy"])]
)
def test_a_cluster_of_one_is_alone(monkeypatch, distribution, asked):
    made = pretend_gpus(monkeypatch, 1)
    set_cluster(monkeypatch, {"worker": HOSTS[:1]}, {"type": "worker", "index": 0})
    run = runtime.start(RuntimeOptions(distribution=distribution))
    assert (made, run.worker, run.workers) == (asked, 0, 1)


def test_multiworker_after_tensorflow_has_started(monkeypatch, capsys):
    """TensorFlow refuses, as it does when a port is taken; the user sees its words in one line."""
    set_cluster(monkeypatch, WORKERS, {"type": "worker", "index": 1})
    pretend_workers(monkeypatch)

    def refuse(**_):
        raise RuntimeError("Collective ops must be configured at program startup\nand more")

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", refuse)
    with pytest.raises(SystemExit, match="1"):
        runtime.start(RuntimeOptions())
    message = "error: --distribution=multiworker: Collective ops must be configured at program startup and more\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("gpus", "workers", "asked", "compiled"),
    [
        (0, 1, [], False),
        (1, 1, ["OneDeviceStrategy"], True),
        (2, 1, ["MirroredStrategy"], True),
        (0, 3, ["MultiWorkerMirroredStrategy"], False),
        (2, 3, ["MultiWorkerMirroredStrategy"], True),
    ],
)
def test_automatic_choices(monkeypatch, gpus, workers, asked, compiled):
    made = pretend_gpus(monkeypatch, gpus)
    if workers > 1:
        set_cluster(monkeypatch, WORKERS, {"type": "worker", "index": 1})
        pretend_workers(monkeypatch)
    run = runtime.start(RuntimeOptions())
    assert made == asked
    assert run.jit_compile is compiled
    assert (run.worker, run.workers, run.is_chief) == ((1, 3, False) if workers > 1 else (0, 1, True))


def test_choices_of_the_user_win(monkeypatch):
    made = pretend_gpus(monkeypatch, 2)
    set_cluster(monkeypatch, WORKERS, {"type": "worker", "index": 2})
    run = runtime.start(RuntimeOptions(distribution="none", jit_compile=False))
    assert made == ["OneDeviceStrategy"] and run.jit_compile is False and run.is_chief and run.workers == 1
    for _ in range(2):
        runtime.start(RuntimeOptions(distribution="mirrored"))
    assert made == ["OneDeviceStrategy", "MirroredStrategy"], "of one process, whose second run uses it again"
    monkeypatch.undo()
    assert runtime.start(RuntimeOptions(jit_compile=True)).jit_compile is True


@pytest.mark.parametrize(
    ("precision", "compute", "inner_scale", "scaled"),
    [("none", "float32", 1.0, False), ("bfloat16", "bfloat16", 1.0, False), ("float16", "float16", 1024.0, True)],
)
def test_policies_and_loss_scaling(precision, compute, inner_scale, scaled):
    run = runtime.start(RuntimeOptions(mixed_precision=precision))
    assert (run.policy.compute_dtype, run.policy.variable_dtype) == (compute, "float32")
    assert run.inner_scale == inner_scale
    optimizer = TF1Adam()
    wrapped = run.loss_scaled(optimizer)
    if scaled:
        assert isinstance(wrapped, keras.optimizers.LossScaleOptimizer) and wrapped.inner_optimizer is optimizer
    else:
        assert wrapped is optimizer
    assert keras.config.dtype_policy().name == "float32"


def described(**changes):
    values = {"strategy": tf.distribute.get_strategy(), "policy": keras.DTypePolicy("float32"), "jit_compile": False}
    return runtime.Runtime(**{**values, "inner_scale": 1.0, "worker": 0, "workers": 1, **changes})


class ThreeReplicas:
    num_replicas_in_sync = 3


def test_description(monkeypatch):
    assert described().description == "CPU"
    assert described(jit_compile=True, policy=keras.DTypePolicy("mixed_float16")).description == "CPU, float16, XLA"
    pretend_gpus(monkeypatch, 3)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"device_name": "NVIDIA X"})
    many = described(strategy=ThreeReplicas(), workers=3, policy=keras.DTypePolicy("mixed_bfloat16"), jit_compile=True)
    assert many.description == "3 x NVIDIA X in 3 workers, bfloat16, XLA"
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {})
    assert described().description == "GPU"


def test_seed_decides_the_weights():
    def weights(seed):
        runtime.start(RuntimeOptions(seed=seed))
        return keras.initializers.GlorotUniform()((5, 5)).numpy().tolist()

    assert weights(2**31 - 1) == weights(2**31 - 1) != weights(0)
    with pytest.raises(UserError, match="^seed=2147483648: must be at most 2147483647$"):
        RuntimeOptions(seed=2**31)
    with pytest.raises(UserError, match="^seed=-1: must be at least 0$"):
        RuntimeOptions(seed=-1)


def test_tensor_float_32_is_a_choice():
    for chosen in (False, True):
        runtime.start(RuntimeOptions(tf32=chosen))
        assert tf.config.experimental.tensor_float_32_execution_enabled() is chosen
    assert RuntimeOptions().tf32


def test_gpu_memory_is_taken_as_it_is_needed():
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


@pytest.mark.parametrize(("gpus", "warnings"), [(0, 1), (1, 0)])
def test_float16_on_a_cpu_is_warned_of(monkeypatch, gpus, warnings):
    given: list[str] = []
    monkeypatch.setattr(logging, "warning", given.append)
    pretend_gpus(monkeypatch, gpus)
    for precision in ("none", "bfloat16", "float16"):
        runtime.start(RuntimeOptions(mixed_precision=precision))
    assert len(given) == warnings
    assert all("--mixed_precision=bfloat16 is for CPUs" in warning for warning in given)


@pytest.mark.parametrize(
    ("replicas", "asked", "by_default", "compiled"),
    [
        (1, None, True, True),
        (1, True, True, True),
        (3, None, True, False),
        (3, None, False, False),
        (3, False, True, False),
    ],
)
def test_xla_is_left_out_where_replicas_must_meet(monkeypatch, replicas, asked, by_default, compiled):
    lines = []
    monkeypatch.setattr(logging, "info", lambda text, *values: lines.append(text % values))
    strategy = ThreeReplicas() if replicas == 3 else tf.distribute.get_strategy()
    run = described(strategy=strategy, jit_compile=by_default if asked is None else asked)
    assert run.without_xla_on_replicas(asked, "batch normalisation").jit_compile is compiled
    expected = ["XLA is off: batch normalisation over several replicas cannot be compiled"]
    assert lines == (expected if run.jit_compile and not compiled else [])


def test_xla_that_was_asked_for_and_cannot_be_had():
    run = described(strategy=ThreeReplicas(), jit_compile=True)
    message = "^jit_compile: batch normalisation over several replicas cannot be compiled; set jit_compile=false$"
    with pytest.raises(UserError, match=message):
        run.without_xla_on_replicas(True, "batch normalisation")


def test_deterministic_operations_are_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(True))
    runtime.start(RuntimeOptions())
    assert asked == []
    runtime.start(RuntimeOptions(deterministic=True))
    assert asked == [True]


def test_settings_of_a_run_end_with_it():
    before = framework_config.is_op_determinism_enabled(), tf.config.experimental.tensor_float_32_execution_enabled()
    with pytest.raises(KeyError), runtime.settings_given_back():
        runtime.start(RuntimeOptions(deterministic=True, tf32=not before[1]))
        tf.config.optimizer.set_experimental_options({"remapping": False})
        assert framework_config.is_op_determinism_enabled()
        raise KeyError
    after = framework_config.is_op_determinism_enabled(), tf.config.experimental.tensor_float_32_execution_enabled()
    assert after == before
    assert tf.config.optimizer.get_experimental_options()["remapping"] is True
