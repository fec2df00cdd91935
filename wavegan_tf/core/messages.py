"""How messages look: plain lines on standard error, in commands and where nobody has decided about them."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from absl import logging as absl_logging

PLAIN = logging.Formatter("%(message)s")


def is_ours(record: logging.LogRecord) -> bool:
    """False for what TensorFlow says, some of which goes through the same logger as ours."""
    return f"{os.sep}tensorflow{os.sep}python{os.sep}" not in record.pathname


def is_wanted(record: logging.LogRecord) -> bool:
    """False for what TensorFlow says below a warning."""
    return record.levelno >= logging.WARNING or is_ours(record)


def is_no_advice(record: logging.LogRecord) -> bool:
    """False for TensorFlow's advice about functions that are traced often; ours are, for every run and stage."""
    return "triggered tf.function retracing" not in str(record.msg)


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
    """Shows messages, as training does with its progress; where logging has been set up, it leaves out advice alone.

    Python shows warnings alone by default. That counts as not set up, also where absl has called `logging.basicConfig`,
    which it does at its first message.
    """
    tensorflow = logging.getLogger("tensorflow")
    tensorflow.addFilter(is_no_advice)
    try:
        with contextlib.nullcontext() if _is_set_up() else _on_stderr():
            yield
    finally:
        tensorflow.removeFilter(is_no_advice)


def _is_set_up() -> bool:
    logger = logging.getLogger("absl")
    # TensorFlow sets the level to a warning's, which it is anyway, when it writes a SavedModel.
    is_default = logger.level in (logging.NOTSET, logging.WARNING) and not logger.handlers
    return not is_default or not all(map(_is_default, logging.root.handlers))


@contextlib.contextmanager
def _on_stderr() -> Iterator[None]:
    logger = logging.getLogger("absl")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PLAIN)
    handler.addFilter(is_wanted)
    logger.addHandler(handler)
    verbosity, level = absl_logging.get_verbosity(), logger.level
    # By absl, which TensorFlow asks for the level to go back to.
    absl_logging.set_verbosity(absl_logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        absl_logging.set_verbosity(verbosity)
        logger.setLevel(level)
        logger.removeHandler(handler)


def _is_default(handler: logging.Handler) -> bool:
    """True for the handler that `logging.basicConfig()` adds."""
    text = handler.formatter._fmt if handler.formatter else None
    return type(handler) is logging.StreamHandler and text == logging.BASIC_FORMAT
