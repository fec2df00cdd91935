"""Damage to files: cuts, flips, copies, repeats, and numbers that no file of that size can mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

# Of binary numbers: at the edges of types.
NUMBERS = (
    0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**33, 2**40, 2**62, 2**63 - 1, 2**64 - 1,
)  # fmt: skip
# Of numbers in words, and whatever else readers of text stumble over.
WORDS = (
    b"0", b"-1", b"2147483648", b"9223372036854775808", b"1e999", b"-1e30", b"NaN", b"Infinity", b"9" * 400, b"0.5",
    b"null", b"true", b"{}", b"[]", b'""', b"[" * 3000, b"{" * 500, b'"', b"\\ud800", b"\n", b"\r\n", b"\0",
    b"\xff\xfe", b",", b":",
    "\N{COMBINING ACUTE ACCENT}\N{FULLWIDTH DIGIT ONE}".encode(), b"\x1b[31m", b"--", b"=",
)  # fmt: skip
_DIGITS = re.compile(rb"[0-9]+")
_MOST_BYTES = 1 << 18  # of what repeats make


class Step(NamedTuple):
    """One piece of damage: its kind, and numbers that say where and how."""

    kind: str
    place: int
    other: int
    amount: int


KINDS = ("cut", "flip", "byte", "copy", "repeat", "remove", "number", "word", "digits")
_STEPS = st.builds(Step, st.sampled_from(KINDS), *[st.integers(0, 2**20) for _ in range(3)])
steps = st.lists(_STEPS, min_size=1, max_size=6)


def damaged(data: bytes, steps: Sequence[Step], other: bytes) -> bytes:
    """A file after some steps; `other` is one of its kind, of which pieces may come."""
    for step in steps:
        data = _after(data, step, other)[:_MOST_BYTES]
    return data


def _after(data: bytes, step: Step, other: bytes) -> bytes:
    place = step.place % (len(data) + 1)
    length = 1 + step.amount % 64
    if step.kind == "cut":
        return data[:place]
    if step.kind == "flip":
        changed = bytes(byte ^ (1 << step.other % 8) for byte in data[place : place + 1])
        return data[:place] + changed + data[place + 1 :]
    if step.kind == "byte":
        return data[:place] + bytes([step.other % 256]) + data[place + 1 :]
    if step.kind == "copy":
        source = other if step.amount % 2 else data
        start = step.other % (len(source) + 1)
        return data[:place] + source[start : start + step.amount % 4096] + data[place + (step.amount // 2) % 64 :]
    if step.kind == "repeat":
        return data[:place] + data[place : place + length] * (1 << step.other % 15) + data[place:]
    if step.kind == "remove":
        return data[:place] + data[place + length :]
    if step.kind == "number":
        size = 1 << step.other % 4
        value = NUMBERS[step.amount % len(NUMBERS)] % (1 << 8 * size)
        number = value.to_bytes(size, "little")
        return data[:place] + (number if step.other % 8 < 4 else number[::-1]) + data[place + size :]
    word = WORDS[step.amount % len(WORDS)]
    if step.kind == "word":
        return data[:place] + word + data[place + step.other % 3 :]
    found = list(_DIGITS.finditer(data[:_MOST_BYTES]))
    if not found:
        return data
    match = found[step.place % len(found)]
    return data[: match.start()] + word + data[match.end() :]
