"""Flags that have an effect only together with others: declared once, and refused where they would be ignored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Rule:
    """When a flag has an effect.

    Attributes:
      flags: it has one where any of these is set: true, not empty, not 0.
      values: if given, where any of `flags` is one of these instead.
      negated: where none of `flags` is so.
      reason: for the message.
    """

    flags: tuple[str, ...]
    values: tuple[Any, ...] = ()
    negated: bool = False
    reason: str = ""

    def holds(self, value_of: Callable[[str], Any]) -> bool:
        """Says whether the flag has an effect, given the values of the others by their names."""
        found = [value_of(name) for name in self.flags]
        is_set = any(value in self.values if self.values else bool(value) for value in found)
        return is_set != self.negated

    def __str__(self) -> str:
        values = f"={_words([str(value) for value in self.values])}" if self.values else ""
        others = _words([f"--{name}" for name in self.flags]) + values
        return (f"cannot be combined with {others}" if self.negated else f"requires {others}") + self.reason


def _words(texts: Sequence[str]) -> str:
    """The texts with commas, and "or" before the last."""
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def only_with(*flags: str, values: Sequence[Any] = ()) -> Rule:
    """A rule for a flag that is ignored unless one of `flags` is set, or has one of `values`."""
    return Rule(flags, tuple(values))


def not_with(*flags: str, values: Sequence[Any] = (), reason: str = "") -> Rule:
    """A rule for a flag that is ignored where one of `flags` is set, or has one of `values`."""
    return Rule(flags, tuple(values), negated=True, reason=reason)
