"""`--help`, `--helpshort`, `--helpfull` and `--helpxml` of a command; all of them end it with exit code 0."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from absl import flags

_SHORT = ("help", "helpshort", "h", "?")
_FULL, _XML = "helpfull", "helpxml"
# Flags of these come with the libraries; only the full help has them.
_LIBRARIES = ("absl", "tensorflow", "keras")


def asked(arguments: Sequence[str]) -> str:
    """The first kind of help that a command line asks for, "" if it asks for none; it need not be right otherwise."""
    for argument in arguments:
        if argument == "--":
            break
        name, equals, value = argument.lstrip("-").partition("=")
        is_on = not equals or value.lower() in ("true", "t", "1")
        if argument.startswith("-") and name in (*_SHORT, _FULL, _XML) and is_on:
            return name
    return ""


def write(kind: str, description: str) -> None:
    """Writes to standard output what the command does, and its flags.

    Args:
      kind: from `asked`. The short help lists all flags of the command, wherever in our packages they are defined,
        where absl's own lists only those of the main script; the full help adds those of the libraries.
      description: the command's, such as the docstring of its module.
    """
    if kind == _XML:
        flags.FLAGS.write_help_in_xml_format(sys.stdout)
        return
    print(description.strip())
    if kind == _FULL:
        print(flags.FLAGS.get_help())
        return
    for module in flags.FLAGS.flags_by_module_dict():
        if module.partition(".")[0] not in _LIBRARIES:
            print(flags.FLAGS.module_help(module))
