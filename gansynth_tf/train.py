"""gansynth_train: trains a GANSynth on pitched notes, or continues a run."""

from __future__ import annotations

import os

from absl import flags as absl_flags

from gansynth_tf import api
from gansynth_tf.config import CONFIG_FILE, DIRECTORY_KEY, MODEL, GANSynthConfig
from gansynth_tf.hparams import parse_hparams
from gansynth_tf.notes.options import PLACES
from gansynth_tf.presets import CONFIGS
from wavegan_tf.core import flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import load_options
from wavegan_tf.core.preparation.options import in_place


def read_config() -> tuple[GANSynthConfig, str]:
    """The options of this command line, and the run's directory.

    Each of these takes precedence over those after it: flags, --hparams, the run in the directory, --config, defaults.

    Raises:
      UserError: a value is impossible, or no directory is given.
    """
    values = absl_flags.FLAGS
    hparams = parse_hparams(values.hparams)
    run_dir = values.train_root_dir or hparams.pop(DIRECTORY_KEY, "")
    hparams.pop(DIRECTORY_KEY, None)
    if not isinstance(run_dir, str):
        raise UserError(f"--hparams: {DIRECTORY_KEY}={run_dir!r}: must be a string")
    flags.require(train_root_dir=run_dir)
    run_dir = os.path.expanduser(run_dir)
    path = os.path.join(run_dir, CONFIG_FILE)
    if os.path.exists(path):
        saved = in_place(load_options(GANSynthConfig, path, MODEL), PLACES[:-1], hparams)
        return flags.from_flags(GANSynthConfig, saved, hparams), run_dir
    name = values.config if values["config"].present else hparams.get("config", values.config)
    if not isinstance(name, str) or name not in CONFIGS:
        raise UserError(f"--config={name}: must be one of {', '.join(CONFIGS)}")
    return flags.from_flags(GANSynthConfig, None, {**CONFIGS[name], **hparams}), run_dir


def main() -> None:
    """Reads the flags and trains."""
    config, run_dir = read_config()
    api.train(config, run_dir)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.define_path(DIRECTORY_KEY, "", "Directory of the run: stages with their checkpoints, summaries.")
    absl_flags.DEFINE_string("hparams", "{}", "Options as a JSON object; flags take precedence.")
    flags.define_flags(GANSynthConfig, "gansynth_tf.train")


def run() -> None:
    """Entry point of gansynth_train."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
