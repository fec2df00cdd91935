"""Least memory of a training or a batch, by arithmetic: sizes that no machine holds are refused beforehand."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from wavegan_tf.core.errors import UserError

OptionsT = TypeVar("OptionsT", bound=Any)

FLOAT = 4  # bytes
# A weight, its gradient, and at least one moment of the optimiser.
_COPIES = 3
# Of processes that may have less than the machine (version 2 and 1).
_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclasses.dataclass(frozen=True)
class Need:
    """Numbers that a training holds at the same time.

    Attributes:
      parameters: of all networks that are trained.
      values: other float32 numbers, such as a batch of samples.
    """

    parameters: int
    values: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return FLOAT * (_COPIES * self.parameters + self.values)


def of_machine() -> int:
    """Bytes of memory that this process may use.

    The memory of GPUs does not count: whatever they train passes through the machine's when a checkpoint is written.
    """
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _LIMIT_FILES:
        try:
            with open(path, encoding="ascii") as file:
                found.append(int(file.read()))
        except (OSError, ValueError):
            continue  # another version, or "max"
    return min(found)


def holds_layers() -> bool:
    """True if the layers' values are in the machine's memory, as there is no GPU."""
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def require(options: OptionsT, need_of: Callable[[OptionsT], Need], names: Collection[str]) -> None:
    """Checks that networks of these sizes, and a batch, can be in this machine's memory.

    Args:
      options: a dataclass.
      need_of: options -> what a training with them needs.
      names: of the options that decide it.

    Raises:
      UserError: they cannot. It names the option whose default would spare most.
    """
    need = need_of(options)
    if need.bytes <= of_machine():
        return
    defaults = {field.name: field.default for field in dataclasses.fields(options)}

    def bytes_without(name: str) -> float:
        try:
            return need_of(dataclasses.replace(options, **{name: defaults[name]})).bytes
        except UserError:
            return math.inf  # the default does not go with the other options

    name = min(names, key=bytes_without)
    value = getattr(options, name)
    shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
    require_room(name, shown, f"networks of {need.parameters:,} parameters and what they are trained on", need.bytes)


def require_room(flag: str, value: Any, what: str, size: int) -> None:
    """Checks that this machine has room for something.

    Args:
      flag: that asks for so much.
      value: of the flag.
      what: needs the room; in the plural.
      size: bytes that it takes at the least.

    Raises:
      UserError: it has not.
    """
    limit = of_machine()
    if size > limit:
        raise UserError(
            f"--{flag}={value}: {what} need at least {_gib(size)} of memory, and this machine has {_gib(limit)}"
        )


def require_batch(size: int, clip_values: int) -> None:
    """Checks that this machine has room for --batch_size clips at a time, of so many float32 numbers each.

    Raises:
      UserError: it has not.
    """
    what = f"{size:,} clips of {clip_values:,} numbers at a time"
    require_room("batch_size", size, what, FLOAT * size * clip_values)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size < 2**60 else f"2^{size.bit_length() - 31} GiB"
