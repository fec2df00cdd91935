"""Options of a run: a frozen dataclass, from which its flags, its checks and its JSON file come.

An options class derives from `Options` and declares each value with `option`. From that one declaration come
the command-line flag, its help, the check of its value and the rule for resumed runs.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from wavegan_tf.core import effects
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import MAX_DESCRIPTION_BYTES, read_json
from wavegan_tf.core.writing import write_file

OptionsT = TypeVar("OptionsT", bound="Options")


LARGEST_INT = 2**31 - 1
MAX_SAMPLE_RATE = 768_000  # Hz
# Where an option declares no other limits: TensorFlow's int32, and float32.
_LARGEST = {int: LARGEST_INT, float: 3.4028234663852886e38}


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[Any] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    resume: Literal["fixed", "free"] = "free",
    per_worker: bool = False,
    path: bool = False,
    effect: Sequence[effects.Rule] = (),
) -> Any:
    """A dataclass field that carries what its flag needs.

    Args:
      default: value when neither the command line nor the saved run gives one.
      help: the flag's description, units included.
      choices: the only values allowed, if any.
      minimum: smallest allowed value.
      maximum: largest allowed value; by default that of int32 or float32.
      resume: "fixed" if a run cannot go on with another value (it shapes the networks or their training data).
      per_worker: whether workers that train together may have different values, such as places on their disks.
      path: whether it names a file or folder; `~` then is the user's home.
      effect: rules about other options, without which the flag would be ignored and so is refused.
    """
    metadata = {
        "help": help,
        "choices": tuple(choices),
        "minimum": minimum,
        "maximum": maximum,
        "resume": resume,
        "per_worker": per_worker,
        "path": path,
        "effect": tuple(effect),
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all options classes: checks every value when one is made. Paths may be `pathlib.Path`.

    Raises:
      UserError: a value has the wrong type or is impossible; the message names it.
    """

    def __post_init__(self) -> None:
        types = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, os.PathLike) and value_type(types[field.name]) is str:
                value = os.fspath(value)
                object.__setattr__(self, field.name, value)
            if field.metadata.get("path") and isinstance(value, str):
                value = os.path.expanduser(value)
                object.__setattr__(self, field.name, value)
            if is_list(types[field.name]) and isinstance(value, list | tuple):
                object.__setattr__(self, field.name, tuple(value))
                if not value:
                    raise UserError(f"--{field.name}: must not be empty")
                for element in value:
                    _check(field, int, element)
            else:
                _check(field, types[field.name], value)


def is_list(kind: Any) -> bool:
    """True if a type is `tuple[int, ...]`: a list of integers, in JSON too, and as a flag with commas between."""
    return typing.get_origin(kind) is tuple


def _check(field: dataclasses.Field, kind: Any, value: Any) -> None:
    if value is None and type(None) in typing.get_args(kind):
        return
    if is_list(kind):
        raise UserError(f"--{field.name}={value!r}: must be a list of integers")
    kind = value_type(kind)
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
        raise UserError(f"--{field.name}={value!r}: must be of type {kind.__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"--{field.name}={value}: must be a finite number")
    rule = field.metadata
    if rule.get("choices") and value not in rule["choices"]:
        raise UserError(f"--{field.name}={value}: must be one of {', '.join(map(str, rule['choices']))}")
    if kind in _LARGEST:
        lowest, highest = limits(field, kind)
        if value < lowest:
            raise UserError(f"--{field.name}={value}: must be at least {lowest}")
        if value > highest:
            raise UserError(f"--{field.name}={value}: must be at most {highest}")


def limits(field: dataclasses.Field, kind: Any) -> tuple[float, float]:
    """The lowest and the highest value of an option of numbers, `kind` being `int` or `float`."""
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    return (-_LARGEST[kind] if low is None else low), (_LARGEST[kind] if high is None else high)


def value_type(kind: Any) -> type:
    """`bool` for `bool | None` (a flag with three states), else the type itself."""
    return next((part for part in typing.get_args(kind) if part is not type(None)), kind)


def save_options(options: Options, path: str, model: str) -> None:
    """Writes the options as JSON, whole or not at all; `model` names whose they are.

    Raises:
      UserError: they cannot be written.
    """
    write_file(path, json.dumps({"model": model, **dataclasses.asdict(options)}, indent=2) + "\n")


def load_options(options_class: type[OptionsT], path: str, model: str) -> OptionsT:
    """Reads options that `save` wrote.

    Raises:
      UserError: the file is missing, is not valid JSON, belongs to another model, or has an unknown key or an
        impossible value.
    """
    try:
        values = read_json(path, MAX_DESCRIPTION_BYTES)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; is this the directory of a {model} run?") from None
    except (OSError, ValueError) as error:
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


MAX_SEED = 2**31 - 1


def require_options(config: Any, options_class: type[Options]) -> None:
    """Raises UserError if `config`, which somebody handed over, is not of this class."""
    if not isinstance(config, options_class):
        raise UserError(f"config: must be a {options_class.__name__}, not {type(config).__name__}")


def require_fixed(values: Mapping[str, Any], saved: Options) -> None:
    """Raises UserError if one of these values differs from that of a run that cannot change it."""
    for field in dataclasses.fields(saved):
        old = getattr(saved, field.name)
        value = values.get(field.name, old)
        value = tuple(value) if isinstance(value, list) else value
        if field.metadata["resume"] == "fixed" and value != old:
            raise UserError(
                f"--{field.name}={value}: the run in this directory was started with {old}; "
                "keep that to continue it, or choose another directory"
            )
