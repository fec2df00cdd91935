"""The one exception for a mistake that a user can make and correct."""

from __future__ import annotations

import re

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
