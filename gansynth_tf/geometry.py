"""Sizes of notes and of their images: which go together, and the nearest that do where some do not."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gansynth_tf.representation import fault, num_samples
from gansynth_tf.schedule import SCALE_MODES, ResolutionSchedule, Size

_MAX_SUGGESTIONS = 4
_MAX_BINS, _MAX_BASE = 1 << 15, 1 << 30  # among suggestions
# Options whose best value follows from those of all others.
_FOLLOWING = ("start_height", "audio_length")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """The options that decide what an image of a note is; see `GANSynthConfig` for each."""

    data_type: str
    audio_length: int
    sample_rate: int
    start_height: int
    start_width: int
    scale_base: int
    scale_mode: str
    num_resolutions: int

    @property
    def shape(self) -> Size:
        """Frames and bins of the data."""
        start = (self.start_height, self.start_width)
        return ResolutionSchedule(start, self.scale_base, self.num_resolutions, self.scale_mode).final_resolutions

    @property
    def held(self) -> int:
        """Samples that the data can hold."""
        return num_samples(self.data_type, self.shape)

    @property
    def fits(self) -> bool:
        """True if the data are possible and hold the note."""
        return not fault(self.data_type, self.shape) and self.held >= self.audio_length

    def changed(self, **changes: Any) -> Sizes:
        """The same with other values."""
        return dataclasses.replace(self, **changes)


def explain(sizes: Sizes, min_resolutions: int, max_resolutions: int) -> str:
    """Says in a line what sizes make, why they do not fit, and the nearest that do.

    Args:
      sizes: they do not fit.
      min_resolutions: fewer are impossible for other reasons.
      max_resolutions: likewise more.
    """
    reason, shape = fault(sizes.data_type, sizes.shape), _shown(sizes)
    names = ("start_height", "start_width", "num_resolutions", "scale_base", "scale_mode")
    made_by = " ".join(f"--{name}={getattr(sizes, name)}" for name in names)
    made = f"{made_by} make {shape} frames x bins"
    if reason:
        message = f"--data_type={sizes.data_type}: {made}; {reason}"
    else:
        seconds = [f"{length / sizes.sample_rate:.2f} s" for length in (sizes.audio_length, sizes.held)]
        message = (
            f"--audio_length={sizes.audio_length}: is {seconds[0]} at {sizes.sample_rate} Hz, and {made}, which hold "
            f"{sizes.held} samples ({seconds[1]})"
        )
    found = [_suggestion(sizes, changes) for changes in nearest(sizes, min_resolutions, max_resolutions)]
    return f"{message}; nearest that fit: {', or '.join(found)}" if found else message


def _shown(sizes: Sizes) -> str:
    return "{} x {}".format(*sizes.shape)


def _suggestion(sizes: Sizes, changes: dict[str, Any]) -> str:
    flags = " ".join(f"--{name}={value}" for name, value in changes.items())
    other = sizes.changed(**changes)
    return f"{flags} ({_shown(other)}, {other.held} samples)"


def nearest(sizes: Sizes, min_resolutions: int, max_resolutions: int) -> list[dict[str, Any]]:
    """Changes of as few of these options as possible after which they fit, at most four, each of other options.

    Of all values that an option may be given, the one after which the data have the most similar shape is taken, and
    so are the changes ordered; those that leave the notes as long come first.

    Args:
      sizes: they do not fit.
      min_resolutions: fewer are impossible for other reasons.
      max_resolutions: likewise more.

    Returns:
      Values by the options' names.
    """
    values = _values(sizes, min_resolutions, max_resolutions)
    for number in range(1, len(values) + 2):
        found = []
        for names in itertools.combinations((*values, *_FOLLOWING), number):
            fitting = [changes for changes in _changes(sizes, names, values) if sizes.changed(**changes).fits]
            if fitting:
                found.append(min(fitting, key=lambda changes: _distance(sizes, sizes.changed(**changes))))
        if found:
            found.sort(key=lambda changes: ("audio_length" in changes, _distance(sizes, sizes.changed(**changes))))
            return found[:_MAX_SUGGESTIONS]
    return []


def _values(sizes: Sizes, min_resolutions: int, max_resolutions: int) -> dict[str, list[Any]]:
    """Other values of each option that has any, but for `_FOLLOWING`."""
    near = 1 << (sizes.scale_base.bit_length() - 1)  # powers of two: bins that are one need a base that is one
    found: dict[str, Iterable[Any]] = {
        "start_width": (1 << n for n in range(_MAX_BINS.bit_length())),
        "num_resolutions": range(min_resolutions, max_resolutions + 1),
        "scale_base": {*range(2, 17), max(2, near), min(2 * near, _MAX_BASE)},
        "scale_mode": SCALE_MODES,
    }
    others = {name: [one for one in sorted(of_it) if one != getattr(sizes, name)] for name, of_it in found.items()}
    return {name: of_it for name, of_it in others.items() if of_it}


def _changes(sizes: Sizes, names: tuple[str, ...], values: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Values of just these options, where each could make a difference."""
    free = [name for name in names if name not in _FOLLOWING]
    following = [name for name in names if name in _FOLLOWING]
    for combination in itertools.product(*(values[name] for name in free)):
        changes: dict[str, Any] = dict(zip(free, combination, strict=True))
        other = sizes.changed(**changes)
        if other.shape[1] > max(_MAX_BINS, sizes.shape[1]) or fault(other.data_type, other.shape):
            continue
        if not following:
            yield changes
        elif len(following) == 1 and not other.fits:
            value = _least_height(other) if following == ["start_height"] else other.held
            yield {**changes, following[0]: value}


def _least_height(sizes: Sizes) -> int:
    """The least start_height by which the data hold the note."""
    bins, scale = sizes.shape[1], sizes.shape[0] // sizes.start_height
    if sizes.data_type == "wave":
        frames = sizes.audio_length
    else:
        step = num_samples(sizes.data_type, (2, bins)) - num_samples(sizes.data_type, (1, bins))
        frames = 1 + max(0, -(-(sizes.audio_length - num_samples(sizes.data_type, (1, bins))) // step))
    return -(-frames // scale)


def _distance(sizes: Sizes, other: Sizes) -> float:
    """The difference of the shapes of data and of the lengths of notes, in octaves."""
    pairs = [*zip(sizes.shape, other.shape, strict=True), (sizes.audio_length, other.audio_length)]
    return sum(abs(math.log2(b) - math.log2(a)) for a, b in pairs)
