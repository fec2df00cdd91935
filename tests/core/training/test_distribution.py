"""The same global batch gives the same update on one device, on two, and in two processes, for both models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.commands import checkpoint_values, few_drums, run, run_two_workers, tiny
from wavegan_tf.core.nn.optimizers import LossScaling, TF1Adam
from wavegan_tf.core.training.update import Update

ROOT = Path(__file__).parents[3]

# Two steps of the real trainer's updates from the original's weights, the CPU divided into the number of devices given.
ON_LOGICAL_DEVICES = """
import dataclasses
import sys
import wavegan_tf
import numpy as np
import tensorflow as tf
devices, out, chosen = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
from tests.originals import read, variables_of
import functools
import specgan_tf.gan
from specgan_tf.config import SpecGANConfig
from specgan_tf.features import Moments
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import tf1
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.updates import Updates
from wavegan_tf.core.dcgan.tf1 import original_variables
from wavegan_tf.core.training import runtime
from wavegan_tf.gan import make_gan
distribution = "mirrored" if devices > 1 else "none"
run = runtime.start(WaveGANConfig(distribution=distribution))
assert run.strategy.num_replicas_in_sync == devices
unit = Moments(np.zeros(129, np.float32), np.ones(129, np.float32))
make_specgan = functools.partial(specgan_tf.gan.make_gan, stored=unit)
for config_class, make, name, loss, dim, kernel_len in (
    (WaveGANConfig, make_gan, "wavegan/losses_phaseshuffle.npz", "wgan-gp", 2, 9),
    (WaveGANConfig, make_gan, "wavegan/losses_batchnorm.npz", "lsgan", 1, 9),
    (SpecGANConfig, make_specgan, "specgan/losses.npz", "wgan-gp", 2, 3),
    (SpecGANConfig, make_specgan, "specgan/losses_batchnorm.npz", "lsgan", 1, 3),
):
    if f"{config_class.model}_{loss}" not in chosen:
        continue
    golden, _ = read(name)
    own = dict(
        dim=dim, kernel_len=kernel_len, latent_dim=8, loss=loss, batchnorm=dim == 1, disc_nupdates=2,
        disc_phaseshuffle=2, disc_phaseshuffle_per_example=True,
    )
    model = config_class.model
    config = config_class(train_batch_size=6, **{f"{model}_{name}": value for name, value in own.items()})
    with run.strategy.scope():
        gan = make(config, run.policy)
        gan = dataclasses.replace(gan, to_sample=lambda x: x)  # the original's fixtures are samples already
        trainables = trainer.Trainables(gan, out, config.seed)
    variables = {**original_variables(gan.generator), **original_variables(gan.discriminator)}
    tf1.assign(variables, variables_of(golden))
    updates = Updates(gan, trainables.g_optimizer, trainables.d_optimizer, run, config.seed, config.train_batch_size)
    real = tf.data.Dataset.from_tensors(np.concatenate([golden["x"], -golden["x"]])).repeat()
    metrics = [list(row.values()) for row in updates.iterations(real, 0, 0)(2).result()]
    values = {name: variable.numpy() for name, variable in variables.items()}
    np.savez(f"{out}/{model}_{loss}.npz", metrics=metrics, **values)
"""


@pytest.mark.parametrize(
    "cases",
    [
        ["wavegan_wgan-gp"],
        pytest.param(["specgan_lsgan", "wavegan_lsgan", "specgan_wgan-gp"], marks=pytest.mark.slow),
    ],
)
def test_two_replicas_update_like_one(tmp_path, cases):
    """wgan-gp with a shift for each example, and lsgan with batch normalisation over both replicas."""
    for devices in ("1", "2"):
        (tmp_path / devices).mkdir()
        arguments = [devices, str(tmp_path / devices), *cases]
        subprocess.run([sys.executable, "-c", ON_LOGICAL_DEVICES, *arguments], check=True, timeout=300, cwd=ROOT)
    for case in cases:
        one, two = (np.load(tmp_path / devices / f"{case}.npz") for devices in ("1", "2"))
        np.testing.assert_allclose(two["metrics"], one["metrics"], rtol=1e-4, atol=1e-5)
        for name in one.files:
            # Adam makes a step of 1e-4 even of a gradient that is rounding noise; that befalls few elements.
            difference = np.abs(two[name] - one[name])
            assert np.mean(difference > 2e-6 * max(1.0, np.abs(one[name]).max())) < 0.02, (case, name)


def overflowing_steps(strategy):
    """Checks that an overflow in one replica or in the sum changes nothing in any, and that training goes on."""
    with strategy.scope():
        network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False, name="weights")])
        optimizer = LossScaling(TF1Adam(0.125), initial_scale=4.0)
        optimizer.build(network.trainable_variables)
    kernel = network.trainable_variables[0]
    kernel.assign(np.ones((3, 1)))

    def loss(x):  # its gradient is the batch
        return tf.reduce_sum(x @ tf.convert_to_tensor(kernel)), {}

    update = tf.function(Update(loss, network.trainable_variables, optimizer, strategy), autograph=False)
    replicas = strategy.num_replicas_in_sync
    good, other = np.array([[1.0, -2.0, 3.0]], np.float32), np.array([[2.0, 2.0, -1.0]], np.float32)
    everywhere = range(replicas)
    in_the_sum = np.finfo(np.float32).max / 3  # each of two replicas' gradients is finite
    in_one = [(bad, [place]) for bad in (np.inf, np.nan) for place in everywhere]
    for bad, places in [*in_one, (in_the_sum, everywhere)]:
        rows = [good.copy() for _ in everywhere]
        for place in places:
            rows[place][0, 1] = bad
        update(_rows(strategy, rows))
        for value in _values(strategy, kernel):
            np.testing.assert_array_equal(value, np.ones((3, 1)))
        assert {float(value) for value in _values(strategy, optimizer.scale)} == {2.0}
        assert int(optimizer.iterations.numpy()) == 0
        optimizer.scale.assign(4.0)
    for rows in ([good] * replicas, [other] * replicas, [good, other][:replicas]):
        update(_rows(strategy, rows))
    twin = TF1Adam(0.125)
    weights = keras.Variable(np.ones((3, 1)))
    mixed = np.mean([good, other][:replicas], axis=0)
    for mean in (good, other, mixed):
        twin.apply([tf.constant(mean.T)], [weights])
    for value in _values(strategy, kernel):
        np.testing.assert_allclose(value, weights.numpy(), rtol=1e-6)


def _rows(strategy, rows):
    if len(rows) == 1:
        return tf.constant(rows[0])
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(rows[context.replica_id_in_sync_group])
    )


def _values(strategy, variable):
    return [np.array(value) for value in strategy.experimental_local_results(variable.value)]


def test_an_overflow_in_one_replica_is_a_step_skipped_by_all():
    overflowing_steps(tf.distribute.get_strategy())
    run("tests.core.training.test_distribution", "mirrored", TF_CPP_MIN_LOG_LEVEL="3")


@pytest.mark.slow
def test_an_overflow_in_one_worker_is_a_step_skipped_by_all():
    run_two_workers("tests.core.training.test_distribution", "multiworker")


def assert_same_run(one, other) -> None:
    """RMSProp is smooth: only the order of summation shows."""
    one, other = checkpoint_values(one), checkpoint_values(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        difference = np.abs(np.asarray(value, np.float64) - other[name])
        assert difference.max() <= 2e-6 * max(1.0, np.abs(value).max()), name


@pytest.mark.slow
def test_two_worker_processes_train_like_one(tmp_path):
    drums = few_drums(tmp_path / "drums")
    arguments = [f"--data_dir={drums}", *tiny("wavegan"), "--wavegan_loss=lsgan"]
    run("wavegan_tf.train", f"--train_dir={tmp_path / 'one'}", *arguments, "--train_steps=3")
    for steps in (2, 3):  # the second time both continue
        errors = run_two_workers(
            "wavegan_tf.train", f"--train_dir={tmp_path / 'two'}", *arguments, f"--train_steps={steps}"
        )
        assert "in 2 workers" in errors
    assert_same_run(tmp_path / "one" / "model.ckpt-3", tmp_path / "two" / "model.ckpt-3")


if __name__ == "__main__":
    if sys.argv[1] == "multiworker":
        overflowing_steps(tf.distribute.MultiWorkerMirroredStrategy())
    else:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        overflowing_steps(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
