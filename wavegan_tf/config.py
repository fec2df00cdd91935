"""WaveGAN's options: the original's command-line names and defaults, and ours in addition."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from wavegan_tf.core import effects
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.geometry import Geometry
from wavegan_tf.core.dcgan.presets import CLIPS, Values
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import option
from wavegan_tf.geometry import geometry

_OWN: dict[str, Values] = {"long_4s_44k": {"wavegan_dim": 32}, "long_10s": {"wavegan_dim": 32}}
_PRESETS = {name: {**clips, **_OWN.get(name, {})} for name, clips in CLIPS.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaveGANConfig(gan_options.GanOptions):
    """Everything that defines a WaveGAN run."""

    model: ClassVar[str] = "wavegan"
    presets: ClassVar[Mapping[str, Values]] = _PRESETS

    preset: str | None = gan_options.preset(_PRESETS)
    wavegan_latent_dim: int = gan_options.latent_dim()
    wavegan_kernel_len: int = gan_options.kernel_len(25)
    wavegan_dim: int = gan_options.dim()
    wavegan_batchnorm: bool = gan_options.batchnorm()
    wavegan_disc_nupdates: int = gan_options.disc_nupdates()
    wavegan_loss: str = gan_options.loss()
    wavegan_genr_upsample: str = gan_options.genr_upsample(("zeros", "nn"), "nn (nearest neighbour)")
    wavegan_genr_pp: bool = option(False, "End the generator with a learned post-processing filter.", resume="fixed")
    wavegan_genr_pp_len: int = option(
        512,
        "Length of the post-processing filter.",
        minimum=1,
        maximum=65536,
        resume="fixed",
        effect=[effects.only_with("wavegan_genr_pp")],
    )
    wavegan_disc_phaseshuffle: int = gan_options.disc_phaseshuffle(2, "samples", maximum=15)
    wavegan_disc_phaseshuffle_per_example: bool = gan_options.disc_phaseshuffle_per_example("wavegan")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wavegan_genr_pp and self.data_num_channels != 1:
            raise UserError(
                f"--wavegan_genr_pp with --data_num_channels={self.data_num_channels}: the post-processing filter is "
                "defined for one channel only"
            )

    def geometry(self) -> Geometry:
        """Sizes of the networks."""
        return geometry(self.data_slice_len, self.wavegan_dim, self.data_num_channels)

    def num_parameters(self) -> int:
        """Numbers that are trained."""
        return super().num_parameters() + self.wavegan_genr_pp * self.wavegan_genr_pp_len

    def generator_arguments(self, num_labels: int = 0) -> dict[str, Any]:
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
            "num_labels": num_labels,
        }

    def discriminator_arguments(self, num_labels: int = 0) -> dict[str, Any]:
        """Keyword arguments of `WaveGANDiscriminator`."""
        return {
            "slice_len": self.data_slice_len,
            "nch": self.data_num_channels,
            "kernel_len": self.wavegan_kernel_len,
            "dim": self.wavegan_dim,
            "use_batchnorm": self.wavegan_batchnorm,
            "phaseshuffle_rad": self.wavegan_disc_phaseshuffle,
            "num_labels": num_labels,
        }
