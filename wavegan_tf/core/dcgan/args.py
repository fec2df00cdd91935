"""The original code's args.txt: the flags of a WaveGAN or SpecGAN run."""

from __future__ import annotations

import dataclasses
import os
import reprlib
import typing
from collections.abc import Collection, Mapping
from typing import Any

from absl import logging

from wavegan_tf.core.dcgan.options import GanOptionsT
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import read_text

# What args.txt holds beside the options that are ours too. The original's `data_normalize` reaches nothing: it always
# normalises, whatever args.txt says, and so does the run that continues it.
_ORIGINAL_ONLY = {
    "mode", "train_dir", "data_prefetch_gpu_num", "incept_metagraph_fp", "incept_ckpt_fp", "incept_n", "incept_k",
    "data_normalize",
}  # fmt: skip


def read_args(tf1_dir: str) -> dict[str, str]:
    """The `name,value` lines of an original training directory's args.txt.

    Raises:
      UserError: the file is missing or a line of it has another form.
    """
    path = os.path.join(tf1_dir, "args.txt")
    try:
        lines = [line for line in read_text(path).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
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
        raise UserError(f"args.txt: {name},{reprlib.repr(text)[1:-1]}: must be of type {kind.__name__}") from None


def options_from_args(
    options_class: type[GanOptionsT], args: Mapping[str, str], skipped: Collection[str] = ()
) -> GanOptionsT:
    """Our options for an original run.

    Args:
      options_class: what to build.
      args: from `read_args`.
      skipped: options of ours that are not to be taken from it.

    Raises:
      UserError: a value cannot be used.
    """
    types = typing.get_type_hints(options_class)
    names = {field.name for field in dataclasses.fields(options_class)} - _ORIGINAL_ONLY - set(skipped)
    for name in sorted(set(args) - names - _ORIGINAL_ONLY - set(skipped)):
        logging.warning("args.txt: %s is not known and is skipped", name)
    known = {name: text for name, text in args.items() if name in names}
    return options_class(**{name: parse_value(text, types[name], name) for name, text in known.items()})
