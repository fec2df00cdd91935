"""From flags to where and how the computation runs: devices, precision, XLA, determinism."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from wavegan_tf.core.draws import MAX_SEED
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import Options, option
from wavegan_tf.core.optimizers import LossScaling

# float16 gradients of a logit to its input are small; see losses.gradient_penalty.
_FLOAT16_INNER_SCALE = 1024.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuntimeOptions(Options):
    """How a run computes. None of it changes what is computed, but for `seed` and `mixed_precision`."""

    seed: int = option(
        0,
        "Seed of everything random: weights, latents, order of the clips.",
        minimum=0,
        maximum=MAX_SEED,
        resume="fixed",
    )
    distribution: str = option(
        "auto",
        "Which devices share each batch. auto: multiworker if TF_CONFIG names several workers, mirrored if there are "
        "several GPUs, else none.",
        choices=("auto", "none", "mirrored", "multiworker"),
    )
    jit_compile: bool | None = option(
        None, "Compile losses and gradients with XLA. Default: with a GPU yes, without no (XLA on a CPU is slower)."
    )
    mixed_precision: str = option(
        "none",
        "Type of the networks' arithmetic; weights stay float32. float16 is for GPUs, bfloat16 for CPUs too.",
        choices=("none", "bfloat16", "float16"),
    )
    tf32: bool = option(
        True,
        "Let GPUs (Ampere and later) round the factors of float32 products to TensorFloat-32: faster, with about three "
        "decimal digits.",
    )
    deterministic: bool = option(False, "Use only deterministic operations; slower on a GPU.")


@dataclasses.dataclass(frozen=True)
class Runtime:
    """What `start` made of the options.

    Attributes:
      strategy: places variables and runs replicas.
      policy: dtype policy of the networks.
      jit_compile: whether losses and gradients go through XLA.
      inner_scale: factor for `losses.gradient_penalty`.
      worker: index of this process.
      workers: number of processes.
    """

    strategy: tf.distribute.Strategy
    policy: keras.DTypePolicy
    jit_compile: bool
    inner_scale: float
    worker: int
    workers: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run's files."""
        return self.worker == 0

    @property
    def description(self) -> str:
        """Devices in words, for the line printed at the start."""
        replicas = self.strategy.num_replicas_in_sync
        gpus = tf.config.list_physical_devices("GPU")
        device = "CPU"
        if gpus:
            device = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        text = device if replicas == 1 else f"{replicas} x {device}"
        if self.workers > 1:
            text += f" in {self.workers} workers"
        if self.policy.compute_dtype != "float32":
            text += f", {self.policy.compute_dtype}"
        return text + (", XLA" if self.jit_compile else "")

    def loss_scaled(self, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
        """The optimiser, with dynamic loss scaling under float16."""
        if self.policy.compute_dtype == "float16":
            return LossScaling(optimizer)
        return optimizer

    def without_xla_on_replicas(self, asked: bool | None, what: str) -> Runtime:
        """A runtime for networks that XLA can compile on a single replica only.

        Args:
          asked: the option `jit_compile`.
          what: the part that spans replicas.

        Raises:
          UserError: XLA was asked for, with several replicas.
        """
        if self.strategy.num_replicas_in_sync == 1 or not (self.jit_compile or asked):
            return self
        if asked:
            raise UserError(f"--jit_compile: {what} over several replicas cannot be compiled; add --nojit_compile")
        logging.info("XLA is off: %s over several replicas cannot be compiled", what)
        return dataclasses.replace(self, jit_compile=False)

    def per_replica(self, share: int, rows: Callable[[int, int], Any], *, of_worker: bool) -> Any:
        """Divides a batch among this worker's replicas.

        Args:
          share: rows of each replica.
          rows: (start, stop) -> these rows.
          of_worker: whether `rows` counts within this worker's part of the batch, instead of within the whole.

        Returns:
          What a strategy's `run` takes: the rows of each replica.
        """
        replicas = self.strategy.num_replicas_in_sync
        if replicas == 1:
            return rows(0, share)
        first = self.worker * (replicas // self.workers) if of_worker else 0

        def of_replica(context: tf.distribute.ValueContext) -> Any:
            start = (int(context.replica_id_in_sync_group) - first) * share
            return rows(start, start + share)

        return self.strategy.experimental_distribute_values_from_function(of_replica)

    def any_worker(self, flag: bool) -> bool:
        """Whether `flag` holds in any worker; all workers must call it together."""
        if self.workers == 1:
            return flag
        value = self.strategy.experimental_distribute_values_from_function(lambda _: tf.constant(float(flag)))
        return bool(self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) > 0)


def start(options: RuntimeOptions) -> Runtime:
    """Sets up TensorFlow for a run; to be called before any other use of it.

    Raises:
      UserError: the distribution asked for cannot be had here.
    """
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(options.tf32)
    strategy, worker, workers = _make_strategy(options.distribution)
    gpus = tf.config.list_physical_devices("GPU")
    if options.mixed_precision == "float16" and not gpus:
        logging.warning(
            "--mixed_precision=float16: a CPU computes in float16 many times more slowly than in float32; "
            "--mixed_precision=bfloat16 is for CPUs"
        )
    keras.utils.set_random_seed(options.seed)
    policies = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
    return Runtime(
        strategy=strategy,
        policy=keras.DTypePolicy(policies[options.mixed_precision]),
        jit_compile=bool(gpus) if options.jit_compile is None else options.jit_compile,
        inner_scale=_FLOAT16_INNER_SCALE if options.mixed_precision == "float16" else 1.0,
        worker=worker,
        workers=workers,
    )


def _cluster() -> tuple[int, int]:
    """This worker's index and the number of workers, by TF_CONFIG; (0, 1) without it."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 0, 1
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        chiefs, workers = len(cluster.get("chief", [])), len(cluster.get("worker", []))
        if not 0 <= int(task["index"]) < {"chief": chiefs, "worker": workers}.get(task["type"], 0):
            raise ValueError(f"task {task} is not in the cluster")
        index = int(task["index"]) + (chiefs if task["type"] == "worker" else 0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"TF_CONFIG: cannot be understood ({error!r}); BUILD.md shows its form") from None
    return index, chiefs + workers


def _make_strategy(distribution: str) -> tuple[tf.distribute.Strategy, int, int]:
    worker, workers = _cluster()
    gpus = tf.config.list_physical_devices("GPU")
    if distribution == "auto":
        distribution = "multiworker" if workers > 1 else "mirrored" if len(gpus) > 1 else "none"
    if distribution == "multiworker":
        if not os.environ.get("TF_CONFIG"):
            raise UserError("--distribution=multiworker: the environment variable TF_CONFIG is not set; see BUILD.md")
        try:
            return tf.distribute.MultiWorkerMirroredStrategy(), worker, workers
        except (RuntimeError, ValueError, tf.errors.OpError) as error:
            raise UserError(f"--distribution=multiworker: {str(error).splitlines()[0]}") from None
    if distribution == "mirrored":
        devices = [device.name for device in tf.config.list_logical_devices("GPU" if gpus else "CPU")]
        return tf.distribute.MirroredStrategy(devices), 0, 1
    return tf.distribute.get_strategy(), 0, 1
