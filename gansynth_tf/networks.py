"""GANSynth's progressive generator and discriminator (section 3.2 and appendix of the paper; Magenta's networks.py).

Both work at the resolution of their last block, where the original upsamples every image to the data's resolution and
downsamples it again. Images are in the networks' own units, about [-1, 1]: the data's normaliser stands outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
from keras import layers, ops

from gansynth_tf.boxes import BoxDownscale, BoxUpscale
from gansynth_tf.layers import MinibatchStdDev, PixelNorm, ScaledConv2D, ScaledDense
from gansynth_tf.progressive import Progressive, discriminator_alpha, generator_alpha
from gansynth_tf.schedule import Size
from wavegan_tf.core.nn import activations
from wavegan_tf.core.nn.layers import PACKAGE, Conv2D, Conv2DTranspose

_TO_RGB: dict[str, Callable] = {"tanh": ops.tanh, "linear": lambda x: x}


def _slim_normal(fan_in: int) -> keras.initializers.Initializer:
    """tf_slim's `variance_scaling_initializer` at its defaults, which simple_arch takes."""
    return keras.initializers.TruncatedNormal(stddev=math.sqrt(1.3 * 2.0 / fan_in))


@keras.saving.register_keras_serializable(PACKAGE)
class ProgressiveGenerator(Progressive):
    """Latents and pitches -> images at the resolution of the last block.

    Args:
      filters: channels of blocks 0 (the discriminator's last) to `num_blocks`; see `schedule.num_filters`.
      start_shape: height and width at block 1.
      block_scale: along each axis, from one block to the next.
      kernel_size: of the convolutions.
      latent_dim: length of a latent vector.
      num_pitches: length of a one-hot pitch.
      num_channels: of the sounds; an image has two for each.
      to_rgb_activation: of the images; one of `representation.TO_RGB_ACTIVATIONS`.
      simple_arch: transposed convolutions with ReLU, without pixel norm and weight scaling.
    """

    original_scope = "Generator"

    def __init__(
        self,
        *,
        filters: Sequence[int],
        start_shape: Size = (2, 16),
        block_scale: Size = (2, 2),
        kernel_size: int = 3,
        latent_dim: int = 256,
        num_pitches: int = 61,
        num_channels: int = 1,
        to_rgb_activation: str = "tanh",
        simple_arch: bool = False,
        name: str = "progressive_gan_generator",
        **kwargs,
    ):
        arguments = {
            "filters": list(filters), "start_shape": list(start_shape), "block_scale": list(block_scale),
            "kernel_size": kernel_size, "latent_dim": latent_dim, "num_pitches": num_pitches,
            "num_channels": num_channels, "to_rgb_activation": to_rgb_activation, "simple_arch": simple_arch,
        }  # fmt: skip
        super().__init__(arguments, name=name, **kwargs)
        self._pixel_norm = PixelNorm(name="pixel_norm", dtype=self.dtype_policy)
        self._upscales = [
            BoxUpscale(self._scales(steps), name=f"upscale_{steps}") for steps in range(self.num_blocks - 1, -1, -1)
        ]
        (self._make_simple_layers if simple_arch else self._make_layers)()
        self.build((None, latent_dim))

    def _make_layers(self) -> None:
        for block, filters in enumerate(self._filters[1:], start=1):
            if block == 1:
                self._add(1, "conv0", ScaledConv2D, filters, self._start_shape, padding="full", he_slope=0.0)
            else:
                self._add(
                    block, "conv0", ScaledConv2D, filters, self._kernel_size, he_slope=0.0, upscale=self._block_scale
                )
            self._add(block, "conv1", ScaledConv2D, filters, self._kernel_size, he_slope=0.0)
            self._add(block, "to_rgb", ScaledConv2D, self._image_channels, 1)

    def _make_simple_layers(self) -> None:
        inputs = self._latent_dim + self._num_pitches
        units = math.prod(self._start_shape) * self._filters[1]
        self._add(1, "dense", layers.Dense, units, kernel_initializer=_slim_normal(inputs))
        for block, filters in enumerate(self._filters[1:], start=1):
            if block > 1:
                # tf_slim takes the third axis of the kernel for its inputs; in a transposed one these are the outputs.
                initializer = _slim_normal(self._kernel_size**2 * filters)
                self._add(
                    block, "conv2d_transpose", Conv2DTranspose, filters, self._kernel_size, self._block_scale,
                    kernel_initializer=initializer,
                )  # fmt: skip
            self._add(block, "to_rgb", Conv2D, self._image_channels, 1, kernel_initializer=_slim_normal(filters))

    def build(self, input_shape) -> None:
        """Makes all variables."""
        previous = self._latent_dim + self._num_pitches
        for block, filters in enumerate(self._filters[1:], start=1):
            size = (1, 1) if block == 1 else self._size(block - 1)
            if not self._simple_arch:
                self.layer_of(block, "conv0").build((None, *size, previous))
                self.layer_of(block, "conv1").build((None, *self._size(block), filters))
            elif block == 1:
                self.layer_of(1, "dense").build((None, previous))
            else:
                self.layer_of(block, "conv2d_transpose").build((None, *size, previous))
            self.layer_of(block, "to_rgb").build((None, *self._size(block), filters))
            previous = filters
        self.built = True

    def call(self, z, pitches, progress, training: bool = False):
        """Makes images.

        Args:
          z: latents ~ N(0, 1), [b, latent_dim].
          pitches: one-hot, [b, num_pitches].
          progress: scalar, 0 to num_blocks - 1.
          training: makes gradients faster and changes nothing else.

        Returns:
          float32 [b, h, w, 2 c] at the resolution of the last block.
        """
        x = ops.concatenate([ops.cast(z, self.compute_dtype), ops.cast(pitches, self.compute_dtype)], axis=1)
        images = []
        for block in range(1, self.num_blocks + 1):
            x = (self._simple_block if self._simple_arch else self._block)(block, x, training)
            image = ops.cast(self.layer_of(block, "to_rgb")(x, training=training), "float32")
            images.append(self._upscales[block - 1](_TO_RGB[self._to_rgb_activation](image), training=training))
        return self._fade_in(images, [generator_alpha(block + 1, progress) for block in range(self.num_blocks)])

    def _block(self, block: int, x, training: bool):
        if block == 1:
            x = self._pixel_norm(x)[:, None, None]
        for role in ("conv0", "conv1"):
            x = self._pixel_norm(self._convolve(block, role, x, training))
        return x

    def _simple_block(self, block: int, x, training: bool):
        if block == 1:
            x = self.layer_of(1, "dense")(x)
            return ops.relu(ops.reshape(x, [-1, *self._start_shape, self._filters[1]]))
        return ops.relu(self.layer_of(block, "conv2d_transpose")(x, training=training))

    def compute_output_shape(self, z_shape, pitches_shape=None, progress_shape=None):
        """[b, h, w, 2 c]."""
        return (z_shape[0], *self._size(self.num_blocks), self._image_channels)


@keras.saving.register_keras_serializable(PACKAGE)
class ProgressiveDiscriminator(Progressive):
    """Images at the resolution of the last block -> scores and logits of the pitches.

    Args:
      filters: channels of blocks 0 to `num_blocks`; see `schedule.num_filters`.
      start_shape: height and width at block 1.
      block_scale: along each axis, from one block to the next.
      kernel_size: of the convolutions.
      num_pitches: of the auxiliary classifier.
      num_channels: of the sounds; an image has two for each.
      simple_arch: strided convolutions with ReLU, without weight scaling.
    """

    original_scope = "Discriminator"

    def __init__(
        self,
        *,
        filters: Sequence[int],
        start_shape: Size = (2, 16),
        block_scale: Size = (2, 2),
        kernel_size: int = 3,
        num_pitches: int = 61,
        num_channels: int = 1,
        simple_arch: bool = False,
        name: str = "progressive_gan_discriminator",
        **kwargs,
    ):
        arguments = {
            "filters": list(filters), "start_shape": list(start_shape), "block_scale": list(block_scale),
            "kernel_size": kernel_size, "num_pitches": num_pitches, "num_channels": num_channels,
            "simple_arch": simple_arch,
        }  # fmt: skip
        super().__init__(arguments, name=name, **kwargs)
        self._downscale = BoxDownscale(self._block_scale, name="downscale", dtype=self.dtype_policy)
        self._downscales = [
            BoxDownscale(self._scales(steps), name=f"downscale_{steps}") for steps in range(self.num_blocks)
        ]
        self._stddev = MinibatchStdDev(name="minibatch_std_dev", dtype=self.dtype_policy)
        (self._make_simple_layers if simple_arch else self._make_layers)()
        # Both heads compute in float32 whatever the other layers do: scores and logits enter losses unrounded.
        self._add(1, "classification_logits", ScaledDense, num_pitches, dtype="float32")
        self.build((None, *self._size(self.num_blocks), self._image_channels))

    def _make_layers(self) -> None:
        for block in range(self.num_blocks, 0, -1):
            self._add(block, "from_rgb", ScaledConv2D, self._filters[block], 1, he_slope=0.0)
            self._add(block, "conv0", ScaledConv2D, self._filters[block], self._kernel_size, he_slope=0.0)
            size, padding = (self._start_shape, "valid") if block == 1 else (self._kernel_size, "same")
            self._add(block, "conv1", ScaledConv2D, self._filters[block - 1], size, padding=padding, he_slope=0.0)
        self._add(1, "logits", ScaledDense, 1, dtype="float32")

    def _make_simple_layers(self) -> None:
        for block in range(self.num_blocks, 0, -1):
            filters = self._filters[block]
            self._add(block, "from_rgb", Conv2D, filters, 1, kernel_initializer=_slim_normal(self._image_channels))
            if block > 1:
                self._add(
                    block, "conv", Conv2D, self._filters[block - 1], self._kernel_size, self._block_scale,
                    kernel_initializer=_slim_normal(self._kernel_size**2 * filters),
                )  # fmt: skip
        flat = math.prod(self._start_shape) * (self._filters[1] + 1)
        self._add(1, "last_conv", layers.Dense, self._filters[0], kernel_initializer=_slim_normal(flat))
        self._add(1, "logits", layers.Dense, 1, kernel_initializer=_slim_normal(self._filters[0]), dtype="float32")

    def build(self, input_shape) -> None:
        """Makes all variables."""
        for block, role, layer in self.roles:
            filters, size = self._filters[block], self._size(block)
            last = (None, self._filters[0])
            shape = {
                "from_rgb": (None, *size, self._image_channels),
                "conv0": (None, *size, filters + (block == 1)),
                "last_conv": (None, math.prod(size) * (filters + 1)),
                "logits": last,
                "classification_logits": last,
            }.get(role, (None, *size, filters))
            layer.build(shape)
        self.built = True

    def call(self, images, progress, training: bool = False):
        """Judges images.

        Args:
          images: [b, h, w, 2 c] at the resolution of the last block.
          progress: scalar, 0 to num_blocks - 1.
          training: makes gradients faster and changes nothing else.

        Returns:
          Scores [b] and pitch logits [b, num_pitches], float32; both come from one pass.
        """
        x = self.last_conv(images, progress, training)
        return self.layer_of(1, "logits")(x)[:, 0], self.layer_of(1, "classification_logits")(x)

    def last_conv(self, images, progress, training: bool = False):
        """Input of both heads, [b, filters[0]]."""
        x = None
        for block in range(self.num_blocks, 0, -1):
            seen = self._from_rgb(block, images, training)
            if x is None:
                x = seen
            else:
                alpha = discriminator_alpha(block, progress)
                x = self._fade_in([seen, x], [alpha, 1.0 - alpha])
            if block > 1:
                x = self._block(block, x, training)
        x = self._stddev(x)
        if self._simple_arch:
            x = activations.relu(self.layer_of(1, "last_conv")(ops.reshape(x, [-1, math.prod(x.shape[1:])])))
        else:
            x = self._convolve(1, "conv1", self._convolve(1, "conv0", x, training), training)
        return ops.reshape(x, [-1, self._filters[0]])

    def _from_rgb(self, block: int, images, training: bool):
        images = self._downscales[self.num_blocks - block](images)
        if self._simple_arch:
            return activations.relu(self.layer_of(block, "from_rgb")(images, training=training))
        return self._convolve(block, "from_rgb", images, training)

    def _block(self, block: int, x, training: bool):
        if self._simple_arch:
            return activations.relu(self.layer_of(block, "conv")(x, training=training))
        return self._downscale(self._convolve(block, "conv1", self._convolve(block, "conv0", x, training), training))

    def compute_output_shape(self, images_shape, progress_shape=None):
        """[b] and [b, num_pitches]."""
        return (images_shape[0],), (images_shape[0], self._num_pitches)
