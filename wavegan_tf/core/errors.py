"""The one exception that stands for a mistake a user can make and mend."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in a file, flag or value; its message is one line that says what would be right.

    Command-line binaries print the message without a traceback and exit with code 1.
    """
