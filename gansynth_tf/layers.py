"""The layers of a progressive GAN (Karras et al. 2018, arXiv 1710.10196), as those of Magenta's layers.py.

Images are [b, h, w, c]; in GANSynth h is time and w frequency.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf
from keras import ops

from wavegan_tf.core.nn import convolution
from wavegan_tf.core.nn.layers import PACKAGE, replica_mean

PADDINGS = ("same", "valid", "full")


def he_scale(shape: tuple[int, ...], slope: float) -> float:
    """sqrt(2 / ((1 + slope^2) fan_in)) of a kernel [..., in, out] before a leaky ReLU (He et al. 2015, eq. 15)."""
    return math.sqrt(2.0 / ((1.0 + slope**2) * math.prod(shape[:-1])))


class _Scaled(keras.layers.Layer):
    """Common parts of the two layers: a standard normal kernel, scaled by He's constant whenever it is used.

    Every weight so learns at the same rate (section 4.1 of the paper). Without weight scaling the constant is in the
    initial kernel instead.
    """

    def __init__(self, he_slope: float = 1.0, use_weight_scaling: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.he_slope, self.use_weight_scaling = he_slope, use_weight_scaling

    def _make_weights(self, kernel_shape: tuple[int, ...]) -> None:
        scale = he_scale(kernel_shape, self.he_slope)
        deviation, self._scale = (1.0, scale) if self.use_weight_scaling else (scale, 1.0)
        self.bias = self.add_weight(shape=kernel_shape[-1:], initializer="zeros", name="bias")
        initializer = keras.initializers.RandomNormal(stddev=deviation)
        self.kernel = self.add_weight(shape=kernel_shape, initializer=initializer, name="kernel")

    def _scaled_kernel(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.kernel) * self._scale

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "he_slope": self.he_slope, "use_weight_scaling": self.use_weight_scaling}


@keras.saving.register_keras_serializable(PACKAGE)
class ScaledConv2D(_Scaled):
    """Convolution with an equalised learning rate (`custom_conv2d`). Kernel: [kh, kw, c, filters].

    Args:
      filters: channels of the output.
      kernel_size: along each axis, or one for both.
      stride: along both axes.
      padding: "same"; "valid"; or "full", for an input of 1 x 1 that becomes as large as the kernel.
      he_slope: of the leaky ReLU that follows, 1 for none.
      use_weight_scaling: see `_Scaled`.
      upscale: repeat every pixel so often along each axis first, as `box_upscale`; at stride 1 and "same" padding. It
        is done in one transposed convolution, whose kernel sums up the taps that meet the same pixel: 2.25 times fewer
        multiplications for a kernel of 3 and twice the size.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: str = "same",
        he_slope: float = 1.0,
        use_weight_scaling: bool = True,
        upscale: tuple[int, int] = (1, 1),
        **kwargs,
    ):
        super().__init__(he_slope, use_weight_scaling, **kwargs)
        if padding not in PADDINGS:
            raise ValueError(f"padding={padding!r}: must be one of {', '.join(PADDINGS)}")
        self.filters, self.stride, self.padding, self.upscale = (
            filters,
            stride,
            padding,
            (int(upscale[0]), int(upscale[1])),
        )
        if self.upscale != (1, 1) and (stride, padding) != (1, "same"):
            raise ValueError(f"upscale={upscale}: needs stride 1 and padding 'same'")
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)

    def build(self, input_shape) -> None:
        """Makes the bias and the kernel."""
        self._make_weights((*self.kernel_size, input_shape[-1], self.filters))
        self.built = True

    def call(self, x, training: bool = False):
        """Convolves [b, h, w, c]; `training` makes gradients faster and changes nothing else."""
        kernel = self._scaled_kernel()
        if self.upscale != (1, 1):
            x = convolution.conv2d_of_boxes(x, kernel, self.upscale, own_gradients=training)
        elif self.padding == "same":
            x = convolution.conv2d(x, kernel, (self.stride, self.stride), own_gradients=training)
        elif self.padding == "full":
            x = self._spread(x, kernel)
        elif tuple(x.shape[1:3]) == self.kernel_size:
            x = tf.matmul(tf.reshape(x, [-1, math.prod(x.shape[1:])]), tf.reshape(kernel, [-1, self.filters]))
            x = x[:, None, None]
        else:
            x = tf.nn.conv2d(x, kernel, self.stride, "VALID")
        return convolution.add_bias(x, tf.convert_to_tensor(self.bias), own_gradients=training)

    def _spread(self, x, kernel):
        """Zero-pads 1 x 1 by kernel_size - 1 and convolves without padding: the kernel, turned round."""
        products = tf.matmul(x[None, :, 0, 0], tf.reshape(kernel, [-1, *kernel.shape[2:]]))  # [kh kw, b, filters]
        return tf.reverse(tf.reshape(tf.transpose(products, [1, 0, 2]), [-1, *self.kernel_size, self.filters]), [1, 2])

    def compute_output_shape(self, input_shape):
        """[b, h, w, filters]."""
        upscaled = (length * scale for length, scale in zip(input_shape[1:3], self.upscale, strict=True))
        sizes = zip(upscaled, self.kernel_size, strict=True)
        lost = {"same": 0, "valid": 1, "full": -1}[self.padding]
        lengths = (-(-(size - lost * (taps - 1)) // self.stride) for size, taps in sizes)
        return (input_shape[0], *lengths, self.filters)

    def get_config(self):
        """The constructor's arguments."""
        names = ("filters", "kernel_size", "stride", "padding", "upscale")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(PACKAGE)
class ScaledDense(_Scaled):
    """Dense layer with an equalised learning rate over all that is not the batch (`custom_dense`): [b, units]."""

    def __init__(self, units: int, he_slope: float = 1.0, use_weight_scaling: bool = True, **kwargs):
        super().__init__(he_slope, use_weight_scaling, **kwargs)
        self.units = units

    def build(self, input_shape) -> None:
        """Makes the bias and the kernel."""
        self._make_weights((math.prod(input_shape[1:]), self.units))
        self.built = True

    def call(self, x):
        """[b, ...] -> [b, units]."""
        x = tf.reshape(x, [-1, self.kernel.shape[0]])
        return tf.matmul(x, self._scaled_kernel()) + self.bias

    def compute_output_shape(self, input_shape):
        """[b, units]."""
        return (input_shape[0], self.units)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(PACKAGE)
class PixelNorm(keras.layers.Layer):
    """Divides each pixel's channels by their root mean square (section 4.2 of the paper; `pixel_norm`)."""

    def __init__(self, epsilon: float = 1e-8, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, x):
        """[b, ..., c] -> the same shape."""
        squares = ops.square(ops.cast(x, "float32"))
        factors = ops.rsqrt(ops.mean(squares, axis=-1, keepdims=True) + self.epsilon)
        return x * ops.cast(factors, x.dtype)

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}


def minibatch_mean_stddev(x: tf.Tensor) -> tf.Tensor:
    """Mean over pixels and channels of the standard deviation over the batch (of all replicas), a float32 scalar.

    As `tf.nn.moments` in the original, it holds the mean constant. That leaves first derivatives as they are and
    changes second ones, which the gradient penalty takes.
    """
    x = tf.cast(x, tf.float32)
    mean = replica_mean(tf.reduce_mean(x, axis=0))
    variance = replica_mean(tf.reduce_mean(tf.square(x - tf.stop_gradient(mean)), axis=0))
    return tf.reduce_mean(tf.sqrt(variance + 1e-6))


@keras.saving.register_keras_serializable(PACKAGE)
class MinibatchStdDev(keras.layers.Layer):
    """Adds `minibatch_mean_stddev` as one more channel (section 3 of the paper; `scalar_concat`)."""

    def call(self, x):
        """[b, h, w, c] -> [b, h, w, c + 1]."""
        deviation = tf.cast(minibatch_mean_stddev(x), x.dtype)
        return tf.concat([x, tf.ones_like(x[..., :1]) * deviation], axis=-1)

    def compute_output_shape(self, input_shape):
        """[b, h, w, c + 1]."""
        return (*input_shape[:-1], input_shape[-1] + 1)


@keras.saving.register_keras_serializable(PACKAGE)
class FadeIn(keras.layers.Layer):
    """Blends images of one size: the weighted sum that lets a block come in smoothly."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, images, weights):
        """Lists of [b, h, w, c] and of scalars, as long -> [b, h, w, c]."""
        return tf.add_n([image * tf.cast(weight, image.dtype) for image, weight in zip(images, weights, strict=True)])

    def compute_output_shape(self, images_shape, weights_shape=None):
        """The shape of one image."""
        return images_shape[0]
