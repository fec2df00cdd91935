"""Options as the original's hyperparameters: a JSON object on the command line, and Magenta's experiment.json."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from gansynth_tf.config import DIRECTORY_KEY, GANSynthConfig
from wavegan_tf.core.errors import UserError

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
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
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
