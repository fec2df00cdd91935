"""The same global batch gives the same update on one device, on two, and in two processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.commands import TINY, checkpoint_values, command, few_drums, run

# Three steps through the real trainer, with the CPU divided into the number of devices given.
ON_LOGICAL_DEVICES = """
import sys
import wavegan_tf
import tensorflow as tf
devices, train_dir, data_dir, loss, batchnorm = sys.argv[1:]
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices))
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import runtime, trainer
from wavegan_tf.train import make_gan
config = WaveGANConfig(
    data_dir=data_dir, data_first_slice=True, wavegan_dim=2, wavegan_kernel_len=9, wavegan_latent_dim=8,
    train_batch_size=4, train_steps=3, preview_n=2, wavegan_loss=loss, wavegan_batchnorm=batchnorm == "True",
    wavegan_disc_phaseshuffle_per_example=True, distribution="mirrored" if devices == "2" else "none",
)
run = runtime.start(config)
assert run.strategy.num_replicas_in_sync == int(devices)
trainer.train(config, train_dir, make_gan, run)
"""


def assert_same_run(one, other, loss: str) -> None:
    one, other = checkpoint_values(one), checkpoint_values(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        difference = np.abs(np.asarray(value, np.float64) - other[name])
        if loss == "lsgan":  # RMSProp is smooth: only the order of summation shows.
            assert difference.max() <= 2e-6 * max(1.0, np.abs(value).max()), name
        else:  # Adam makes a step of 1e-4 of a gradient that is rounding noise.
            assert np.mean(difference > 1e-5 * max(1.0, np.abs(value).max())) < 0.02, name


@pytest.mark.parametrize(("loss", "batchnorm"), [("lsgan", False), ("lsgan", True), ("wgan-gp", False)])
def test_two_replicas_update_like_one(loss, batchnorm, tmp_path):
    drums = few_drums(tmp_path / "drums")
    for devices in ("1", "2"):
        arguments = [devices, str(tmp_path / devices), str(drums), loss, str(batchnorm)]
        subprocess.run([sys.executable, "-c", ON_LOGICAL_DEVICES, *arguments], check=True, timeout=300)
    assert_same_run(tmp_path / "1" / "model.ckpt-3", tmp_path / "2" / "model.ckpt-3", loss)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for held in sockets:
        held.bind(("localhost", 0))
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def test_two_worker_processes_train_like_one(tmp_path):
    drums = few_drums(tmp_path / "drums")
    arguments = [f"--data_dir={drums}", *TINY, "--train_steps=3", "--wavegan_loss=lsgan"]
    run("wavegan_tf.train", f"--train_dir={tmp_path / 'one'}", *arguments)
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    workers = [
        command(
            "wavegan_tf.train",
            f"--train_dir={tmp_path / 'two'}",
            *arguments,
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index in (0, 1)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors
    assert "in 2 workers" in errors
    assert_same_run(tmp_path / "one" / "model.ckpt-3", tmp_path / "two" / "model.ckpt-3", "lsgan")
