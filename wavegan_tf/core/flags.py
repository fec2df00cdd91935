"""A frozen dataclass of options, its absl flags and its JSON file.

An options class derives from `Options` and declares each value with `option`. From that one declaration come
the command-line flag, its help, the check of its value and the rule for resumed runs.
"""

from __future__ import annotations

import dataclasses
import errno
import logging as standard_logging
import math
import os
import signal
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from absl import app, flags, logging

from wavegan_tf.core import effects, usage
from wavegan_tf.core.errors import UserError

OptionsT = TypeVar("OptionsT", bound="Options")

# Where an option declares no other limits: TensorFlow's int32, and float32.
_LARGEST = {int: 2**31 - 1, float: 3.4028234663852886e38}

# `--help` lists flags under the module that asks for their definition.
flags.disclaim_key_flags()


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[Any] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    resume: Literal["fixed", "free"] = "free",
    per_worker: bool = False,
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
      effect: rules about other options, without which the flag would be ignored and so is refused.
    """
    metadata = {
        "help": help,
        "choices": tuple(choices),
        "minimum": minimum,
        "maximum": maximum,
        "resume": resume,
        "per_worker": per_worker,
        "effect": tuple(effect),
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all options classes: checks every value when one is made.

    Raises:
      UserError: a value has the wrong type or is impossible; the message names it.
    """

    def __post_init__(self) -> None:
        types = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if _is_list(types[field.name]) and isinstance(value, list | tuple):
                object.__setattr__(self, field.name, tuple(value))
                if not value:
                    raise UserError(f"--{field.name}: must not be empty")
                for element in value:
                    _check(field, int, element)
            else:
                _check(field, types[field.name], value)


def _is_list(kind: Any) -> bool:
    """Whether a type is `tuple[int, ...]`: a list of integers, in JSON too, and as a flag with commas between."""
    return typing.get_origin(kind) is tuple


def _check(field: dataclasses.Field, kind: Any, value: Any) -> None:
    if value is None and type(None) in typing.get_args(kind):
        return
    if _is_list(kind):
        raise UserError(f"--{field.name}={value!r}: must be a list of integers")
    kind = _value_type(kind)
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


def _value_type(kind: Any) -> type:
    """`bool` for `bool | None` (a flag with three states), else the type itself."""
    return next((part for part in typing.get_args(kind) if part is not type(None)), kind)


def define_flags(options_class: type[Options], module_name: str) -> None:
    """Defines one absl flag for each field; `--help` lists them under `module_name`."""
    types = typing.get_type_hints(options_class)
    for field in dataclasses.fields(options_class):
        kind, default = types[field.name], typing.cast(Any, field.default)
        define = {bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float}.get(
            _value_type(kind), flags.DEFINE_string
        )
        if _is_list(kind):
            define, default = flags.DEFINE_list, [str(element) for element in default]
        text = field.metadata["help"]
        if field.metadata["choices"]:
            text += f" One of: {', '.join(map(str, field.metadata['choices']))}."
        define(field.name, default, text, module_name=module_name)


class _FiniteParser(flags.FloatParser):
    """Refuses NaN and infinity, which absl's own parser takes for numbers within any bounds."""

    def convert(self, argument: Any) -> float:
        """The number of a text."""
        value = super().convert(argument)
        if not math.isfinite(value):
            raise ValueError("must be a finite number")
        return value


def define_float(
    name: str, default: float | None, help: str, lower_bound: float | None = None, upper_bound: float | None = None
) -> None:
    """Defines a flag of a finite number, for commands without options to store."""
    flags.DEFINE(_FiniteParser(lower_bound, upper_bound), name, default, help, serializer=flags.ArgumentSerializer())


def from_flags(
    options_class: type[OptionsT], saved: OptionsT | None = None, given: Mapping[str, Any] | None = None
) -> OptionsT:
    """The options of this command line.

    Args:
      options_class: what to build.
      saved: the options of the run that is being continued. Values that are not given are taken from it.
      given: values that the command line gives in another way than by their flags, which go before them.

    Raises:
      UserError: a value is impossible, differs from `saved` where a run cannot change it, or would be ignored.
    """
    types, values = typing.get_type_hints(options_class), dict(given or {})
    for field in dataclasses.fields(options_class):
        flag = flags.FLAGS[field.name]
        if flag.present or (saved is None and field.name not in values):
            values[field.name] = _integers(field.name, flag.value) if _is_list(types[field.name]) else flag.value
    if saved is not None:
        _require_fixed(values, saved)
    new = options_class(**values) if saved is None else dataclasses.replace(saved, **values)
    rules = {field.name: field.metadata["effect"] for field in dataclasses.fields(options_class)}
    effects.require_effect(rules, lambda name: getattr(new, name))
    return new


def _require_fixed(values: Mapping[str, Any], saved: Options) -> None:
    """Raises UserError if one of these values differs from that of a run that cannot change it."""
    for field in dataclasses.fields(saved):
        old = getattr(saved, field.name)
        value = values.get(field.name, old)
        value = tuple(value) if isinstance(value, list) else value
        if field.metadata["resume"] == "fixed" and value != old:
            raise UserError(
                f"--{field.name}={value}: the run in this directory was started with {old}; "
                "leave the flag out to continue it, or choose another directory"
            )


def _integers(name: str, texts: Sequence[str]) -> list[int]:
    try:
        return [int(text) for text in texts]
    except ValueError:
        raise UserError(f"--{name}={','.join(texts)}: must be integers with commas between") from None


def require(**values: str) -> None:
    """Raises UserError for the first named flag that is empty."""
    for name, value in values.items():
        if not value:
            raise UserError(f"--{name} must be given")


def _from_tensorflow(record: standard_logging.LogRecord) -> bool:
    return f"{os.sep}tensorflow{os.sep}python{os.sep}" in record.pathname


def _is_no_advice(record: standard_logging.LogRecord) -> bool:
    """False for TensorFlow's advice about functions that are traced often; ours are, for every stage of a run."""
    return "triggered tf.function retracing" not in str(record.msg)


def _log_plainly() -> None:
    """Messages without prefix, and none from TensorFlow below a warning, or of advice to those who program with it."""
    logging.use_absl_handler()
    handler = logging.get_absl_handler()
    handler.setFormatter(standard_logging.Formatter("%(message)s"))
    handler.python_handler.addFilter(
        lambda record: record.levelno >= standard_logging.WARNING or not _from_tensorflow(record)
    )
    standard_logging.getLogger("tensorflow").setLevel(standard_logging.WARNING)
    standard_logging.getLogger("tensorflow").addFilter(_is_no_advice)
    logging.set_verbosity(logging.INFO)


def report(error: BaseException) -> int | None:
    """Says in one line what ended a command, and returns its exit code; None for what must not happen."""
    if isinstance(error, UserError):
        print("error:", str(error).replace("\n", " "), file=sys.stderr)
        return 1
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        print(f"error: {error.filename or 'writing'}: the disk is full; make room and start again", file=sys.stderr)
        return 1
    if isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    return None


def run(main: Callable[[], None]) -> typing.NoReturn:
    """Parses the command line, calls `main` and exits: 0, 1 for a `UserError`, 2 for a wrong command line."""

    def parse(argv: list[str]) -> list[str]:
        if kind := usage.asked(argv[1:]):
            usage.write(kind, sys.modules["__main__"].__doc__ or sys.modules[main.__module__].__doc__ or "")
            sys.exit(0)
        try:
            rest = flags.FLAGS(argv)
        except flags.Error as error:
            print(f"error: {' '.join(str(error).split())} (see --help)", file=sys.stderr)
            sys.exit(2)
        if len(rest) > 1:
            print(f"error: unexpected argument {rest[1]!r} (see --help)", file=sys.stderr)
            sys.exit(2)
        return rest

    def guarded(_: list[str]) -> None:
        _log_plainly()
        try:
            main()
        except BaseException as error:
            code = report(error)
            if code is None:
                raise
            sys.exit(code)

    app.run(guarded, flags_parser=parse)
    raise AssertionError("app.run returned")
