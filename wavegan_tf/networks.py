"""WaveGAN's generator and discriminator (paper, tables 3 and 4; wavegan.py in the original code)."""

from __future__ import annotations

import keras
from keras import ops

from wavegan_tf.core.dcgan.networks import LABEL_DIM, LatentGenerator, LogitDiscriminator
from wavegan_tf.core.nn.layers import PACKAGE, Conv1D
from wavegan_tf.geometry import geometry


@keras.saving.register_keras_serializable(PACKAGE)
class WaveGANGenerator(LatentGenerator):
    """Latents [b, latent_dim] in [-1, 1] -> waveforms [b, slice_len, nch].

    Values lie in [-1, 1] after the tanh; the post-processing filter can leave that range.

    Args:
      slice_len: samples of a waveform, at least 64; `geometry` says which layers follow.
      nch: channels.
      kernel_len: length of all kernels but the post-processing filter's.
      dim: model size; the last hidden layer has `dim` channels (5 layers) and each one before it twice as many.
      latent_dim: length of a latent vector.
      use_batchnorm: batch normalisation after every layer but the last.
      upsample: "zeros" (transposed convolution) or "nn" (nearest neighbour, then convolution).
      pp_len: length of the post-processing filter, 0 for none. It is defined for one channel only.
      num_labels: labels that it knows, 0 for none; with labels it takes these beside the latents.
      label_dim: length of the learned vector of each label.
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
        num_labels: int = 0,
        label_dim: int = LABEL_DIM,
        name: str = "wave_gan_generator",
        **kwargs,
    ):
        if upsample not in ("zeros", "nn"):
            raise ValueError(f"upsample={upsample!r}: must be 'zeros' or 'nn'")
        if pp_len and nch != 1:
            raise ValueError(f"pp_len={pp_len} with nch={nch}: the post-processing filter is for one channel only")
        arguments = {
            "slice_len": slice_len, "nch": nch, "kernel_len": kernel_len, "dim": dim, "latent_dim": latent_dim,
            "use_batchnorm": use_batchnorm, "upsample": upsample, "pp_len": pp_len,
            "num_labels": num_labels, "label_dim": label_dim,
        }  # fmt: skip
        super().__init__(
            geometry(slice_len, dim, nch),
            arguments,
            kernel_len=kernel_len,
            latent_dim=latent_dim,
            use_batchnorm=use_batchnorm,
            upsampling=upsample,
            num_labels=num_labels,
            label_dim=label_dim,
            name=name,
            **kwargs,
        )
        self.pp_filter = Conv1D(1, pp_len, use_bias=False, name="pp_filt", dtype=self.dtype_policy) if pp_len else None
        self.build((None, latent_dim))

    def build(self, input_shape) -> None:
        """Makes all variables."""
        super().build(input_shape)
        if self.pp_filter is not None:
            self.pp_filter.build((None, None, 1))

    def call(self, z, labels=None, training: bool = False):
        """[b, latent_dim], and labels if it knows any (see `LatentGenerator`) -> [b, slice_len, nch], float32."""
        x = super().call(z, labels, training=training)
        return x if self.pp_filter is None else ops.cast(self.pp_filter(x, training=training), "float32")


@keras.saving.register_keras_serializable(PACKAGE)
class WaveGANDiscriminator(LogitDiscriminator):
    """Waveforms [b, slice_len, nch] -> logits [b].

    Args:
      slice_len: samples of a waveform, at least 64; `geometry` says which layers follow.
      nch: channels.
      kernel_len: length of all kernels.
      dim: model size; the first layer has `dim` channels and each one after it twice as many.
      use_batchnorm: batch normalisation, always by the batch, after every layer but the first and the last.
      phaseshuffle_rad: largest shift of the phase shuffles after the first four layers but the last, 0 for none.
      num_labels: labels that it tells apart, 0 for none.
    """

    def __init__(
        self,
        slice_len: int = 16384,
        nch: int = 1,
        kernel_len: int = 25,
        dim: int = 64,
        use_batchnorm: bool = False,
        phaseshuffle_rad: int = 0,
        num_labels: int = 0,
        name: str = "wave_gan_discriminator",
        **kwargs,
    ):
        arguments = {
            "slice_len": slice_len, "nch": nch, "kernel_len": kernel_len, "dim": dim,
            "use_batchnorm": use_batchnorm, "phaseshuffle_rad": phaseshuffle_rad,
            "num_labels": num_labels,
        }  # fmt: skip
        super().__init__(
            geometry(slice_len, dim, nch),
            arguments,
            kernel_len=kernel_len,
            use_batchnorm=use_batchnorm,
            phaseshuffle_rad=phaseshuffle_rad,
            num_labels=num_labels,
            name=name,
            **kwargs,
        )
