"""WaveGAN's options: the original's command-line names and defaults, and ours beside them."""

from __future__ import annotations

import dataclasses
from typing import Any

from wavegan_tf.core.clips import ClipOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import option
from wavegan_tf.core.loop import LoopOptions
from wavegan_tf.core.losses import LOSSES
from wavegan_tf.core.runtime import RuntimeOptions

MODEL = "wavegan"
CONFIG_FILE = "config.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaveGANConfig(ClipOptions, LoopOptions, RuntimeOptions):
    """Everything that defines a WaveGAN run; saved as config.json in its directory."""

    wavegan_latent_dim: int = option(100, "Dimensions of the latent space.", minimum=1, resume="fixed")
    wavegan_kernel_len: int = option(25, "Length of the convolution kernels.", minimum=1, resume="fixed")
    wavegan_dim: int = option(64, "Size of both networks.", minimum=1, resume="fixed")
    wavegan_batchnorm: bool = option(False, "Use batch normalisation.", resume="fixed")
    wavegan_disc_nupdates: int = option(5, "Discriminator updates for each generator update.", minimum=1)
    wavegan_loss: str = option("wgan-gp", "Adversarial loss.", choices=LOSSES, resume="fixed")
    wavegan_genr_upsample: str = option(
        "zeros",
        "How the generator upsamples: zeros (transposed convolution) or nn (nearest neighbour, then convolution).",
        choices=("zeros", "nn"),
        resume="fixed",
    )
    wavegan_genr_pp: bool = option(False, "End the generator with a learned post-processing filter.", resume="fixed")
    wavegan_genr_pp_len: int = option(512, "Length of the post-processing filter.", minimum=1, resume="fixed")
    wavegan_disc_phaseshuffle: int = option(
        2, "Radius in samples of the discriminator's phase shuffle; 0 turns it off.", minimum=0, maximum=15
    )
    wavegan_disc_phaseshuffle_per_example: bool = option(
        False,
        "Draw the shift for each example, as the paper words it, instead of once for the batch, as the original code "
        "does.",
    )
    preview_n: int = option(32, "Clips with fixed latents in the preview at each checkpoint.", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wavegan_genr_pp and self.data_num_channels != 1:
            raise UserError(
                f"--wavegan_genr_pp with --data_num_channels={self.data_num_channels}: the post-processing filter is "
                "defined for one channel only"
            )

    def generator_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `WaveGANGenerator`."""
        return {
            "slice_len": self.data_slice_len,
            "nch": self.data_num_channels,
            "kernel_len": self.wavegan_kernel_len,
            "dim": self.wavegan_dim,
            "latent_dim": self.wavegan_latent_dim,
            "use_batchnorm": self.wavegan_batchnorm,
            "upsample": self.wavegan_genr_upsample,
            "pp_len": self.wavegan_genr_pp_len if self.wavegan_genr_pp else 0,
        }

    def discriminator_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `WaveGANDiscriminator`."""
        return {
            "slice_len": self.data_slice_len,
            "nch": self.data_num_channels,
            "kernel_len": self.wavegan_kernel_len,
            "dim": self.wavegan_dim,
            "use_batchnorm": self.wavegan_batchnorm,
            "phaseshuffle_rad": self.wavegan_disc_phaseshuffle,
        }
