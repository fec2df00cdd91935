"""Checkpoints of TensorFlow 1: reading one, and giving variables its values by name."""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from wavegan_tf.core.checkpoint_index import checkpoint_state, require_consistent
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name


def read_checkpoint(tf1_dir: str) -> dict[str, np.ndarray]:
    """All variables of the newest checkpoint in `tf1_dir`, by name; or of one whose path without extension it is.

    Raises:
      UserError: there is none, or it is damaged.
    """
    prefix = checkpoint_prefix(tf1_dir)
    try:
        require_consistent(prefix)
        reader = tf.train.load_checkpoint(prefix)
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    except UnicodeEncodeError:  # the path's own
        raise
    except Exception as error:  # TensorFlow raises anything for a damaged one
        raise UserError(f"{prefix}: damaged checkpoint ({one_line(error)})") from None


def checkpoint_prefix(tf1_dir: str) -> str:
    """Path without extension of the newest checkpoint of a directory, or of the one whose path this is already.

    The newest is the one that the file `checkpoint` names, or else the highest step. The original writes absolute paths
    into that file, which say nothing once the directory was moved, as from a machine with Windows.

    Raises:
      UserError: there is none.
    """
    if os.path.isfile(f"{tf1_dir}.index"):
        return tf1_dir
    try:
        state = checkpoint_state(tf1_dir)
    except ValueError:  # The file is empty, or a pipe.
        state = None
    if state is not None:
        named = state.model_checkpoint_path
        prefix = named if os.path.exists(f"{named}.index") else os.path.join(tf1_dir, ntpath.basename(named))
        if not os.path.exists(f"{prefix}.index"):
            name = display_name(os.path.basename(prefix))
            raise UserError(f"{tf1_dir}: its file 'checkpoint' names {name}, whose .index is missing")
        return prefix
    names = os.listdir(tf1_dir) if os.path.isdir(tf1_dir) else []
    matches = (re.fullmatch(r"(.*-(\d+))\.index", name) for name in names)
    found = [(int(match[2]), match[1]) for match in matches if match]
    if not found:
        raise UserError(f"{tf1_dir}: holds no checkpoint")
    return os.path.join(tf1_dir, max(found)[1])


def assign(
    variables: Mapping[str, keras.Variable], values: Mapping[str, np.ndarray], options_file: str = "args.txt"
) -> None:
    """Gives each variable the value of its TF1 name; axes of length one may differ.

    Args:
      variables: by their TF1 names.
      values: the checkpoint.
      options_file: what the variables' shapes come from, for messages.

    Raises:
      UserError: a value is missing or has another shape.
    """
    for name, variable in variables.items():
        if name not in values:
            raise UserError(
                f"checkpoint: variable {name} is missing; do {options_file} and the checkpoint belong together?"
            )
        value = values[name]
        if [n for n in value.shape if n != 1] != [n for n in variable.shape if n != 1]:
            shapes = f"{list(value.shape)}, {options_file} asks for {list(variable.shape)}"
            raise UserError(f"checkpoint: {name} has shape {shapes}")
        # A copy: TensorFlow takes an array whose memory suits it as the variable's own, and writes into it.
        variable.assign(np.array(value).reshape(variable.shape))


def adam_updates(power: float, beta: float, expected: int) -> int:
    """How many updates TF1's Adam has made when its accumulator stands at `power` = beta^(updates + 1).

    A checkpoint can fall between two discriminator updates, so the accumulator knows better than the step counter. Once
    it has vanished in float32, bias correction is over and `expected` is as good as the truth.
    """
    if power <= np.finfo(np.float32).tiny:
        return expected
    return max(round(float(np.log(power) / np.log(np.float64(np.float32(beta))))) - 1, 0)
