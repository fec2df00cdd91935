"""Options as the original's hyperparameters: a JSON object on the command line, and Magenta's experiment.json."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from absl import logging

from gansynth_tf.config import CONFIG_FILE, DIRECTORY_KEY, MODEL, GANSynthConfig
from gansynth_tf.presets import PAPER
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import MAX_DESCRIPTION_BYTES, parse_json, read_json

# Magenta's defaults (`set_flags`) where ours, the paper's, differ.
_DEFAULTS: dict[str, Any] = {
    "generator_ac_loss_weight": 1.0, "discriminator_ac_loss_weight": 1.0, "generator_learning_rate": 0.0004,
    "discriminator_learning_rate": 0.0004, "fake_batch_size": 16, "batch_size_schedule": [16, 8],
    "stable_stage_num_images": 32, "transition_stage_num_images": 32, "total_num_images": 320,
    "save_summaries_num_images": 100, "start_height": 4, "start_width": 8, "fmap_base": 512, "fmap_max": 128,
}  # fmt: skip
# What names places and processes of the machine that it was trained on.
_OF_ITS_MACHINE = (
    DIRECTORY_KEY, "train_data_path", "train_meta_path", "tfds_data_dir", "dataset_name", "master", "ps_tasks", "task",
)  # fmt: skip
# Hyperparameters of the original that can have but one value here, and what does their work.
_WITHOUT_CHOICE: dict[str, tuple[Any, str]] = {
    "g_fn": ("specgram", "it names the only generator there is"),
    "d_fn": ("specgram", "it names the only discriminator there is"),
    "master": ("", "several machines are named by TF_CONFIG"),
    "dataset_name": ("nsynth_tfds", "--data_dir, --tfds_data_dir or --train_data_path name the notes"),
    "ps_tasks": (0, "there are no parameter servers; several machines are named by TF_CONFIG"),
    "task": (0, "several machines are named by TF_CONFIG"),
}


def parse_hparams(text: str) -> dict[str, Any]:
    """Values of options from a JSON object, as the original's --hparams takes them.

    Raises:
      UserError: it is no JSON object, or has an unknown key or one whose value has no meaning here.
    """
    try:
        values = parse_json(text, max_digits=1000)  # the option itself says which are too many
    except ValueError as error:
        raise UserError(f"--hparams: is not valid JSON ({error})") from None
    if not isinstance(values, dict):
        raise UserError("--hparams: must be a JSON object, such as '{\"batch_size_schedule\": [8]}'")
    return known_hyperparameters(values, "--hparams")


def known_hyperparameters(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`values` without those of the original that have but one value here.

    Args:
      values: by the names of options, or of the original's hyperparameters.
      where: they come from, for messages.

    Raises:
      UserError: a key is unknown, or such a value is another one.
    """
    names = {field.name for field in dataclasses.fields(GANSynthConfig)} | {DIRECTORY_KEY}
    known = {}
    for name, value in values.items():
        if name in _WITHOUT_CHOICE:
            only, reason = _WITHOUT_CHOICE[name]
            if value != only:
                raise UserError(f"{where}: {name}={value!r}: must be {only!r}, {reason}")
        elif name not in names:
            raise UserError(f"{where}: unknown hyperparameter {name!r}")
        else:
            known[name] = value
    return known


def read_experiment(tf1_dir: str) -> dict[str, Any]:
    """The hyperparameters of a directory's experiment.json, without those of its machine, by our options' names.

    Raises:
      UserError: the file is missing or holds something else.
    """
    path = os.path.join(tf1_dir, CONFIG_FILE)
    try:
        values = read_json(path, MAX_DESCRIPTION_BYTES)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); is this a train_root_dir of Magenta's?") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: must be a JSON object of hyperparameters")
    if values.get("model") == MODEL:
        raise UserError(f"{path}: is a run of gansynth_train already; gansynth_export takes it as it is")
    values = {name: value for name, value in values.items() if name not in _OF_ITS_MACHINE}
    names = {field.name for field in dataclasses.fields(GANSynthConfig)} | {"g_fn", "d_fn"}
    for name in sorted(set(values) - names):
        logging.warning("%s: %s is not known and is skipped", CONFIG_FILE, name)
        del values[name]
    values = {**_DEFAULTS, **known_hyperparameters(values, path)}
    sizes, resolutions = values["batch_size_schedule"], values.get("num_resolutions")
    if isinstance(sizes, list) and isinstance(resolutions, int):
        values["batch_size_schedule"] = sizes[:resolutions]  # The original never reads the others.
    return values


def config_of_experiment(values: Mapping[str, Any], num_pitches: int, min_pitch: int) -> GANSynthConfig:
    """Our options for an original run.

    Args:
      values: from `read_experiment`.
      num_pitches: of the checkpoint.
      min_pitch: the lowest of them.

    Raises:
      UserError: a value is impossible.
    """
    if min_pitch + num_pitches > 128:
        highest = 128 - num_pitches
        raise UserError(f"--data_min_pitch={min_pitch}: the checkpoint has {num_pitches} pitches; at most {highest}")
    pitches = {"data_min_pitch": min_pitch, "data_max_pitch": min_pitch + num_pitches - 1}
    try:
        config = GANSynthConfig(**{**values, **pitches})
    except UserError as error:
        raise UserError(f"{CONFIG_FILE}: {error}") from None
    paper, keys = GANSynthConfig(), ("data_type", "start_height", "start_width")
    for name, row in PAPER.items():
        if all(getattr(config, key) == row.get(key, getattr(paper, key)) for key in keys):
            return dataclasses.replace(config, config=name)
    return config
