"""From flags to where and how the computation runs: devices, precision, XLA, determinism."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf
from absl import logging
from tensorflow.python.distribute import collective_all_reduce_strategy
from tensorflow.python.eager import context as eager_context
from tensorflow.python.framework import config as framework_config

from wavegan_tf import __version__
from wavegan_tf.core.audio.batches import stream_options
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.nn.optimizers import LossScaling
from wavegan_tf.core.training.options import RuntimeOptions
from wavegan_tf.core.training.run_directory import RunDirectory
from wavegan_tf.core.workers import tf_config
from wavegan_tf.core.workers.cluster import Cluster, options_in_common

# float16 gradients of a logit to its input are small; see losses.gradient_penalty.
_FLOAT16_INNER_SCALE = 1024.0


@dataclasses.dataclass(frozen=True)
class Runtime:
    """Devices, precision and workers, as `start` chose them by the options.

    Attributes:
      strategy: places variables and runs replicas.
      policy: dtype policy of the networks.
      jit_compile: whether losses and gradients go through XLA.
      inner_scale: factor for `losses.gradient_penalty`.
      worker: index of this process.
      workers: number of processes.
      cluster: these processes.
    """

    strategy: tf.distribute.Strategy
    policy: keras.DTypePolicy
    jit_compile: bool
    inner_scale: float
    worker: int
    workers: int
    cluster: Cluster = dataclasses.field(default_factory=Cluster)

    @property
    def is_chief(self) -> bool:
        """True if this process writes the run's files."""
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

    def held_by_chief(
        self, directory: str, options_file: str, flag: str = "train_dir"
    ) -> contextlib.AbstractContextManager:
        """Holds a training directory in the chief; see `RunDirectory`."""
        return RunDirectory(directory, options_file, flag) if self.is_chief else contextlib.nullcontext()

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
            raise UserError(f"--jit_compile: {what} over several replicas cannot be compiled; set --jit_compile=false")
        logging.info("XLA is off: %s over several replicas cannot be compiled", what)
        return dataclasses.replace(self, jit_compile=False)

    def share(self, batch_size: int, name: str) -> int:
        """Rows of a batch for each replica.

        Args:
          batch_size: over all replicas.
          name: of the batch size, for messages.

        Raises:
          UserError: the batch cannot be divided among the replicas.
        """
        replicas = self.strategy.num_replicas_in_sync
        if batch_size % replicas:
            raise UserError(f"{name}: must be a multiple of the {replicas} replicas")
        return batch_size // replicas

    @property
    def compiles_whole(self) -> bool:
        """True if XLA compiles an iteration as one program."""
        return self.jit_compile and self.strategy.num_replicas_in_sync == 1

    @property
    def compiles_updates(self) -> bool:
        """True if XLA compiles the losses and gradients of each update: those of an iteration meet other replicas."""
        return self.jit_compile and self.strategy.num_replicas_in_sync > 1

    def distributed(self, elements: tf.data.Dataset, share: int, rows: Callable[[Any, int, int], Any]) -> Iterable[Any]:
        """An endless stream as this worker's replicas take it, prefetched to their devices.

        Args:
          elements: this worker's part of what each step needs, tuples.
          share: rows of each replica.
          rows: (element, start, stop) -> the part of these rows.

        Returns:
          What a strategy's `run` takes: the rows of each replica, one element of them for each step.
        """
        replicas = self.strategy.num_replicas_in_sync // self.workers

        @tf.autograph.experimental.do_not_convert
        def divided(*element: Any) -> tf.data.Dataset:
            parts = [rows(element, replica * share, (replica + 1) * share) for replica in range(replicas)]
            return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(lambda *part: tf.stack(part), *parts))

        if replicas > 1:
            elements = elements.flat_map(divided)
        # Without a known end, workers would ask one another before each step whether any has come to it.
        elements = elements.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        elements = elements.prefetch(2 * replicas).with_options(stream_options())
        return self.strategy.distribute_datasets_from_function(lambda _: elements)


@contextlib.contextmanager
def settings_given_back() -> Iterator[None]:
    """Gives the process back those settings of TensorFlow that a run makes: another run may follow, or generation."""
    deterministic = framework_config.is_op_determinism_enabled()
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    set_before = tf.config.optimizer.get_experimental_options()
    try:
        yield
    finally:
        if not deterministic:
            framework_config.disable_op_determinism()
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
        names = ("remapping", "arithmetic_optimization")
        tf.config.optimizer.set_experimental_options({name: set_before.get(name, True) for name in names})


def start(options: RuntimeOptions) -> Runtime:
    """Sets up TensorFlow for a run; to be called before any other use of it.

    If there are several workers, it waits for them; see `Cluster.join`. The run then belongs into `Cluster.guard`.

    Raises:
      UserError: the distribution asked for is unavailable here, or the workers' options differ.
    """
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(options.tf32)
    # It reorders sums, as those of gradients, by names and by what stands beside them: a run would round otherwise.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    place, cluster = _place(options.distribution), Cluster()
    if place is not None and len(place.addresses) > 1:
        cluster = Cluster(place)
        cluster.join()
    with cluster.guard():
        strategy = _make_strategy(options, place, cluster)
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
        worker=cluster.index,
        workers=cluster.workers,
        cluster=cluster,
    )


def _place(distribution: str) -> tf_config.Place | None:
    """The place among several workers; None if TF_CONFIG names none, or is not to be looked at."""
    if distribution not in ("auto", "multiworker"):
        return None
    place = tf_config.read()
    if place is None and distribution == "multiworker":
        raise UserError("--distribution=multiworker: the environment variable TF_CONFIG names no workers; see BUILD.md")
    return place


def _make_strategy(options: RuntimeOptions, place: tf_config.Place | None, cluster: Cluster) -> tf.distribute.Strategy:
    gpus = tf.config.list_physical_devices("GPU")
    if cluster.workers > 1:
        assert place is not None
        cluster.agree(
            {
                "version": __version__,
                "TensorFlow": tf.__version__,
                "model": type(options).__name__,
                **options_in_common(options),
                "number of GPUs": len(gpus),
            }
        )
        return _multi_worker_strategy(place, len(gpus), cluster)
    distribution = options.distribution
    if distribution == "auto":
        distribution = "mirrored" if len(gpus) > 1 else "none"
    if distribution in ("mirrored", "multiworker"):
        return mirrored(tuple(device.name for device in tf.config.list_logical_devices("GPU" if gpus else "CPU")))
    # The default strategy would leave each element of a stream on the CPU until a step asks for it.
    return tf.distribute.OneDeviceStrategy("/gpu:0") if gpus else tf.distribute.get_strategy()


@functools.cache
def mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """The one strategy of a process for these devices: collectives of a second one would have the first one's keys."""
    return tf.distribute.MirroredStrategy(devices)


def _multi_worker_strategy(place: tf_config.Place, num_gpus: int, cluster: Cluster) -> tf.distribute.Strategy:
    # TensorFlow's two ways to see that a worker is gone, of which the first waits in C++ for workers to come and go,
    # and both end in a traceback. The cluster's connections do this; see links.py.
    eager_context.context().configure_coordination_service(service_type="")
    collective_all_reduce_strategy.CollectiveAllReduceExtended._enable_check_health = False
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({job: list(addresses) for job, addresses in place.jobs.items()}),
        task_type=place.job,
        task_id=place.task,
        num_accelerators={"GPU": num_gpus},
        rpc_layer="grpc",
    )
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"--distribution=multiworker: {one_line(error)}") from None
    # Each listens now.
    cluster.barrier()
    return strategy
