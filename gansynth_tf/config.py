"""GANSynth's options: Magenta's hyperparameters with the paper's values, and ours in addition."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gansynth_tf import geometry
from gansynth_tf.notes.options import NoteOptions
from gansynth_tf.presets import CONFIGS
from gansynth_tf.representation import DATA_TYPES, FREQ, NORMALIZERS, PRESPECIFIED, SIMPLE, TO_RGB_ACTIVATIONS
from gansynth_tf.schedule import SCALE_MODES, ResolutionSchedule, TrainingSchedule, num_filters
from wavegan_tf.core import effects
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import option
from wavegan_tf.core.training.options import PaceOptions, RuntimeOptions

if TYPE_CHECKING:
    from gansynth_tf.losses import LossWeights

MODEL = "gansynth"
CONFIG_FILE = "experiment.json"
# Of losses and of scales: their squares fit into float32, and their inverses too.
_SMALLEST, _LARGEST = 1e-6, 1e9
MAX_RESOLUTIONS = 20
_BY_RANGE = [effects.only_with("data_normalizer", values=(SIMPLE, FREQ))]
_BY_NUMBERS = [effects.only_with("data_normalizer", values=(PRESPECIFIED,))]
# Magenta's experiment.json and --hparams name the run's directory among the hyperparameters.
DIRECTORY_KEY = "train_root_dir"


def _scale(default: float, help: str, effect: Sequence[effects.Rule]) -> Any:
    return option(default, help, minimum=_SMALLEST, maximum=_LARGEST, resume="fixed", effect=effect)


def _offset(default: float, help: str) -> Any:
    return option(default, help, minimum=-_LARGEST, maximum=_LARGEST, resume="fixed", effect=_BY_NUMBERS)


def _weight(default: float, help: str, effect: Sequence[effects.Rule] = ()) -> Any:
    return option(default, help, minimum=0, maximum=_LARGEST, effect=effect)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANSynthConfig(NoteOptions, PaceOptions, RuntimeOptions):
    """Everything that defines a GANSynth run; saved as experiment.json in its directory."""

    config: str = option(
        "mel_prog_hires",
        "A row of the paper's table 1, or mel_44k or mel_44k_stereo, for notes at 44.1 kHz: values of other options, "
        "over which --hparams and flags take precedence.",
        choices=tuple(CONFIGS),
        resume="fixed",
    )
    num_channels: int = option(
        1,
        "Channels of a note, which share its pitch: files are averaged to 1; mono is duplicated to 2.",
        minimum=1,
        maximum=1024,
        resume="fixed",
    )

    data_type: str = option(
        "mel", "Representation: IF-Mel (mel), IF (linear), phase, or wave.", choices=DATA_TYPES, resume="fixed"
    )
    use_unwrap: bool = option(
        True,
        "Wrap differences of the phase by as many turns as it takes, as the original, or by one at most. Real notes "
        "hardly tell them apart: 2 of 5 million values.",
        resume="fixed",
        effect=[effects.only_with("data_type", values=("mel", "linear"))],
    )
    data_normalizer: str = option(
        "specgrams_prespecified_normalizer",
        "How features are brought to [-1, 1]: by given numbers, by the range in the data (simple), or by that of each "
        "frequency (freq).",
        choices=NORMALIZERS,
        resume="fixed",
    )
    normalizer_margin: float = _scale(0.8, "Range of the normalised data, for simple and freq.", _BY_RANGE)
    normalizer_num_examples: int = option(
        1000, "Notes that the range is taken from.", minimum=1, resume="fixed", effect=_BY_RANGE
    )
    mag_normalizer_a: float = _scale(0.0661371661726, "Scale of the magnitude channel.", _BY_NUMBERS)
    mag_normalizer_b: float = _offset(0.113718730221, "Offset of the magnitude channel.")
    p_normalizer_a: float = _scale(0.8, "Scale of the phase channel.", _BY_NUMBERS)
    p_normalizer_b: float = _offset(0.0, "Offset of the phase channel.")

    gradient_penalty_target: float = option(
        1.0, "Gradient norm of the discriminator at which the penalty is zero.", minimum=_SMALLEST, maximum=_LARGEST
    )
    gradient_penalty_weight: float = _weight(10.0, "Weight of the gradient penalty.")
    real_score_penalty_weight: float = _weight(0.001, "Weight of the mean squared score of real data.")
    generator_ac_loss_weight: float = _weight(10.0, "Weight of the pitch of fakes for the generator.")
    discriminator_ac_loss_weight: float = _weight(10.0, "Weight of the pitch of real data for the discriminator.")
    gen_gl_consistency_loss_weight: float = _weight(
        0.0,
        "Weight of the Griffin-Lim consistency of fakes, at the last stage.",
        [effects.not_with("data_type", values=("wave",))],
    )

    generator_learning_rate: float = option(8e-4, "Adam's, for the generator.", minimum=0)
    discriminator_learning_rate: float = option(8e-4, "Adam's, for the discriminator.", minimum=0)
    adam_beta1: float = option(0.0, "Adam's, for both.", minimum=0, maximum=0.9999)
    adam_beta2: float = option(0.99, "Adam's, for both.", minimum=0, maximum=0.9999999)

    batch_size_schedule: tuple[int, ...] = option(
        (8,),
        "Batch size at each resolution, over all devices; a shorter list is filled up in front with its first element.",
        minimum=1,
    )
    stable_stage_num_images: int = option(
        800_000, "Images of each stable stage, without --train_time_limit.", minimum=1, resume="fixed"
    )
    transition_stage_num_images: int = option(
        800_000, "Images of each fade-in, without --train_time_limit.", minimum=1, resume="fixed"
    )
    total_num_images: int = option(
        11_000_000, "Images of the whole training, without --train_time_limit.", minimum=1
    )
    train_progressive: bool = option(
        True, "Grow the networks stage by stage, or train the whole ones from the start.", resume="fixed"
    )
    train_time_limit: float | None = option(
        None, "Seconds of training; if given, stages end by the clock instead of by images.", minimum=1e-3
    )
    train_time_stage_multiplier: float = option(
        1.0,
        "Length of each stage by the clock, relative to the one before.",
        minimum=1e-6,
        effect=[effects.only_with("train_time_limit")],
    )

    latent_vector_size: int = option(256, "Dimensions of the latent space.", minimum=1, resume="fixed")
    kernel_size: int = option(
        3, "Size of the convolution kernels along both axes.", minimum=1, maximum=1024, resume="fixed"
    )
    start_height: int = option(2, "Frames at the first resolution.", minimum=1, resume="fixed")
    start_width: int = option(16, "Frequencies at the first resolution.", minimum=1, resume="fixed")
    scale_mode: str = option(
        "ALL", "Axes that grow: both (ALL), or time alone (H).", choices=SCALE_MODES, resume="fixed"
    )
    scale_base: int = option(2, "How much larger each resolution is than the one before.", minimum=2, resume="fixed")
    num_resolutions: int = option(
        7, "Resolutions of the progressive networks.", minimum=1, maximum=MAX_RESOLUTIONS, resume="fixed"
    )
    simple_arch: bool = option(
        False, "Strided convolutions with ReLU, without pixel norm and weight scaling.", resume="fixed"
    )
    to_rgb_activation: str = option(
        "tanh", "Last operation of the generator.", choices=TO_RGB_ACTIVATIONS, resume="fixed"
    )
    fmap_base: int = option(
        4096, "Channels of block b are fmap_base / 2^(b fmap_decay), ...", minimum=1, resume="fixed"
    )
    fmap_decay: float = option(1.0, "... which fall with each block as this says, ...", minimum=0, resume="fixed")
    fmap_max: int = option(256, "... and are at most so many.", minimum=1, resume="fixed")

    fake_batch_size: int = option(
        61, "Generated notes in a summary, of pitches from the lowest upwards.", minimum=1, maximum=1024
    )
    data_disk_mb: int = option(
        20000,
        "Features to keep on disk, in MiB; if they are larger, each is computed whenever it is used.",
        minimum=0,
        per_worker=True,
    )
    save_summaries_num_images: int = option(10_000, "Images between summaries.", minimum=1)
    preview_n: int = option(
        8,
        "Notes with fixed latents, from the lowest pitch to the highest, in the preview at each checkpoint.",
        minimum=1,
        maximum=1024,
    )
    debug_hook: bool = option(False, "Log the smallest, mean and largest value of every weight at each step.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_channels()
        if len(self.batch_size_schedule) > self.num_resolutions:
            sizes = ",".join(map(str, self.batch_size_schedule))
            raise UserError(
                f"--batch_size_schedule={sizes}: has more elements than --num_resolutions={self.num_resolutions}"
            )
        self._check_sizes()
        self._check_times()

    def _check_channels(self) -> None:
        if self.filters(self.num_resolutions)[-1] < 1:
            raise UserError(
                f"--fmap_base={self.fmap_base} --fmap_decay={self.fmap_decay} "
                f"--num_resolutions={self.num_resolutions}: leave the last block without channels; fmap_base must be "
                f"at least 2^(num_resolutions * fmap_decay) = 2^{self.num_resolutions * self.fmap_decay:g}"
            )

    def _check_sizes(self) -> None:
        """The sizes that `features.Features` can take."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(geometry.Sizes)}
        sizes = geometry.Sizes(**values)
        if not sizes.fits:
            possible = range(len(self.batch_size_schedule), MAX_RESOLUTIONS + 1)
            wide = [count for count in possible if self.filters(count)[-1] >= 1]
            raise UserError(geometry.explain(sizes, wide[0], wide[-1]))

    def _check_times(self) -> None:
        if self.train_time_limit is None:
            return
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            ends = self.schedule.end_times()
        if not np.isfinite(ends).all() or not (np.diff(ends, prepend=0) > 0).all():
            raise UserError(
                f"--train_time_stage_multiplier={self.train_time_stage_multiplier}: leaves stages without any time"
            )

    @property
    def resolutions(self) -> ResolutionSchedule:
        """Sizes of the images."""
        return ResolutionSchedule(
            (self.start_height, self.start_width), self.scale_base, self.num_resolutions, self.scale_mode
        )

    @property
    def schedule(self) -> TrainingSchedule:
        """When each stage ends."""
        return TrainingSchedule(
            resolutions=self.resolutions,
            batch_sizes=self.batch_size_schedule,
            stable_images=self.stable_stage_num_images,
            transition_images=self.transition_stage_num_images,
            total_images=self.total_num_images,
            time_limit=self.train_time_limit,
            time_multiplier=self.train_time_stage_multiplier,
        )

    def filters(self, num_blocks: int) -> list[int]:
        """Channels of blocks 0 to `num_blocks`."""
        sizes = (self.fmap_base, self.fmap_decay, self.fmap_max)
        return [num_filters(block, *sizes) for block in range(num_blocks + 1)]

    def loss_weights(self) -> LossWeights:
        """Weights of the losses' parts."""
        from gansynth_tf.losses import LossWeights

        return LossWeights(**{field.name: getattr(self, field.name) for field in dataclasses.fields(LossWeights)})

    def progress(self, num_blocks: int, image_id: int, train_time: float) -> np.float32:
        """How far training has come, of networks with `num_blocks` blocks; without growing, as far as it goes."""
        if not self.train_progressive:
            return np.float32(num_blocks - 1)
        return self.schedule.progress(num_blocks, image_id, train_time)

    def network_arguments(self, num_blocks: int, num_pitches: int) -> dict[str, Any]:
        """Keyword arguments that both networks take."""
        return {
            "filters": self.filters(num_blocks),
            "start_shape": self.resolutions.start_resolutions,
            "block_scale": self.resolutions.block_scale,
            "kernel_size": self.kernel_size,
            "num_pitches": num_pitches,
            "num_channels": self.num_channels,
            "simple_arch": self.simple_arch,
        }

    def generator_arguments(self) -> dict[str, Any]:
        """Keyword arguments that only the generator takes."""
        return {"latent_dim": self.latent_vector_size, "to_rgb_activation": self.to_rgb_activation}
