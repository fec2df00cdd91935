"""Command lines: flags from options and back, and how a command starts, reports and ends."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import errno
import io
import logging as standard_logging
import math
import os
import signal
import sys
import threading
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import app, flags, logging

from wavegan_tf.core import effects, messages, usage
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.options import Options, OptionsT, is_list, require_fixed, value_type
from wavegan_tf.core.writing import why

_ends_at_once = threading.Event()
# What a disk, a folder's owner or its removal makes of reading and writing, wherever that is.
_OF_FILES = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE,
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.ELOOP,
    errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EMLINK, errno.ETXTBSY, errno.EBUSY,
}  # fmt: skip

# `--help` lists flags under the module that asks for their definition.
flags.disclaim_key_flags()


def define_flags(options_class: type[Options], module_name: str) -> None:
    """Defines one absl flag for each field; `--help` lists them under `module_name`."""
    types = typing.get_type_hints(options_class)
    for field in dataclasses.fields(options_class):
        kind, default = types[field.name], typing.cast(Any, field.default)
        define = {bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float}.get(
            value_type(kind), flags.DEFINE_string
        )
        if field.metadata["path"]:
            define = define_path
        if is_list(kind):
            define, default = flags.DEFINE_list, [str(element) for element in default]
        text = field.metadata["help"]
        if field.metadata["choices"]:
            text += f" One of: {', '.join(map(str, field.metadata['choices']))}."
        define(field.name, default, text, module_name=module_name)


class _PathParser(flags.ArgumentParser):
    """Puts the user's home in place of `~`, which a shell leaves alone after `--flag=`."""

    def __init__(self, several: bool):
        self._several = several

    def parse(self, argument: str) -> str:
        """The path of a text."""
        parts = argument.split(",") if self._several else [argument]
        return ",".join(map(os.path.expanduser, parts))


def define_path(name: str, default: str, help: str, several: bool = False, **kwargs: Any) -> None:
    """Defines a flag of a file or folder, or of `several` with commas between; `~` is the user's home."""
    flags.DEFINE(_PathParser(several), name, default, help, serializer=flags.ArgumentSerializer(), **kwargs)


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
      given: values that the command line gives in another way than by their flags, which take precedence.

    Raises:
      UserError: a value is impossible, differs from `saved` where a run cannot change it, or would be ignored.
    """
    types, values = typing.get_type_hints(options_class), dict(given or {})
    for field in dataclasses.fields(options_class):
        flag = flags.FLAGS[field.name]
        if flag.present or (saved is None and field.name not in values):
            values[field.name] = _integers(field.name, flag.value) if is_list(types[field.name]) else flag.value
    if saved is not None:
        require_fixed(values, saved)
    new = options_class(**values) if saved is None else dataclasses.replace(saved, **values)
    rules = {field.name: field.metadata["effect"] for field in dataclasses.fields(options_class)}
    require_effect(rules, lambda name: getattr(new, name))
    return new


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


def _log_plainly() -> None:
    """Messages without prefix, and none from TensorFlow below a warning, or of advice to those who program with it."""
    logging.use_absl_handler()
    handler = logging.get_absl_handler()
    handler.setFormatter(messages.PLAIN)
    handler.python_handler.addFilter(messages.is_wanted)
    standard_logging.getLogger("tensorflow").setLevel(standard_logging.WARNING)
    standard_logging.getLogger("tensorflow").addFilter(messages.is_no_advice)
    logging.set_verbosity(logging.INFO)


def guarded(main: Callable[[], None]) -> int:
    """Calls `main` and writes out what it printed; returns the exit code, after one line that says what was wrong."""
    try:
        main()
        if sys.stdout is not None:
            sys.stdout.flush()
        return 0
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            _give_up_output()
        if isinstance(error, BrokenPipeError):
            return 128 + signal.SIGPIPE  # whoever reads the output has seen enough, as `head` has
        code = report(error)
        if code is None:
            raise
        return code


def _give_up_output() -> None:
    """Drops what standard output does not take; else Python would try again when it ends, and say so."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def report(error: BaseException) -> int | None:
    """Says in one line what ended a command, and returns its exit code; None for what must not happen."""
    if isinstance(error, UserError):
        print("error:", error.on_command_line, file=sys.stderr)
        return 1
    if isinstance(error, UnicodeEncodeError) and any("\udc80" <= char <= "\udcff" for char in error.object):
        print(f"error: {display_name(error.object)}: TensorFlow takes paths in UTF-8 only; rename it", file=sys.stderr)
        return 1
    if isinstance(error, OSError) and error.errno in _OF_FILES:
        place = display_name(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else "writing"
        advice = "; make room and start again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        print(f"error: {place}: {why(error)}{advice}", file=sys.stderr)
        return 1
    if isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    return None


def run(main: Callable[[], None], passed_on: list[str] | None = None) -> typing.NoReturn:
    """Parses the command line, calls `main` and exits: 0, 1 for a `UserError`, 2 for a wrong command line.

    Args:
      main: does what the command is for.
      passed_on: takes the arguments after `--`, of a command that hands them on; others have none.
    """

    def parse(argv: list[str]) -> list[str]:
        if passed_on is not None and "--" in argv:
            end = argv.index("--")
            passed_on.extend(argv[end + 1 :])
            argv = argv[:end]
        if kind := usage.asked(argv[1:]):
            text = sys.modules["__main__"].__doc__ or sys.modules[main.__module__].__doc__ or ""
            sys.exit(guarded(lambda: usage.write(kind, text)))
        try:
            rest = flags.FLAGS(argv)
        except flags.Error as error:
            print(f"error: {' '.join(str(error).split())} (see --help)", file=sys.stderr)
            sys.exit(2)
        if len(rest) > 1:
            print(f"error: unexpected argument {rest[1]!r} (see --help)", file=sys.stderr)
            sys.exit(2)
        return rest

    def start(_: list[str]) -> None:
        _log_plainly()
        for stream in (sys.stdout, sys.stderr):
            # Names of files may hold what neither UTF-8 nor the terminal's encoding does.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        code = guarded(main)
        if _ends_at_once.is_set():
            _leave(code)
        sys.exit(code)

    app.run(start, flags_parser=parse)
    raise AssertionError("app.run returned")


def end_at_once() -> None:
    """Makes a command end without what C++ does at an end, for a library that aborts there."""
    _ends_at_once.set()


def _leave(code: int) -> typing.NoReturn:
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def require_effect(rules: Mapping[str, Sequence[effects.Rule]], value_of: Callable[[str], Any] | None = None) -> None:
    """Checks the flags that the command line gives.

    Args:
      rules: of flags, by name; all of a flag's must hold.
      value_of: the value that counts of a flag; by default that of the command line.

    Raises:
      UserError: a flag is given and would be ignored.
    """
    values = flags.FLAGS
    for name, needed in rules.items():
        if not values[name].present:
            continue
        for rule in needed:
            if not rule.holds(value_of or (lambda other: values[other].value)):
                raise UserError(f"--{name}: {rule}")
