"""WaveGAN's generator and discriminator (paper, tables 3 and 4; wavegan.py in the original code)."""

from __future__ import annotations

import keras
from keras import layers, ops

from wavegan_tf.core.layers import PACKAGE, BatchNormalization, Conv1D, Conv1DTranspose, PhaseShuffle

SLICE_LENGTHS = (16384, 32768, 65536)
FIRST_LENGTH = 16


def _strides(slice_len: int) -> list[int]:
    """Upsampling factors from 16 samples to `slice_len`; the discriminator's strides are the same ones."""
    return {16384: [4] * 5, 32768: [4] * 5 + [2], 65536: [4] * 6}[slice_len]


@keras.saving.register_keras_serializable(PACKAGE)
class WaveGANGenerator(keras.Model):
    """Latents [b, latent_dim] in [-1, 1] -> waveforms [b, slice_len, nch].

    Values lie in [-1, 1] after the tanh; the post-processing filter can leave that range.

    Args:
      slice_len: samples of a waveform: 16384, 32768 or 65536.
      nch: channels.
      kernel_len: length of all kernels but the post-processing filter's.
      dim: model size; the last hidden layer has `dim` channels (5 layers) and each one before it twice as many.
      latent_dim: length of a latent vector.
      use_batchnorm: batch normalisation after every layer but the last.
      upsample: "zeros" (transposed convolution) or "nn" (nearest neighbour, then convolution).
      pp_len: length of the post-processing filter, 0 for none. It is defined for one channel only.
    """

    def __init__(
        self,
        slice_len: int = 16384,
        nch: int = 1,
        kernel_len: int = 25,
        dim: int = 64,
        latent_dim: int = 100,
        use_batchnorm: bool = False,
        upsample: str = "zeros",
        pp_len: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if upsample not in ("zeros", "nn"):
            raise ValueError(f"upsample={upsample!r}: must be 'zeros' or 'nn'")
        if pp_len and nch != 1:
            raise ValueError(f"pp_len={pp_len} with nch={nch}: the post-processing filter is for one channel only")
        self._config = {
            "slice_len": slice_len, "nch": nch, "kernel_len": kernel_len, "dim": dim, "latent_dim": latent_dim,
            "use_batchnorm": use_batchnorm, "upsample": upsample, "pp_len": pp_len,
        }  # fmt: skip
        strides = _strides(slice_len)
        # 16 -> 1024 channels for dim 64, halved by each layer; the last gives the audio channels.
        self._channels = [dim * 2**power for power in range(len(strides) - 1, -1, -1)] + [nch]
        self.z_project = layers.Dense(FIRST_LENGTH * self._channels[0], name="z_project", dtype=self.dtype_policy)
        self.upconvs = [
            self._upconv(channels, kernel_len, stride, upsample, f"upconv_{i}")
            for i, (channels, stride) in enumerate(zip(self._channels[1:], strides, strict=True))
        ]
        self.upsamplings = [
            layers.UpSampling1D(stride, dtype=self.dtype_policy) for stride in strides if upsample == "nn"
        ]
        names = ["z_project"] + [upconv.name for upconv in self.upconvs[:-1]]
        self.norms = [
            BatchNormalization(name=f"{name}_batchnorm", dtype=self.dtype_policy) for name in names if use_batchnorm
        ]
        self.pp_filter = Conv1D(1, pp_len, use_bias=False, name="pp_filt", dtype=self.dtype_policy) if pp_len else None
        self.build((None, latent_dim))

    def _upconv(self, channels: int, kernel_len: int, stride: int, upsample: str, name: str) -> layers.Layer:
        if upsample == "zeros":
            return Conv1DTranspose(channels, kernel_len, stride, name=name, dtype=self.dtype_policy)
        return Conv1D(channels, kernel_len, name=name, dtype=self.dtype_policy)

    def build(self, input_shape) -> None:
        """Makes all variables."""
        self.z_project.build(input_shape)
        for upconv, channels in zip(self.upconvs, self._channels, strict=False):
            upconv.build((None, None, channels))
        for norm, channels in zip(self.norms, self._channels, strict=False):
            norm.build((None, None, channels))
        if self.pp_filter is not None:
            self.pp_filter.build((None, None, 1))
        self.built = True

    def call(self, z, training: bool = False):
        """[b, latent_dim] -> [b, slice_len, nch], float32."""
        x = self.z_project(z)
        x = ops.reshape(x, [-1, FIRST_LENGTH, self._channels[0]])  # [b, 16, 16 dim]
        for i, upconv in enumerate(self.upconvs):
            if self.norms:
                x = self.norms[i](x, training=training)
            x = ops.relu(x)
            if self.upsamplings:
                x = self.upsamplings[i](x)
            x = upconv(x, training=training)  # [b, 64, 8 dim] ... [b, slice_len, nch]
        x = ops.tanh(ops.cast(x, "float32"))
        return x if self.pp_filter is None else ops.cast(self.pp_filter(x, training=training), "float32")

    def compute_output_shape(self, input_shape):
        """[b, slice_len, nch]."""
        return (input_shape[0], self._config["slice_len"], self._config["nch"])

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable(PACKAGE)
class WaveGANDiscriminator(keras.Model):
    """Waveforms [b, slice_len, nch] -> logits [b].

    Args:
      slice_len: samples of a waveform: 16384, 32768 or 65536.
      nch: channels.
      kernel_len: length of all kernels.
      dim: model size; the first layer has `dim` channels and each one after it twice as many.
      use_batchnorm: batch normalisation, always by the batch, after every layer but the first and the last.
      phaseshuffle_rad: largest shift of the phase shuffles after the first four layers, 0 for none.
    """

    num_phase_shuffles = 4

    def __init__(
        self,
        slice_len: int = 16384,
        nch: int = 1,
        kernel_len: int = 25,
        dim: int = 64,
        use_batchnorm: bool = False,
        phaseshuffle_rad: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "slice_len": slice_len, "nch": nch, "kernel_len": kernel_len, "dim": dim,
            "use_batchnorm": use_batchnorm, "phaseshuffle_rad": phaseshuffle_rad,
        }  # fmt: skip
        strides = _strides(slice_len)
        self._channels = [nch] + [dim * 2**power for power in range(len(strides))]
        self.downconvs = [
            Conv1D(channels, kernel_len, stride, name=f"downconv_{i}", dtype=self.dtype_policy)
            for i, (channels, stride) in enumerate(zip(self._channels[1:], strides, strict=True))
        ]
        self.norms = [
            BatchNormalization(moving_averages=False, name=f"{conv.name}_batchnorm", dtype=self.dtype_policy)
            for conv in self.downconvs[1:]
            if use_batchnorm
        ]
        self.shuffle = PhaseShuffle(phaseshuffle_rad, dtype=self.dtype_policy)
        self.output_dense = layers.Dense(1, name="output", dtype=self.dtype_policy)
        self.build((None, slice_len, nch))

    def build(self, input_shape) -> None:
        """Makes all variables."""
        for conv, channels in zip(self.downconvs, self._channels, strict=False):
            conv.build((None, None, channels))
        for norm, channels in zip(self.norms, self._channels[2:], strict=False):
            norm.build((None, None, channels))
        self.output_dense.build((None, FIRST_LENGTH * self._channels[-1]))
        self.built = True

    def call(self, x, phases=None, training: bool = True):
        """Judges waveforms.

        Args:
          x: [b, slice_len, nch].
          phases: int32 [4, 1] or [4, b], the shifts of the four phase shuffles (see `PhaseShuffle`); None shuffles
            nothing.
          training: makes gradients faster and changes nothing else; the discriminator always normalises by the batch.

        Returns:
          Logits [b], float32.
        """
        for i, conv in enumerate(self.downconvs):
            x = conv(x, training=training)  # [b, 4096, dim], [b, 1024, 2 dim] ... [b, 16, 16 dim]
            if i and self.norms:
                x = self.norms[i - 1](x)
            x = ops.leaky_relu(x, 0.2)
            if i < self.num_phase_shuffles and phases is not None and self._config["phaseshuffle_rad"]:
                x = self.shuffle(x, phases[i])
        x = ops.reshape(x, [-1, FIRST_LENGTH * self._channels[-1]])
        return ops.cast(self.output_dense(x)[:, 0], "float32")

    def compute_output_shape(self, input_shape):
        """[b]."""
        return (input_shape[0],)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), **self._config}
