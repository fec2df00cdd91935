"""SpecGAN's generator and discriminator (paper, tables 5 and 6; specgan.py in the original code)."""

from __future__ import annotations

import keras

from specgan_tf.geometry import PAPER, UPSAMPLINGS, geometry
from specgan_tf.layers import DoubleSize
from wavegan_tf.core.dcgan.networks import LABEL_DIM, LatentGenerator, LogitDiscriminator
from wavegan_tf.core.nn.layers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class SpecGANGenerator(LatentGenerator):
    """Latents [b, latent_dim] in [-1, 1] -> normalised spectrograms [b, frames, bins, nch].

    Args:
      frames: of a spectrogram.
      kernel_len: length of all kernels along both axes.
      dim: model size; the last hidden layer has `dim` channels and each one before it twice as many.
      latent_dim: length of a latent vector.
      use_batchnorm: batch normalisation after every layer but the last.
      upsample: one of `UPSAMPLINGS`: "zeros" (transposed convolution), or how to resize before a convolution.
      activation: of the spectrogram: "tanh" (the original), "linear" or "relu".
      num_labels: labels that it knows, 0 for none; with labels it takes these beside the latents.
      label_dim: length of the learned vector of each label.
      bins: frequency bins of a spectrogram.
      nch: channels.
    """

    def __init__(
        self,
        frames: int = 128,
        kernel_len: int = 5,
        dim: int = 64,
        latent_dim: int = 100,
        use_batchnorm: bool = False,
        upsample: str = "zeros",
        activation: str = "tanh",
        num_labels: int = 0,
        label_dim: int = LABEL_DIM,
        bins: int = PAPER.seen_bins,
        nch: int = 1,
        name: str = "spec_gan_generator",
        **kwargs,
    ):
        if upsample not in UPSAMPLINGS:
            raise ValueError(f"upsample={upsample!r}: must be one of {', '.join(UPSAMPLINGS)}")
        arguments = {
            "frames": frames, "kernel_len": kernel_len, "dim": dim, "latent_dim": latent_dim,
            "use_batchnorm": use_batchnorm, "upsample": upsample, "activation": activation,
            "num_labels": num_labels, "label_dim": label_dim, "bins": bins, "nch": nch,
        }  # fmt: skip
        kind = UPSAMPLINGS[upsample]
        super().__init__(
            geometry(frames, dim, bins, nch),
            arguments,
            kernel_len=kernel_len,
            latent_dim=latent_dim,
            use_batchnorm=use_batchnorm,
            upsampling=kind if kind in ("zeros", "nn") else lambda _: DoubleSize(kind, dtype=kwargs.get("dtype")),
            activation=activation,
            num_labels=num_labels,
            label_dim=label_dim,
            name=name,
            **kwargs,
        )
        self.build((None, latent_dim))


@keras.saving.register_keras_serializable(PACKAGE)
class SpecGANDiscriminator(LogitDiscriminator):
    """Normalised spectrograms [b, frames, bins, nch] -> logits [b].

    Args:
      frames: of a spectrogram.
      kernel_len: length of all kernels along both axes.
      dim: model size; the first layer has `dim` channels and each one after it twice as many.
      use_batchnorm: batch normalisation, always by the batch, after every layer but the first and the last.
      phaseshuffle_rad: largest shift in time of the phase shuffles after the first four layers, 0 for none.
      num_labels: labels that it tells apart, 0 for none.
      bins: frequency bins of a spectrogram.
      nch: channels.
    """

    def __init__(
        self,
        frames: int = 128,
        kernel_len: int = 5,
        dim: int = 64,
        use_batchnorm: bool = False,
        phaseshuffle_rad: int = 0,
        num_labels: int = 0,
        bins: int = PAPER.seen_bins,
        nch: int = 1,
        name: str = "spec_gan_discriminator",
        **kwargs,
    ):
        arguments = {
            "frames": frames, "kernel_len": kernel_len, "dim": dim,
            "use_batchnorm": use_batchnorm, "phaseshuffle_rad": phaseshuffle_rad,
            "num_labels": num_labels, "bins": bins, "nch": nch,
        }  # fmt: skip
        super().__init__(
            geometry(frames, dim, bins, nch),
            arguments,
            kernel_len=kernel_len,
            use_batchnorm=use_batchnorm,
            phaseshuffle_rad=phaseshuffle_rad,
            num_labels=num_labels,
            name=name,
            **kwargs,
        )
