"""Optimisers in TensorFlow 1's arithmetic, and the ones the original code pairs with each loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf


class _Paced:
    """Stands beside an optimiser among a class's bases: its learning rate may fall.

    A schedule of Keras's would take the place of the variable `learning_rate`, and checkpoints name an optimiser's
    variables by their places.

    Attributes:
      pace: factor on the learning rate, a scalar computed at each update; None for none.
    """

    pace: Callable[[], tf.Tensor] | None = None

    def _paced(self, learning_rate: tf.Tensor) -> tf.Tensor:
        return learning_rate if self.pace is None else tf.cast(learning_rate, tf.float32) * self.pace()


@keras.saving.register_keras_serializable("adversarial_audio")
class TF1RMSprop(_Paced, keras.optimizers.RMSprop):
    """`tf.train.RMSPropOptimizer`: the mean square starts at one, and epsilon (1e-10) is inside the root."""

    def __init__(self, learning_rate: float = 1e-4, rho: float = 0.9, epsilon: float = 1e-10, **kwargs):
        super().__init__(learning_rate=learning_rate, rho=rho, epsilon=epsilon, **kwargs)

    def build(self, variables) -> None:
        """Makes the accumulators, which Keras would start at zero."""
        if self.built:
            return
        super().build(variables)
        for velocity in self._velocities:
            velocity.assign(keras.ops.ones_like(velocity))

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Changes a variable at the pace of this update."""
        super().update_step(gradient, variable, self._paced(learning_rate))

    @property
    def mean_squares(self) -> list[keras.Variable]:
        """One running mean of squared gradients for each variable, in the order given to `build`."""
        return self._velocities


@keras.saving.register_keras_serializable("adversarial_audio")
class TF1Adam(_Paced, keras.optimizers.Adam):
    """`tf.train.AdamOptimizer`: Keras's arithmetic with its epsilon (1e-8), which is outside the root in both."""

    def __init__(
        self, learning_rate: float = 1e-4, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, **kwargs
    ):
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **kwargs)
        self._shared: Callable[[], Mapping[str, tf.Tensor]] | None = None

    def apply(self, grads: Sequence[tf.Tensor], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Makes an update, in which all variables share the tensors of what is the same for all."""
        self._shared = None
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._shared = None  # a tensor keeps its whole graph

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Changes a variable by TF1's own operation: one pass through memory, where Keras's arithmetic makes ten."""
        if self._shared is None:
            self._shared = self._scalars(learning_rate)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            grad=tf.cast(gradient, variable.dtype),
            **{name: tf.cast(value, variable.dtype) for name, value in self._shared().items()},
        )

    def _scalars(self, learning_rate: tf.Tensor) -> Callable[[], Mapping[str, tf.Tensor]]:
        """Float32 scalars of one update, as a function, since Keras wraps a mapping that is an attribute."""
        step = tf.cast(self.iterations + 1, tf.float32)
        beta1, beta2 = tf.constant(self.beta_1, tf.float32), tf.constant(self.beta_2, tf.float32)
        found = {
            "beta1_power": tf.pow(beta1, step), "beta2_power": tf.pow(beta2, step), "beta1": beta1, "beta2": beta2,
            "lr": self._paced(tf.cast(learning_rate, tf.float32)), "epsilon": tf.constant(self.epsilon, tf.float32),
        }  # fmt: skip
        return lambda: found

    @property
    def first_moments(self) -> list[keras.Variable]:
        """M of each variable, in the order given to `build`."""
        return self._momentums

    @property
    def second_moments(self) -> list[keras.Variable]:
        """V of each variable, in the order given to `build`."""
        return self._velocities


@keras.saving.register_keras_serializable("adversarial_audio")
class LossScaling(keras.optimizers.LossScaleOptimizer):
    """Dynamic loss scaling for float16 that takes or skips a step in all replicas alike.

    Keras decides by the gradients of one replica before they are summed up: an overflow in another makes every weight
    NaN, and several workers may decide differently and wait for each other for ever.
    """

    def check_finite(self, grads) -> tf.Tensor:
        """Returns a boolean scalar: the sum over replicas of every gradient is finite; the same in all replicas."""
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        if replicas == 1:
            return super().check_finite(grads)
        # Where every replica's gradient stays finite times their number, so does the sum.
        overflows = tf.logical_not(super().check_finite([gradient * replicas for gradient in grads]))
        return tf.equal(context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(overflows, tf.float32)), 0.0)

    @property
    def scale(self) -> keras.Variable:
        """The factor on the loss."""
        return self.dynamic_scale

    @property
    def good_steps(self) -> keras.Variable:
        """Steps since the factor last changed."""
        return self.step_counter


def for_loss(loss: str, name: str | None = None, learning_rate: float = 0.0) -> keras.optimizers.Optimizer:
    """A new optimiser as train_wavegan.py and train_specgan.py choose it for `loss`; a rate of 0 is theirs."""
    if loss == "dcgan":
        return TF1Adam(learning_rate or 2e-4, beta_1=0.5, beta_2=0.999, name=name)
    if loss == "wgan-gp":
        return TF1Adam(learning_rate or 1e-4, beta_1=0.5, beta_2=0.9, name=name)
    return TF1RMSprop(learning_rate or {"lsgan": 1e-4, "wgan": 5e-5}[loss], name=name)


def falling(updates: keras.Variable, end: int, steps: int) -> Callable[[], tf.Tensor]:
    """A pace of one that falls linearly to zero over the last `steps` updates before `end`.

    Args:
      updates: integer scalar, how many have been made.
      end: how many will have been made when the pace is zero.
      steps: at least one.
    """

    def pace() -> tf.Tensor:
        left = tf.cast(end - tf.cast(updates.value, tf.int64), tf.float32)
        return tf.clip_by_value(left / tf.constant(steps, tf.float32), 0.0, 1.0)

    return pace
