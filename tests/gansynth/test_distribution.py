"""The same batch gives the same updates on one device, on two, in two processes, and nearly in float16."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.losses import GANSynthLosses
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.model import StageModel
from gansynth_tf.stages.updates import check_batch_sizes
from tests.commands import run, run_two_workers
from tests.core.training.test_distribution import assert_same_run
from tests.gansynth.reference import config_of
from tests.gansynth.small import SMALL, SMALLER, arguments
from tests.steps import stage_steps
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training import runtime
from wavegan_tf.core.training.options import RuntimeOptions

ROOT = Path(__file__).parents[2]


def two_steps(run_dir, stage_id=3, **options):
    """Metrics and weights of two steps on made-up data, of batches of four."""
    found = stage_steps(run_dir, 2, stage_id, **options)
    return found.metrics, found.weights


# The CPU divided into two devices; a process can do that but once.
ON_TWO_DEVICES = """
import sys
import wavegan_tf
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.gansynth.test_distribution import two_steps
metrics, values = two_steps(sys.argv[1], distribution="mirrored")
np.savez(f"{sys.argv[1]}/two.npz", metrics=[list(step.values()) for step in metrics], **values)
"""


def assert_near_run(metrics, values, expected_metrics, expected, tolerance=1e-4):
    found = [list(step.values()) if isinstance(step, dict) else step for step in metrics]
    np.testing.assert_allclose(found, [list(step.values()) for step in expected_metrics], rtol=tolerance, atol=1e-5)
    for name, value in expected.items():
        # Adam makes a step of up to 8e-4 even of a gradient that is rounding noise; that befalls few elements.
        assert np.mean(np.abs(values[name] - value) > 2e-6 * max(1.0, np.abs(value).max())) < 0.02, name


@pytest.mark.slow
def test_two_replicas_update_like_one(tmp_path):
    """The standard deviation over the batch is that over both parts."""
    subprocess.run([sys.executable, "-c", ON_TWO_DEVICES, str(tmp_path)], check=True, timeout=300, cwd=ROOT)
    expected = two_steps(tmp_path / "one")
    found = np.load(tmp_path / "two.npz")
    assert_near_run(found["metrics"], found, *expected)


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_mixed_precision_gives_nearly_the_same_losses(precision, tolerance, tmp_path):
    exact, _ = two_steps(tmp_path / "exact", stage_id=2)
    rounded, values = two_steps(tmp_path / "rounded", stage_id=2, mixed_precision=precision)
    for step in range(2):
        for name in ("D_loss", "G_loss", "gradient_penalty"):
            np.testing.assert_allclose(rounded[step][name], exact[step][name], rtol=tolerance)
    assert rounded[0]["D_loss"] != exact[0]["D_loss"]
    assert all(value.dtype == np.float32 for value in values.values())


def test_float16_holds_the_slopes_of_the_first_stage(tmp_path):
    """At 2 x 16 pixels the penalty's target is a gradient norm of 64, of data that the normaliser divides by 15."""
    penalties = []
    for precision in ("float32", "mixed_float16"):
        config = config_of({"fmap_base": 1024, "fmap_max": 64, "latent_vector_size": 8})
        stage = config.schedule.stage(0)
        model = StageModel(config, stage, 61, str(tmp_path / precision), keras.DTypePolicy(precision))
        head = model.discriminator.layer_of(1, "logits").kernel
        head.assign(head * 200.0)
        features = make_features(config)
        data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, features, ""))
        rng = np.random.default_rng(0)
        images = rng.normal([-3.76, 0.0], [3.2, 0.066], (6, 2, 16, 2)).astype(np.float32)
        scale = 1024.0 if precision != "float32" else 1.0
        losses = GANSynthLosses(
            generator=model.generator,
            discriminator=model.discriminator,
            data=data,
            weights=config.loss_weights(),
            inner_scale=scale,
        )
        pitches = tf.one_hot(np.arange(6), 61)
        draws = {"z": tf.constant(rng.normal(size=(6, 8)), tf.float32), "pitches": pitches, "alpha": tf.fill([6], 0.3)}
        _, metrics = losses.discriminator_loss(tf.constant(images), pitches, draws, tf.constant(0.0))
        penalties.append(float(metrics["gradient_penalty"]))
    assert 0.1 < penalties[0] < 10.0  # slopes are up to some four times the target
    np.testing.assert_allclose(penalties[1], penalties[0], rtol=0.02)


def replicated(count):
    """A runtime of so many replicas, for what asks it no more than that."""
    return dataclasses.replace(runtime.start(RuntimeOptions()), strategy=mock.Mock(num_replicas_in_sync=count))


def test_batches_that_cannot_be_divided_are_refused():
    schedule = config_of({**SMALL, "batch_size_schedule": [8, 4, 2]}).schedule
    stages = [schedule.stage(number) for number in range(5)]
    check_batch_sizes(stages, replicated(2))
    message = "^batch_size_schedule: batches of 2 in stage 3: must be a multiple of the 4 replicas$"
    with pytest.raises(UserError, match=message):
        check_batch_sizes(stages, replicated(4))


@pytest.mark.slow
def test_two_worker_processes_train_like_one(tmp_path):
    """Across the stages' boundaries; the standard deviation over the batch is that of all workers."""
    changes = {**SMALLER, "adam_beta1": 0.5}
    run("gansynth_tf.train", *arguments(tmp_path / "one", **changes))
    for total_num_images in (6, 14):  # the second time both go on within the second stage
        given = arguments(tmp_path / "two", **{**changes, "total_num_images": total_num_images})
        assert "in 2 workers" in run_two_workers("gansynth_tf.train", *given)
    assert_same_run(
        tmp_path / "one" / "stage_00000" / "model.ckpt-4", tmp_path / "two" / "stage_00000" / "model.ckpt-4"
    )
    assert (tmp_path / "two" / "stage_00002" / "model.ckpt-14.index").exists()
