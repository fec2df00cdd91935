"""SpecGAN's options: the original's command-line names and defaults, and ours in addition."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from specgan_tf.geometry import FRAME_STEP, UPSAMPLINGS, geometry
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.geometry import Geometry
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecGANConfig(gan_options.GanOptions):
    """Everything that defines a SpecGAN run."""

    model: ClassVar[str] = "specgan"

    data_moments_fp: str = option(
        "",
        "Moments of the data by specgan_moments (or a pickle of the original's). Default: computed at the first start.",
        per_worker=True,
        path=True,
    )
    specgan_latent_dim: int = gan_options.latent_dim()
    specgan_kernel_len: int = gan_options.kernel_len(5)
    specgan_dim: int = gan_options.dim()
    specgan_batchnorm: bool = gan_options.batchnorm()
    specgan_disc_nupdates: int = gan_options.disc_nupdates()
    specgan_loss: str = gan_options.loss()
    specgan_genr_upsample: str = gan_options.genr_upsample(
        tuple(UPSAMPLINGS), "resizing to nn (nearest neighbour), lin(ear) or cub(ic)"
    )
    specgan_disc_phaseshuffle: int = gan_options.disc_phaseshuffle(0, "frames of each layer", maximum=7)
    specgan_disc_phaseshuffle_per_example: bool = gan_options.disc_phaseshuffle_per_example("specgan")
    specgan_output_activation: str = option(
        "tanh", "Last operation of the generator.", choices=gan_options.ACTIVATIONS, resume="fixed"
    )
    specgan_clip_nstd: float = option(
        3.0, "Standard deviations from the mean at which spectrograms are clipped.", minimum=1e-6, resume="fixed"
    )
    specgan_ngl: int = option(16, "Iterations of Griffin-Lim.", minimum=0)
    specgan_inversion: str = option(
        "original",
        "Griffin-Lim as in the original (windows left in), exact (compensated) or fast (compensated, with momentum).",
        choices=INVERSIONS,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data_num_channels != 1:
            raise UserError(f"--data_num_channels={self.data_num_channels}: SpecGAN is defined for one channel only")

    def geometry(self) -> Geometry:
        """Sizes of the networks."""
        return geometry(self.data_slice_len // FRAME_STEP, self.specgan_dim)

    def generator_arguments(self, num_labels: int = 0) -> dict[str, Any]:
        """Keyword arguments of `SpecGANGenerator`."""
        return {
            "frames": self.data_slice_len // FRAME_STEP,
            "kernel_len": self.specgan_kernel_len,
            "dim": self.specgan_dim,
            "latent_dim": self.specgan_latent_dim,
            "use_batchnorm": self.specgan_batchnorm,
            "upsample": self.specgan_genr_upsample,
            "activation": self.specgan_output_activation,
            "num_labels": num_labels,
        }

    def discriminator_arguments(self, num_labels: int = 0) -> dict[str, Any]:
        """Keyword arguments of `SpecGANDiscriminator`."""
        return {
            "frames": self.data_slice_len // FRAME_STEP,
            "kernel_len": self.specgan_kernel_len,
            "dim": self.specgan_dim,
            "use_batchnorm": self.specgan_batchnorm,
            "phaseshuffle_rad": self.specgan_disc_phaseshuffle,
            "num_labels": num_labels,
        }
