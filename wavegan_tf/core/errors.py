"""The one exception for a mistake that a user can make and correct."""

from __future__ import annotations

import base64
import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
# How a mistake of the user's goes through the text of whatever exception a library makes of it.
_MARK = re.compile(r"\[\[line:([A-Za-z0-9+/=]+)\]\]")
# Of the name of an argument: at the start, or after a space or a bracket.
_DASHES = re.compile(r"(?:(?<=^)|(?<=[\s(]))--(?=[a-z])")
# What TensorFlow says of the place in a graph.
_PLACE = re.compile(
    r"{{.*?}}|\[Op:\w+\](?: name:)?|Graph execution error:\s+Detected at node .*?<stack traces unavailable>", re.DOTALL
)
# Characters of a reason, and of a message, which may hold two paths.
_LONGEST_REASON, _LONGEST = 200, 10_000


def one_line(error: BaseException) -> str:
    """An exception's message as one printable line of at most 200 characters, or its type if it has none."""
    text = _printable(" ".join(_PLACE.sub(" ", str(error)).split()))
    return text[:_LONGEST_REASON] or type(error).__name__


def _printable(text: str) -> str:
    """A text in which characters that would move the cursor, or that are none, are named by their numbers."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class UserError(Exception):
    """A mistake in a file, an argument or a value; its message is one line that says what would be right.

    Messages are written with the names of flags, `--data_dir=sounds: ...`, as commands print them, without a traceback
    and with exit code 1. To callers from Python, `str` gives the names of arguments: `data_dir=sounds: ...`.

    Args:
      message: the line.
      **arguments: names of the arguments of flags that are called otherwise, by flag.

    >>> str(UserError("--data_dir=sounds: is not a folder"))
    'data_dir=sounds: is not a folder'
    >>> str(UserError("--train_root_dir=a: cannot be written", train_root_dir="train_dir"))
    'train_dir=a: cannot be written'
    """

    def __init__(self, message: str, **arguments: str):
        # Part of it may come from a file: a name, a value, what a library says.
        message = _printable(" ".join(message.splitlines()))
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST // 2]} ... {message[-_LONGEST // 2 :]}"
        super().__init__(message)
        self._arguments = arguments

    @property
    def on_command_line(self) -> str:
        """The message with the names of flags."""
        return super().__str__()

    def __str__(self) -> str:
        message = self.on_command_line
        for flag, argument in self._arguments.items():
            message = re.sub(rf"--{flag}\b", f"--{argument}", message)
        return _DASHES.sub("", message)


def marked(error: UserError) -> RuntimeError:
    """An exception whose text still holds the message when a library has made another one of it; see `found_in`."""
    line = base64.b64encode(error.on_command_line.encode(errors="backslashreplace")).decode()
    return RuntimeError(f"[[line:{line}]]")


def found_in(error: BaseException) -> UserError | None:
    """The mistake that `marked` has put into the text of an exception; None if there is none."""
    found = _MARK.search(str(error))
    return UserError(base64.b64decode(found[1]).decode()) if found else None


def through_tensorflow(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function that TensorFlow's graphs call: `from_tensorflow` finds the UserError that it raises."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise marked(error) from None

    return call


@contextlib.contextmanager
def from_tensorflow() -> Iterator[None]:
    """Raises the UserError that a function of `through_tensorflow` has raised in a graph that runs while in here."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        found = found_in(error)
        if found is None:
            raise
        raise found from None
