"""How messages look: plain lines on standard error, in commands and where nobody has decided about them."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

PLAIN = logging.Formatter("%(message)s")


def is_ours(record: logging.LogRecord) -> bool:
    """False for what TensorFlow says, some of which goes through the same logger as ours."""
    return f"{os.sep}tensorflow{os.sep}python{os.sep}" not in record.pathname


def is_wanted(record: logging.LogRecord) -> bool:
    """False for what TensorFlow says below a warning."""
    return record.levelno >= logging.WARNING or is_ours(record)


@contextlib.contextmanager
def of_ours_alone() -> Iterator[None]:
    """Leaves out what TensorFlow says: its notes and warnings about SavedModels are about gradients and inner names."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    for logger in loggers:
        logger.addFilter(is_ours)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_ours)


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Shows messages, as training does with its progress; does nothing where logging has been set up.

    Python shows warnings alone by default. That counts as not set up, also where absl has called `logging.basicConfig`,
    which it does at its first message.
    """
    logger = logging.getLogger("absl")
    if logger.level or logger.handlers or not all(map(_is_default, logging.root.handlers)):
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PLAIN)
    handler.addFilter(is_wanted)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)


def _is_default(handler: logging.Handler) -> bool:
    """True for the handler that `logging.basicConfig()` adds."""
    text = handler.formatter._fmt if handler.formatter else None
    return type(handler) is logging.StreamHandler and text == logging.BASIC_FORMAT
