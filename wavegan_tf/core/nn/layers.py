"""Keras layers that more than one model uses."""

from __future__ import annotations

import math

import keras
import tensorflow as tf
from keras import ops

from wavegan_tf.core.nn import convolution, shifts

PACKAGE = "adversarial_audio"


def replica_mean(x: tf.Tensor) -> tf.Tensor:
    """The mean of a tensor over all replicas, with gradients through it; the tensor itself where there is one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, x)


class _Convolution(keras.layers.Layer):
    """Common parts of the four convolutions: SAME padding, Glorot uniform kernel and zero bias, as TF1's `tf.layers`.

    Args:
      filters: channels of the output.
      kernel_size: length of the kernel along each axis.
      stride: along each axis, or one for each.
      use_bias: whether to add a bias.
      kernel_initializer: as Keras's.
    """

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int | tuple[int, ...] = 1,
        use_bias: bool = True,
        kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.use_bias = filters, kernel_size, use_bias
        self.strides = (stride,) * self.rank if isinstance(stride, int) else tuple(stride)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape) -> None:
        """Makes the kernel and the bias."""
        shape = (self.kernel_size,) * self.rank + self._kernel_channels(input_shape[-1])
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias") if self.use_bias else None

    def _kernel_channels(self, channels: int) -> tuple[int, int]:
        return (channels, self.filters)

    def call(self, x, training: bool = False):
        """Convolves [b, ..., c]; `training` makes gradients faster and changes nothing else."""
        kernel, strides = tf.convert_to_tensor(self.kernel), self.strides
        if self.rank == 1:
            # Reshapes cost nothing; the gradient of a slice such as x[:, 0] copies.
            x, kernel, strides = tf.expand_dims(x, 1), tf.expand_dims(kernel, 0), (1, *strides)
        x = self._convolve(x, kernel, strides, training)
        if self.bias is not None:
            x = convolution.add_bias(x, tf.convert_to_tensor(self.bias), own_gradients=training)
        return tf.squeeze(x, 1) if self.rank == 1 else x

    def _convolve(self, x, kernel, strides, training: bool):
        return convolution.conv2d(x, kernel, strides, own_gradients=training)

    def compute_output_shape(self, input_shape):
        """[b, ceil(length / stride) of each axis, filters]."""
        lengths = zip(input_shape[1:-1], self.strides, strict=True)
        return (input_shape[0], *(-(-length // stride) for length, stride in lengths), self.filters)

    def get_config(self):
        """The constructor's arguments."""
        names = ("filters", "kernel_size", "use_bias")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "stride": self.strides,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


class _TransposedConvolution(_Convolution):
    """Common parts of the two transposed convolutions.

    Glorot's fans are taken as TF1 takes them: from the kernel's last two axes as (in, out), here (filters, c). The
    limit depends on their sum alone, so the exchanged order does not matter.
    """

    def _kernel_channels(self, channels: int) -> tuple[int, int]:
        return (self.filters, channels)

    def _convolve(self, x, kernel, strides, training: bool):
        size = (x.shape[1] * strides[0], x.shape[2] * strides[1])
        return convolution.conv2d_transpose(x, kernel, strides, size, own_gradients=training)

    def compute_output_shape(self, input_shape):
        """[b, length * stride of each axis, filters]."""
        lengths = zip(input_shape[1:-1], self.strides, strict=True)
        return (input_shape[0], *(length * stride for length, stride in lengths), self.filters)


@keras.saving.register_keras_serializable(PACKAGE)
class Conv1D(_Convolution):
    """[b, t, c] -> [b, ceil(t / stride), filters], as `tf.layers.conv1d`. Kernel: [kernel_size, c, filters]."""

    rank = 1


@keras.saving.register_keras_serializable(PACKAGE)
class Conv2D(_Convolution):
    """[b, h, w, c] -> [b, ceil(h / stride), ceil(w / stride), filters], as `tf.layers.conv2d`.

    Kernel: [kernel_size, kernel_size, c, filters].
    """

    rank = 2


@keras.saving.register_keras_serializable(PACKAGE)
class Conv1DTranspose(_TransposedConvolution):
    """[b, t, c] -> [b, t * stride, filters], as `tf.layers.conv2d_transpose` with a kernel of height 1.

    Kernel: [kernel_size, filters, c].
    """

    rank = 1


@keras.saving.register_keras_serializable(PACKAGE)
class Conv2DTranspose(_TransposedConvolution):
    """[b, h, w, c] -> [b, h * stride, w * stride, filters], as `tf.layers.conv2d_transpose`.

    Kernel: [kernel_size, kernel_size, filters, c].
    """

    rank = 2


@keras.saving.register_keras_serializable(PACKAGE)
class BatchNormalization(keras.layers.Layer):
    """Batch normalisation as `tf.layers.batch_normalization` did it: momentum 0.99, epsilon 0.001.

    Statistics are over all axes but the last, over all replicas, in float32.

    Args:
      moving_averages: if False, the layer always normalises by the batch and leaves its moving averages alone: the
        original discriminators never run the updates.
      fused: TF1 has two forms. For 4-D inputs it takes a fused kernel, whose moving variance gathers n / (n - 1) times
        the batch variance. For others it takes `tf.nn.moments`, which gathers the batch variance itself and holds the
        mean constant in it; that leaves first derivatives as they are and changes second ones, so that a gradient
        penalty has the original's gradient only in the same form.
    """

    momentum, epsilon = 0.99, 1e-3

    def __init__(self, moving_averages: bool = True, fused: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.moving_averages, self.fused = moving_averages, fused

    def build(self, input_shape) -> None:
        """Makes gamma, beta, moving_mean and moving_variance, one value a channel each."""
        shape = (input_shape[-1],)

        def weight(name: str, value: str, trainable: bool) -> keras.Variable:
            return self.add_weight(
                shape=shape, initializer=value, name=name, trainable=trainable, dtype="float32", autocast=False,
                aggregation="none" if trainable else "only_first_replica",
            )  # fmt: skip

        self.gamma = weight("gamma", "ones", True)
        self.beta = weight("beta", "zeros", True)
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)

    def call(self, x, training: bool = False):
        """Normalises [b, ..., c]; with `training` by the batch, and moves the averages."""
        dtype = x.dtype
        x = ops.cast(x, "float32")
        if training or not self.moving_averages:
            mean, variance, count = self._moments(x)
            if self.moving_averages:
                gathered = variance * count / (count - 1.0) if self.fused else variance
                self.moving_mean.assign_sub((self.moving_mean - mean) * (1 - self.momentum))
                self.moving_variance.assign_sub((self.moving_variance - gathered) * (1 - self.momentum))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        scale = ops.rsqrt(variance + self.epsilon) * self.gamma
        return ops.cast(x * scale + (self.beta - mean * scale), dtype)

    def _moments(self, x):
        """Mean and biased variance over every replica's batch, and the number of values each is taken over."""
        axes = list(range(len(x.shape) - 1))
        count = ops.cast(ops.prod(ops.shape(x)[:-1]), "float32")
        mean = replica_mean(ops.mean(x, axis=axes))
        center = mean if self.fused else ops.stop_gradient(mean)
        variance = replica_mean(ops.mean(ops.square(x - center), axis=axes))
        context = tf.distribute.get_replica_context()
        return mean, variance, count * (context.num_replicas_in_sync if context is not None else 1)

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "moving_averages": self.moving_averages, "fused": self.fused}


@keras.saving.register_keras_serializable(PACKAGE)
class PhaseShuffle(keras.layers.Layer):
    """Shifts activations in time by a few samples and fills the gap by reflection (WaveGAN paper, section 3.3).

    The shift is an input: the layer is a pure function, and who calls it decides where the random number comes from.

    Args:
      radius: largest shift in samples.
    """

    def __init__(self, radius: int, **kwargs):
        super().__init__(**kwargs)
        self.radius = radius

    def call(self, x, phase):
        """Shifts `x`.

        Args:
          x: [b, t, ..., c], t > radius.
          phase: int32 in [-radius, radius]; positive shifts right. Shape [1] for the whole batch, as the original
            code draws it, or [b] for one shift an example, as the paper words it.

        Returns:
          The shape of `x`.
        """
        flat = tf.reshape(x, [-1, x.shape[1], math.prod(x.shape[2:])])
        return tf.ensure_shape(tf.reshape(shifts.shift(flat, phase, self.radius), tf.shape(x)), x.shape)

    def compute_output_shape(self, input_shape, phase_shape=None):
        """The shape of `x`."""
        return input_shape

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "radius": self.radius}
