"""Common options of WaveGAN and SpecGAN; each names its own with its prefix, as the originals do."""

from __future__ import annotations

import copy
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from wavegan_tf.core import effects, memory
from wavegan_tf.core.audio import labels
from wavegan_tf.core.audio.options import ClipOptions, LabelOptions
from wavegan_tf.core.dcgan.geometry import Geometry
from wavegan_tf.core.dcgan.presets import Values, described
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import load_options, option, require_fixed, save_options
from wavegan_tf.core.preparation.options import require_one_place, require_there
from wavegan_tf.core.training.options import LoopOptions, RuntimeOptions

CONFIG_FILE = "config.json"
LOSSES = ("dcgan", "lsgan", "wgan", "wgan-gp")

# Of the generator's last layer.
ACTIVATIONS = ("tanh", "linear", "relu")

GanOptionsT = TypeVar("GanOptionsT", bound="GanOptions")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanOptions(ClipOptions, LabelOptions, LoopOptions, RuntimeOptions):
    """Everything that defines a run; saved as config.json in its directory.

    Attributes:
      model: name of the model, which begins the names of its own options.
      presets: values of options by the names of the presets.
      sizing: names of further options that decide how large a sample is.
    """

    model: ClassVar[str]
    presets: ClassVar[Mapping[str, Values]]
    sizing: ClassVar[tuple[str, ...]] = ()

    preset: str | None

    train_learning_rate: float = option(
        0.0,
        "Learning rate of both networks; 0 takes the original's: 1e-4 with the losses wgan-gp and lsgan, 2e-4 with "
        "dcgan, 5e-5 with wgan.",
        minimum=0,
        maximum=1,
    )
    train_learning_rate_decay_steps: int = option(
        0,
        "Let the learning rate fall linearly to 0 over so many updates, the last before --train_steps; 0 keeps it.",
        minimum=0,
        effect=[effects.only_with("train_steps")],
    )
    train_ema_decay: float = option(
        0.0,
        "Decay, at each update, of a moving average of the generator's weights, by which previews and exports then "
        "sound; 0 keeps none. GANSynth's is 0.999.",
        minimum=0,
        maximum=0.999999,
    )
    warm_start: str = option(
        "",
        "Directory of a run with as large networks, with whose weights a new run begins; it may have other sounds and "
        "other labels, or none.",
        resume="fixed",
        path=True,
    )
    preview_n: int = option(32, "Clips with fixed latents in the preview at each checkpoint.", minimum=1, maximum=1024)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_preset()
        radius, largest = self.own("disc_phaseshuffle"), self.geometry().largest_shift
        if radius > largest:
            raise UserError(
                f"--{self.model}_disc_phaseshuffle={radius}: must be at most {largest} with --data_slice_len="
                f"{self.data_slice_len}, whose layers are too short for more"
            )

    @classmethod
    def from_preset(cls: type[GanOptionsT], preset: str, **values: Any) -> GanOptionsT:
        """Options with the values of a preset where `values` has no others.

        Raises:
          UserError: there is no such preset, or a value is impossible.
        """
        return cls(**{**cls.presets.get(preset, {}), **values, "preset": preset})

    def _require_preset(self) -> None:
        """Raises UserError if a preset is named and nothing has its values."""
        values = self.presets.get(self.preset or "", {})
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        meant = [name for name, value in values.items() if value != defaults[name]]
        if meant and all(getattr(self, name) == defaults[name] for name in meant):
            raise UserError(
                f"--preset={self.preset}: its values are not taken; {type(self).__name__}.from_preset takes them"
            )

    def own(self, name: str) -> Any:
        """The option that is called `<model>_<name>`."""
        return getattr(self, f"{self.model}_{name}")

    def geometry(self) -> Geometry:
        """Sizes of the networks."""
        raise NotImplementedError

    def generator_arguments(self, num_labels: int = 0) -> dict[str, Any]:
        """Keyword arguments of the model's generator."""
        raise NotImplementedError

    def discriminator_arguments(self, num_labels: int = 0) -> dict[str, Any]:
        """Keyword arguments of the model's discriminator."""
        raise NotImplementedError

    def num_parameters(self) -> int:
        """Numbers that are trained."""
        return sum(self._num_parameters())

    def _num_parameters(self) -> tuple[int, int]:
        return self.geometry().num_parameters(self.own("kernel_len"), self.own("latent_dim"), self.own("batchnorm"))

    def need(self) -> memory.Need:
        """Least memory of training; without a GPU, the layers' values are part of it."""
        geometry, batch = self.geometry(), self.train_batch_size
        values = (batch + self.preview_n) * (math.prod(geometry.sample_shape) + self.own("latent_dim"))
        if self.train_ema_decay:
            values += self._num_parameters()[0]
        if memory.holds_layers():
            values += batch * geometry.generated_values
        return memory.Need(self.num_parameters(), values)

    def require_memory(self) -> None:
        """Raises UserError, which names an option, if this machine has less memory than training needs."""
        own = [f"{self.model}_{name}" for name in ("dim", "kernel_len", "latent_dim")]
        names = [*own, "data_slice_len", *self.sizing, "train_batch_size", "data_num_channels", "preview_n"]
        memory.require(self, type(self).need, names)


def preset(presets: Mapping[str, Values]) -> Any:
    """Option preset."""
    help = f"A set of values for other flags, which take precedence. {described(presets)}"
    return option(None, help, choices=tuple(presets), resume="fixed")


def latent_dim() -> Any:
    """Option <model>_latent_dim."""
    return option(100, "Dimensions of the latent space.", minimum=1, resume="fixed")


def kernel_len(default: int) -> Any:
    """Option <model>_kernel_len."""
    help = "Length of the convolution kernels along each axis."
    return option(default, help, minimum=1, maximum=1024, resume="fixed")


def dim() -> Any:
    """Option <model>_dim."""
    return option(64, "Size of both networks.", minimum=1, resume="fixed")


def batchnorm() -> Any:
    """Option <model>_batchnorm."""
    return option(False, "Use batch normalisation.", resume="fixed")


def disc_nupdates() -> Any:
    """Option <model>_disc_nupdates."""
    return option(5, "Discriminator updates for each generator update.", minimum=1)


def loss() -> Any:
    """Option <model>_loss."""
    return option("wgan-gp", "Adversarial loss.", choices=LOSSES, resume="fixed")


def genr_upsample(choices: Sequence[str], meaning: str) -> Any:
    """Option <model>_genr_upsample."""
    help = f"How the generator upsamples: zeros (transposed convolution) or {meaning}, then convolution."
    return option("zeros", help, choices=choices, resume="fixed")


def disc_phaseshuffle(default: int, unit: str, maximum: int) -> Any:
    """Option <model>_disc_phaseshuffle."""
    help = f"Radius in {unit} of the discriminator's phase shuffle along time; 0 turns it off."
    return option(default, help, minimum=0, maximum=maximum)


def disc_phaseshuffle_per_example(model: str) -> Any:
    """Option <model>_disc_phaseshuffle_per_example."""
    return option(
        False,
        "Draw the shift for each example, as the paper words it, instead of once for the batch, as the original code "
        "does.",
        effect=[effects.only_with(f"{model}_disc_phaseshuffle")],
    )


def load_run(options_class: type[GanOptionsT], train_dir: str) -> GanOptionsT:
    """The options of the run in a directory.

    Raises:
      UserError: there is no such run, or its configuration cannot be used.
    """
    return load_options(options_class, os.path.join(train_dir, CONFIG_FILE), options_class.model)


def require_startable(config: GanOptions, train_dir: str) -> None:
    """Checks what can be checked of a training before anything is read or computed.

    Raises:
      UserError: the folder of audio is missing, a run in `train_dir` cannot go on with these options, or a new one
        cannot begin with the networks of `warm_start`.
    """
    if run_exists(train_dir):
        saved = load_run(type(config), train_dir)
        require_fixed({field.name: getattr(config, field.name) for field in dataclasses.fields(config)}, saved)
    elif config.warm_start:
        _require_same_networks(config)
    require_one_place(config.data_dir, config.data_prepared)
    require_there(config.data_dir, config.data_prepared)
    if config.data_labels == "csv" and not config.data_labels_file and not config.data_prepared:
        raise UserError("--data_labels=csv: requires --data_labels_file")


def _require_same_networks(config: GanOptions) -> None:
    """Raises UserError if the run `config.warm_start` has other networks, but for labels."""
    run = config.warm_start
    other = load_run(type(config), run)
    wanted = _shaping_arguments(other)
    if _shaping_arguments(config) == wanted:
        return
    for field in dataclasses.fields(config):
        ours, theirs = getattr(config, field.name), getattr(other, field.name)
        changed = copy.copy(other)
        object.__setattr__(changed, field.name, ours)  # not `replace`, which refuses what does not go together
        if _shaping_arguments(changed) != wanted:
            raise UserError(f"--warm_start={run}: has --{field.name}={theirs}, not {ours}")
    raise UserError(f"--warm_start={run}: has other networks")


def _shaping_arguments(config: GanOptions) -> dict[str, Any]:
    """The arguments of both networks on which the shapes and the meaning of their weights depend."""
    arguments = {**config.discriminator_arguments(), **config.generator_arguments()}
    del arguments["phaseshuffle_rad"]
    return arguments


def run_labels(config: GanOptions, train_dir: str) -> tuple[str, ...]:
    """The labels of the run in a directory; none of one without.

    Raises:
      UserError: they are missing or damaged.
    """
    return () if config.data_labels == "none" else labels.load(train_dir)


def labelling(config: GanOptions, train_dir: str) -> labels.Labelling | None:
    """How the files of a run get labels, those of the run in `train_dir` if there is one; None without.

    Raises:
      UserError: see `run_labels`.
    """
    if config.data_labels == "none":
        return None
    known = run_labels(config, train_dir) if run_exists(train_dir) else None
    return labels.Labelling(config.data_labels, config.data_labels_file, known)


def save_run(config: GanOptions, train_dir: str, names: Sequence[str] = ()) -> None:
    """Makes `config` the options of the run in a directory, which is made if need be, and `names` its labels."""
    if names:
        labels.save(names, train_dir)
    save_options(config, os.path.join(train_dir, CONFIG_FILE), config.model)


def run_exists(train_dir: str) -> bool:
    """True if a directory holds a run."""
    return os.path.exists(os.path.join(train_dir, CONFIG_FILE))
