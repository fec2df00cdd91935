"""SpecGAN's options: the original's command-line names and defaults, and ours in addition."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from specgan_tf.geometry import PAPER, UPSAMPLINGS, Framing, geometry
from wavegan_tf.core.audio.options import INVERSIONS, DecodingOptions, SlicingOptions
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.geometry import Geometry
from wavegan_tf.core.dcgan.presets import CLIPS, Values
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import option

# A frame of the paper's lasts as long.
_WINDOW_SECONDS = 0.016
# The networks' five layers of stride 2 waste no bin of such a window.
_WINDOW_UNIT = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpectrogramOptions(DecodingOptions, SlicingOptions):
    """Options of the rate, the clips and the frames of their spectrograms."""

    specgan_window_len: int = option(
        PAPER.window_len,
        "Samples in a frame of the spectrogram, even. 0 makes a frame last 16 ms at --data_sample_rate, as the paper's "
        f"does at 16000 Hz, to the nearest multiple of {_WINDOW_UNIT} samples.",
        minimum=0,
        maximum=65536,
        resume="fixed",
    )
    specgan_hop_len: int = option(
        PAPER.hop_len,
        "Samples from one frame to the next; a frame must be a multiple of that, twice at least. 0 is half a frame.",
        minimum=0,
        maximum=32768,
        resume="fixed",
    )

    def require_frames(self) -> None:
        """Raises UserError if there are no such frames, or a clip is shorter than one."""
        framing, given = self.framing(), self.specgan_window_len
        window, hop = framing.window_len, framing.hop_len
        if window < _WINDOW_UNIT:
            why = "" if given else f" (at --data_sample_rate={self.data_sample_rate} 16 ms are {window} samples)"
            raise UserError(f"--specgan_window_len={given}: must be at least {_WINDOW_UNIT}{why}")
        if window % 2:
            raise UserError(f"--specgan_window_len={window}: must be even")
        if window % hop or window < 2 * hop:
            raise UserError(
                f"--specgan_hop_len={hop}: a frame of {window} samples must be 2, 3, 4 ... times as long, as for "
                f"--specgan_hop_len={window // 2}"
            )
        if self.data_slice_len < window:
            raise UserError(
                f"--data_slice_len={self.data_slice_len}: must be at least a frame of the spectrogram, {window} "
                f"samples by --specgan_window_len={given}"
            )

    def has_frames_of_the_paper(self) -> bool:
        """True if a frame lasts 16 ms, within a quarter of that."""
        return abs(self.framing().window_len / self.data_sample_rate - _WINDOW_SECONDS) < _WINDOW_SECONDS / 4

    def framing(self) -> Framing:
        """The frames of the spectrograms."""
        units = round(_WINDOW_SECONDS * self.data_sample_rate / _WINDOW_UNIT)
        window = self.specgan_window_len or _WINDOW_UNIT * units
        return Framing(window, self.specgan_hop_len or max(window // 2, 1))


# A frame lasts 16 ms at every rate.
_PRESETS: dict[str, Values] = {
    name: {**clips, "specgan_window_len": 0, "specgan_hop_len": 0} if clips["data_sample_rate"] != 16000 else clips
    for name, clips in CLIPS.items()
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecGANConfig(SpectrogramOptions, gan_options.GanOptions):
    """Everything that defines a SpecGAN run."""

    model: ClassVar[str] = "specgan"
    presets: ClassVar[Mapping[str, Values]] = _PRESETS
    sizing: ClassVar[tuple[str, ...]] = ("specgan_window_len", "specgan_hop_len")

    preset: str | None = gan_options.preset(_PRESETS)
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
        self.require_frames()

    def geometry(self) -> Geometry:
        """Sizes of the networks."""
        framing = self.framing()
        frames = framing.frames(self.data_slice_len)
        return geometry(frames, self.specgan_dim, framing.seen_bins, self.data_num_channels)

    def _sizes(self) -> dict[str, Any]:
        frames, bins, channels = self.geometry().sample_shape
        return {"frames": frames, "bins": bins, "nch": channels}

    def generator_arguments(self, num_labels: int = 0) -> dict[str, Any]:
        """Keyword arguments of `SpecGANGenerator`."""
        return {
            **self._sizes(),
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
            **self._sizes(),
            "kernel_len": self.specgan_kernel_len,
            "dim": self.specgan_dim,
            "use_batchnorm": self.specgan_batchnorm,
            "phaseshuffle_rad": self.specgan_disc_phaseshuffle,
            "num_labels": num_labels,
        }
