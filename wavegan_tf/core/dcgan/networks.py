"""The generator and the discriminator that WaveGAN and SpecGAN have in common, over one axis or two (DCGAN's form)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from wavegan_tf.core.dcgan.geometry import Geometry
from wavegan_tf.core.nn import activations
from wavegan_tf.core.nn.conditioning import LabelEmbedding
from wavegan_tf.core.nn.layers import BatchNormalization, Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, PhaseShuffle
from wavegan_tf.core.nn.nearest import NearestConv1D, NearestConv2D

# Numbers in the generator's vector for a label, beside those of z.
LABEL_DIM = 50
_ACTIVATIONS: dict[str, Callable] = {"tanh": ops.tanh, "linear": lambda x: x, "relu": ops.relu}


class LatentGenerator(keras.Model):
    """Latents [b, latent_dim] in [-1, 1] -> samples [b, ..., channels].

    Args:
      geometry: sizes.
      arguments: the subclass's constructor arguments, for `get_config`.
      kernel_len: length of the kernels along each axis.
      latent_dim: length of a latent vector.
      use_batchnorm: batch normalisation after every layer but the last.
      upsampling: "zeros" (transposed convolutions), "nn" (nearest neighbour, then convolution), or stride -> layer that
        upsamples before a convolution.
      activation: of the sample; one of `options.ACTIVATIONS`.
      num_labels: a learned vector for each is concatenated to z; 0 without labels.
      label_dim: length of that vector.
    """

    def __init__(
        self,
        geometry: Geometry,
        arguments: dict[str, Any],
        *,
        kernel_len: int,
        latent_dim: int,
        use_batchnorm: bool,
        upsampling: str | Callable[[int], layers.Layer],
        activation: str = "tanh",
        num_labels: int = 0,
        label_dim: int = LABEL_DIM,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._arguments, self._geometry, self._activation = arguments, geometry, _ACTIVATIONS[activation]
        channels, rank = geometry.generator_channels, len(geometry.first_shape)
        self.z_project = layers.Dense(geometry.flat, name="z_project", dtype=self.dtype_policy)
        within = {"zeros": (Conv1DTranspose, Conv2DTranspose), "nn": (NearestConv1D, NearestConv2D)}
        apart = None if isinstance(upsampling, str) else upsampling
        convolution: Callable = ((Conv1D, Conv2D) if apart else within[str(upsampling)])[rank - 1]
        self.upconvs = [
            convolution(filters, kernel_len, 1 if apart else stride, name=f"upconv_{i}", dtype=self.dtype_policy)
            for i, (filters, stride) in enumerate(zip(channels[1:], geometry.strides, strict=True))
        ]
        self.upsamplings = [apart(stride) for stride in geometry.strides] if apart else []
        names = ["z_project"] + [upconv.name for upconv in self.upconvs[:-1]]
        self.norms = [
            BatchNormalization(fused=rank == 2, name=f"{name}_batchnorm", dtype=self.dtype_policy)
            for name in names
            if use_batchnorm
        ]
        self.label_embedding = None
        if num_labels:
            # Spread as z is.
            spread = keras.initializers.RandomUniform(-1.0, 1.0)
            self.label_embedding = LabelEmbedding(
                num_labels, label_dim, spread, name="label_embedding", dtype=self.dtype_policy
            )

    def build(self, input_shape) -> None:
        """Makes all variables."""
        if self.label_embedding is None:
            self.z_project.build(input_shape)
        else:
            self.label_embedding.build((None,))
            self.z_project.build((None, input_shape[-1] + self.label_embedding.dim))
        for upconv, channels in zip(self.upconvs, self._geometry.generator_channels, strict=False):
            upconv.build((None, None, channels))
        for norm, channels in zip(self.norms, self._geometry.generator_channels, strict=False):
            norm.build((None, None, channels))
        self.built = True

    def call(self, z, labels=None, training: bool = False):
        """Makes samples.

        Args:
          z: [b, latent_dim].
          labels: int32 [b], or mixtures of them [b, num_labels] (see `LabelEmbedding`); None without labels.
          training: normalises by the batch and moves the averages; makes gradients faster.

        Returns:
          [b, ..., channels], float32.
        """
        if self.label_embedding is not None:
            z = ops.concatenate([ops.cast(z, self.compute_dtype), self.label_embedding(labels)], axis=1)
        x = self.z_project(z)
        x = ops.reshape(x, [-1, *self._geometry.first_shape, self._geometry.generator_channels[0]])
        for i, upconv in enumerate(self.upconvs):
            if self.norms:
                x = self.norms[i](x, training=training)
            x = ops.relu(x)
            if self.upsamplings:
                x = self.upsamplings[i](x)
            x = upconv(x, training=training)
        return self._activation(ops.cast(_cut(x, self._geometry.surplus), "float32"))

    def compute_output_shape(self, input_shape):
        """[b, ..., channels]."""
        return (input_shape[0], *self._geometry.sample_shape)

    def folded(self) -> LatentGenerator:
        """The same function with fewer weights: z_project takes one-hot labels where there are fewer than LABEL_DIM.

        Both are linear, and so are their products with the labels and mixtures of them.
        """
        embedding = self.label_embedding
        if embedding is None or embedding.num_labels >= embedding.dim:
            return self
        count, kernel = embedding.num_labels, ops.convert_to_numpy(self.z_project.kernel)
        latent_dim = len(kernel) - embedding.dim
        of_labels = ops.convert_to_numpy(embedding.table) @ kernel[latent_dim:]
        values = {
            id(embedding.table): np.eye(count, dtype=kernel.dtype),
            id(self.z_project.kernel): np.concatenate([kernel[:latent_dim], of_labels]),
        }
        made = type(self).from_config({**self.get_config(), "label_dim": count})
        for target, variable in zip(made.variables, self.variables, strict=True):
            target.assign(values.get(id(variable), variable))
        return made

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), **self._arguments}


class LogitDiscriminator(keras.Model):
    """Samples [b, ..., channels] -> logits [b].

    Args:
      geometry: sizes.
      arguments: the subclass's constructor arguments, for `get_config`.
      kernel_len: length of the kernels along each axis.
      use_batchnorm: batch normalisation, always by the batch, after every layer but the first and the last.
      phaseshuffle_rad: largest shift in time (the first axis) of the phase shuffles after the first four layers but
        the last, 0 for none.
      num_labels: a second last layer, over the same features, tells them apart (the auxiliary classifier of Odena, Olah
        and Shlens 2017); 0 without labels.
    """

    num_phase_shuffles = 4

    def __init__(
        self,
        geometry: Geometry,
        arguments: dict[str, Any],
        *,
        kernel_len: int,
        use_batchnorm: bool,
        phaseshuffle_rad: int,
        num_labels: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._arguments, self._geometry = arguments, geometry
        rank = len(geometry.first_shape)
        convolution: Callable = {1: Conv1D, 2: Conv2D}[rank]
        self.downconvs = [
            convolution(filters, kernel_len, stride, name=f"downconv_{i}", dtype=self.dtype_policy)
            for i, (filters, stride) in enumerate(
                zip(geometry.discriminator_channels[1:], geometry.strides, strict=True)
            )
        ]
        self.norms = [
            BatchNormalization(
                moving_averages=False, fused=rank == 2, name=f"{conv.name}_batchnorm", dtype=self.dtype_policy
            )
            for conv in self.downconvs[1:]
            if use_batchnorm
        ]
        self.shuffle = PhaseShuffle(phaseshuffle_rad, name="phase_shuffle", dtype=self.dtype_policy)
        # In float32 whatever the other layers compute in: logits enter the losses unrounded.
        self.output_dense = layers.Dense(1, name="output", dtype="float32")
        self.label_dense = layers.Dense(num_labels, name="labels", dtype="float32") if num_labels else None
        self.build((None, *geometry.sample_shape))

    def build(self, input_shape) -> None:
        """Makes all variables."""
        channels = self._geometry.discriminator_channels
        for conv, filters in zip(self.downconvs, channels, strict=False):
            conv.build((None, None, filters))
        for norm, filters in zip(self.norms, channels[2:], strict=False):
            norm.build((None, None, filters))
        self.output_dense.build((None, self._geometry.flat))
        if self.label_dense is not None:
            self.label_dense.build((None, self._geometry.flat))
        self.built = True

    def call(self, x, phases=None, training: bool = True):
        """Judges samples.

        Args:
          x: [b, ..., channels].
          phases: int32 [4, 1] or [4, b], the shifts of the four phase shuffles (see `PhaseShuffle`); None shuffles
            nothing.
          training: makes gradients faster and changes nothing else; the discriminator always normalises by the batch.

        Returns:
          Logits [b], float32; with labels, also the logits of these, float32 [b, num_labels].
        """
        x = _padded(x, self._geometry.surplus)
        for i, conv in enumerate(self.downconvs):
            x = conv(x, training=training)
            if i and self.norms:
                x = self.norms[i - 1](x)
            x = activations.leaky_relu(x, 0.2)
            if i < self._geometry.num_shuffled and phases is not None and self.shuffle.radius:
                x = self.shuffle(x, phases[i])
        x = ops.reshape(x, [-1, self._geometry.flat])
        logits = self.output_dense(x)[:, 0]
        return logits if self.label_dense is None else (logits, self.label_dense(x))

    def compute_output_shape(self, input_shape):
        """[b], and [b, num_labels] with labels."""
        batch = input_shape[0]
        return (batch,) if self.label_dense is None else ((batch,), (batch, self.label_dense.units))

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), **self._arguments}


def _cut(x, surplus: tuple[int, ...]):
    """`x` [b, ..., c] without its last `surplus` positions along each axis."""
    if not any(surplus):
        return x
    kept = tuple(slice(0, length - more) for length, more in zip(x.shape[1:-1], surplus, strict=True))
    return x[(slice(None),) + kept]


def _padded(x, surplus: tuple[int, ...]):
    """`x` [b, ..., c] with `surplus` zeros after each axis."""
    return ops.pad(x, [[0, 0], *([0, more] for more in surplus), [0, 0]]) if any(surplus) else x
