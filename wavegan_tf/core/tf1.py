"""Reading TF1 training directories of WaveGAN and SpecGAN: args.txt, variables and optimiser slots by name."""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from wavegan_tf.core.dcgan.networks import LatentGenerator, LogitDiscriminator
from wavegan_tf.core.dcgan.options import GanOptionsT
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.layers import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose
from wavegan_tf.core.nn.nearest import NearestConv1D, NearestConv2D
from wavegan_tf.core.nn.optimizers import TF1Adam, TF1RMSprop

# What args.txt holds beside the options that are ours too. The original's `data_normalize` reaches nothing: it always
# normalises, whatever args.txt says, and so does the run that continues it.
_ORIGINAL_ONLY = {
    "mode", "train_dir", "data_prefetch_gpu_num", "incept_metagraph_fp", "incept_ckpt_fp", "incept_n", "incept_k",
    "data_normalize",
}  # fmt: skip
_SCOPES = {
    Conv1D: "conv1d", Conv2D: "conv2d", Conv1DTranspose: "conv2d_transpose", Conv2DTranspose: "conv2d_transpose",
    NearestConv1D: "conv1d", NearestConv2D: "conv2d", keras.layers.Dense: "dense",
}  # fmt: skip
_BATCH_NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")


def read_args(tf1_dir: str) -> dict[str, str]:
    """The `name,value` lines of an original training directory's args.txt.

    Raises:
      UserError: the file is missing or a line of it has another form.
    """
    path = os.path.join(tf1_dir, "args.txt")
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); is this the original code's training directory?") from None
    args = {}
    for line in lines:
        name, comma, value = line.partition(",")
        if not comma:
            raise UserError(f"{path}: {line!r} is not of the form name,value")
        args[name] = value
    return args


def parse_value(text: str, kind: type, name: str) -> Any:
    """A value of args.txt as `kind` (bool, int, float or str).

    Raises:
      UserError: the text is no such value.
    """
    try:
        if kind is bool:
            return {"True": True, "False": False}[text]
        return kind(text)
    except (KeyError, ValueError):
        raise UserError(f"args.txt: {name},{text}: must be of type {kind.__name__}") from None


def options_from_args(
    options_class: type[GanOptionsT], args: Mapping[str, str], left_out: Collection[str] = ()
) -> GanOptionsT:
    """Our options for an original run.

    Args:
      options_class: what to build.
      args: from `read_args`.
      left_out: options of ours that are not to be taken from it.

    Raises:
      UserError: a value cannot be used.
    """
    types = typing.get_type_hints(options_class)
    names = {field.name for field in dataclasses.fields(options_class)} - _ORIGINAL_ONLY - set(left_out)
    for name in sorted(set(args) - names - _ORIGINAL_ONLY - set(left_out)):
        logging.warning("args.txt: %s is not known and is left out", name)
    known = {name: text for name, text in args.items() if name in names}
    return options_class(**{name: parse_value(text, types[name], name) for name, text in known.items()})


def variables(network: LatentGenerator | LogitDiscriminator) -> dict[str, keras.Variable]:
    """Variables of a network by the names that the original code gives them, in its order."""
    if isinstance(network, LatentGenerator):
        layers = {"G/z_project": network.z_project, **{f"G/{conv.name}": conv for conv in network.upconvs}}
        normed = list(layers)[:-1]
        if getattr(network, "pp_filter", None) is not None:
            layers["G/pp_filt"] = network.pp_filter
    else:
        layers = {f"D/{conv.name}": conv for conv in network.downconvs}
        normed = list(layers)[1:]
        layers["D/output"] = network.output_dense
    norms = dict(zip(normed, network.norms, strict=False))
    found = {}
    for scope, layer in layers.items():
        found[f"{scope}/{_SCOPES[type(layer)]}/kernel"] = layer.kernel
        if layer.bias is not None:
            found[f"{scope}/{_SCOPES[type(layer)]}/bias"] = layer.bias
        if scope in norms:
            for name in _BATCH_NORMALIZATION:
                found[f"{scope}/batch_normalization/{name}"] = getattr(norms[scope], name)
    return found


def read_checkpoint(tf1_dir: str) -> dict[str, np.ndarray]:
    """All variables of the newest checkpoint in `tf1_dir`, by name; or of one whose path without extension it is.

    Raises:
      UserError: there is none, or it is damaged.
    """
    prefix = tf1_dir if os.path.isfile(f"{tf1_dir}.index") else _newest_checkpoint(tf1_dir)
    try:
        reader = tf.train.load_checkpoint(prefix)
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    except (tf.errors.OpError, ValueError, IndexError) as error:
        raise UserError(f"{prefix}: damaged checkpoint ({' '.join(str(error).split())})") from None


def _newest_checkpoint(tf1_dir: str) -> str:
    """Path of the newest checkpoint, without extension: the one that the file `checkpoint` names, or the highest step.

    The original writes absolute paths into that file, which say nothing once the directory was moved.
    """
    try:
        state = tf.train.get_checkpoint_state(tf1_dir)
    except ValueError:  # The file is empty.
        state = None
    if state is not None:
        named = state.model_checkpoint_path
        prefix = named if os.path.exists(f"{named}.index") else os.path.join(tf1_dir, os.path.basename(named))
        if not os.path.exists(f"{prefix}.index"):
            name = os.path.basename(named)
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
        variable.assign(np.reshape(value, variable.shape))


def assign_optimizer(
    optimizer: TF1Adam | TF1RMSprop,
    names: Sequence[str],
    values: Mapping[str, np.ndarray],
    beta2_power: str,
    expected_updates: int,
) -> None:
    """Gives a built optimiser the slots of a TF1 checkpoint.

    Args:
      optimizer: built on the variables that `names` stand for, in that order.
      names: their TF1 names.
      values: the checkpoint.
      beta2_power: name of Adam's beta2 power for this optimiser, which tells how many updates it has made.
      expected_updates: their number as the step counter has it, for when the power has vanished.

    Raises:
      UserError: a slot is missing.
    """
    if isinstance(optimizer, TF1RMSprop):
        assign({f"{n}/RMSProp": v for n, v in zip(names, optimizer.mean_squares, strict=True)}, values)
        return
    assign({f"{n}/Adam": v for n, v in zip(names, optimizer.first_moments, strict=True)}, values)
    assign({f"{n}/Adam_1": v for n, v in zip(names, optimizer.second_moments, strict=True)}, values)
    if beta2_power not in values:
        raise UserError(f"checkpoint: variable {beta2_power} is missing")
    optimizer.iterations.assign(adam_updates(float(values[beta2_power]), optimizer.beta_2, expected_updates))


def adam_updates(power: float, beta: float, expected: int) -> int:
    """How many updates TF1's Adam has made when its accumulator stands at `power` = beta^(updates + 1).

    A checkpoint can fall between two discriminator updates, so the accumulator knows better than the step counter. Once
    it has vanished in float32, bias correction is over and `expected` is as good as the truth.
    """
    if power <= np.finfo(np.float32).tiny:
        return expected
    return max(round(float(np.log(power) / np.log(np.float64(np.float32(beta))))) - 1, 0)
