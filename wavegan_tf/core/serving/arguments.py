"""Numbers that somebody hands to a model: checked before anything is computed, or refused by their names."""

from __future__ import annotations

import operator
import secrets
from typing import Any

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import LARGEST_INT


def checked_int(value: Any, name: str, minimum: int = 1, maximum: int = LARGEST_INT) -> int:
    """A whole number, of Python or NumPy.

    Args:
      value: what was given.
      name: of the argument, for messages.
      minimum: smallest allowed value.
      maximum: largest allowed value.

    Raises:
      UserError: it is none, or beyond these.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise UserError(f"--{name}: must be a whole number, not {_described(value)}")
    if number < minimum:
        raise UserError(f"--{name}={number}: must be at least {minimum}")
    if number > maximum:
        raise UserError(f"--{name}={number}: must be at most {maximum}")
    return number


def checked_seed(seed: int | None) -> int:
    """A seed that a model takes, from 0 to 2^63 - 1; for None, a new one each time."""
    return secrets.randbits(63) if seed is None else checked_int(seed, "seed", 0, 2**63 - 1)


def _described(value: Any) -> str:
    shape = getattr(value, "shape", ())
    return f"an array of shape {list(shape)}" if len(shape) else repr(value)
