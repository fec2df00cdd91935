"""The JSON file that keeps the options of a run."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import Options, OptionsT


def save(options: Options, path: str, model: str) -> None:
    """Writes the options as JSON, whole or not at all; `model` names whose they are."""
    temporary = f"{path}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"model": model, **dataclasses.asdict(options)}, file, indent=2)
            file.write("\n")
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def load(options_class: type[OptionsT], path: str, model: str) -> OptionsT:
    """Reads options that `save` wrote.

    Raises:
      UserError: the file is missing, is not valid JSON, belongs to another model, or has an unknown key or an
        impossible value.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; is this the directory of a {model} run?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict) or values.pop("model", None) != model:
        raise UserError(f"{path}: is not the configuration of a {model} run")
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(options_class)})
    if unknown:
        raise UserError(f"{path}: unknown key {unknown[0]!r}")
    try:
        return options_class(**values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
