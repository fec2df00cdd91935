"""The command line of training, exporting and importing WaveGAN and SpecGAN."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from absl import flags as absl_flags

from wavegan_tf.core import commands, flags
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.options import LARGEST_INT
from wavegan_tf.core.preparation.options import in_place

OptionsT = TypeVar("OptionsT", bound=GanOptions)


def define_train_flags(options_class: type[GanOptions], module_name: str) -> None:
    """Defines the flags of the train command; `--help` lists them under `module_name`."""
    flags.define_path("train_dir", "", "Directory of the run: checkpoints, previews, summaries.")
    flags.define_flags(options_class, module_name)


def define_export_flags() -> None:
    """Defines the flags of the export command."""
    commands.define_export_flags()
    absl_flags.DEFINE_enum(
        "weights", None, ["average", "raw"],
        "The generator's moving average, or its weights as they are. Default: the average if there is one.",
    )  # fmt: skip
    absl_flags.DEFINE_boolean(
        "normalize", False, "Divide each clip by its peak, as training does by default with those that it learns from.",
    )  # fmt: skip
    help_text = "How long each clip fades out at its end, in milliseconds."
    absl_flags.DEFINE_integer("fade_out_ms", 0, help_text, 0, LARGEST_INT)


def train(options_class: type[OptionsT], train_one: Callable[[OptionsT, str], int]) -> None:
    """Reads the flags and trains with `train_one` (options, training directory) -> step."""
    train_dir = absl_flags.FLAGS.train_dir
    flags.require(train_dir=train_dir)
    saved = gan_options.load_run(options_class, train_dir) if gan_options.run_exists(train_dir) else None
    # Also when a run is continued: what the flag says counts for what may change.
    given = options_class.presets.get(absl_flags.FLAGS.preset or "", {})
    train_one(flags.from_flags(options_class, saved and in_place(saved, ["data_dir"]), given), train_dir)
