"""One adversarial update, compiled: the losses of two networks, their gradients and the steps that follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.optimizers import LossScaling

# Scaled by so little, float16 holds no gradient that matters any more.
_SMALLEST_LOSS_SCALE = 2.0**-10

Metrics = dict[str, tf.Tensor]


class Update:
    """One optimiser step of one network, on every replica; to be called in a graph.

    Calling it with the loss's arguments (tensors, or `PerReplica` values under a strategy) returns the metrics,
    averaged over replicas, as they were before the step. The loss is a mean over the replica's examples; its gradient
    is taken from the weights before the step, and the step uses the mean over replicas.
    """

    def __init__(
        self,
        loss: Callable[..., tuple[tf.Tensor, Metrics]],
        variables: list[keras.Variable],
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        *,
        jit_compile: bool = False,
        after_step: Callable[[], None] | None = None,
    ):
        """Prepares the step.

        Args:
          loss: arguments -> (scalar, metrics).
          variables: what the optimiser changes.
          optimizer: built on `variables` in the strategy's scope.
          strategy: where the step runs.
          jit_compile: compile loss and gradients with XLA, where it does not compile what calls this. Collective
            operations, such as batch normalisation over replicas, cannot stand in them.
          after_step: changes variables further; called once for all replicas, in the same graph.
        """
        self._loss, self._variables, self._optimizer, self._after_step = loss, variables, optimizer, after_step
        self._strategy, self._replicas = strategy, strategy.num_replicas_in_sync
        self._gradients = (
            tf.function(self._loss_gradients, jit_compile=True, autograph=False)
            if jit_compile
            else self._loss_gradients
        )

    def __call__(self, *args: Any) -> Metrics:
        """Makes the step; see the class."""
        per_replica = self._strategy.run(self._replica_step, args=args)
        if self._after_step is not None:
            self._after_step()
        return {
            name: self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in per_replica.items()
        }

    def _loss_gradients(self, *args: Any) -> tuple[list[tf.Tensor], Metrics]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in self._variables])
            loss, metrics = self._loss(*args)
            scaled = self._optimizer.scale_loss(loss / self._replicas)
        return tape.gradient(scaled, [variable.value for variable in self._variables]), metrics

    def _replica_step(self, *args: Any) -> Metrics:
        gradients, metrics = self._gradients(*args)
        # No weight may change before all have been read. TensorFlow orders each read before the write, but Grappler's
        # dependency optimizer drops such an edge where another path exists, and later cuts that path: the discriminator
        # then now and then judged interpolates with weights of the next step.
        gradients = tf.tuple(gradients, control_inputs=list(metrics.values()))
        self._optimizer.apply(gradients, self._variables)
        return {name: value / self._replicas for name, value in metrics.items()}


def clipping(network: keras.Model, limit: float) -> Callable[[], None]:
    """A function that keeps all weights of a network in [-limit, limit] after each step (wgan)."""

    def clip() -> None:
        for variable in network.trainable_variables:
            variable.assign(tf.clip_by_value(variable.value, -limit, limit))

    return clip


def moving_average(average: keras.Model, network: keras.Model, decay: float) -> Callable[[], None]:
    """A function that moves every weight of `average` towards that of `network` after each step.

    As `tf.train.ExponentialMovingAverage`: average -= (average - weight) * (1 - decay), with 1 - decay in float32.
    """
    rate = np.float32(1.0) - np.float32(decay)

    def move() -> None:
        for variable, weight in zip(average.variables, network.variables, strict=True):
            variable.assign_sub((variable.value - weight.value) * rate)

    return move


def all_finite(variables: Sequence[keras.Variable]) -> bool:
    """True if no variable holds a NaN or an infinity."""
    return bool(tf.reduce_all([tf.reduce_all(tf.math.is_finite(variable.value)) for variable in variables]))


def check_sound(when: str, networks: Sequence[keras.Model], optimizers: Sequence[keras.optimizers.Optimizer]) -> None:
    """Refuses to go on with networks that cannot be trained further; to be called before a checkpoint is written.

    Args:
      when: how far training is, such as "step 7".
      networks: all that are trained.
      optimizers: theirs.

    Raises:
      UserError: a weight is not finite, or float16 overflows however small the loss is scaled.
    """
    if not all_finite([variable for network in networks for variable in network.variables]):
        raise UserError(f"{when}: a weight is not finite; training has diverged, the last checkpoint stays")
    for optimizer in optimizers:
        if isinstance(optimizer, LossScaling) and float(optimizer.scale.value) < _SMALLEST_LOSS_SCALE:
            raise UserError(
                f"{when}: --mixed_precision=float16: the gradients overflow at every loss scale and no step is taken; "
                "go on with --mixed_precision=bfloat16 or none, the last checkpoint stays"
            )
