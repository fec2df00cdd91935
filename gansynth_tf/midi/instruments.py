"""Latents of instruments, and the way through them in time for the notes of a clip."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wavegan_tf.core.serving.latents import slerp

SECS_PER_INSTRUMENT = 6.0
SECS_LIMITS = (0.05, 1e6)
# The original's first instrument stands a little before the first note, so that a note at 0 lies between two.
_FIRST_TIME = -0.0001


def count_instruments(total_time: float, secs_per_instrument: float) -> int:
    """Instruments of a clip (`get_random_instruments`); at least two, to go from one to the other."""
    return max(2, int(total_time / secs_per_instrument))


def instrument_times(count: int, total_time: float) -> np.ndarray:
    """When each instrument is reached: float64 [count], seconds, evenly over a clip."""
    return np.linspace(_FIRST_TIME, total_time, count)


def note_latents(start_times: np.ndarray, z_instruments: np.ndarray, t_instruments: np.ndarray) -> np.ndarray:
    """The latents of notes, between those of the instruments before and after each (`get_z_notes`).

    Args:
      start_times: seconds, [n].
      z_instruments: [k, d], k > 0; a single one plays all notes.
      t_instruments: seconds, [k], rising.

    Returns:
      float64 [n, d].
    """
    if len(z_instruments) == 1:
        return np.repeat(np.asarray(z_instruments, np.float64), len(start_times), axis=0)
    rows = []
    for time in start_times:
        left = int(np.clip(np.searchsorted(t_instruments, time, side="left") - 1, 0, len(t_instruments) - 2))
        share = (time - t_instruments[left]) / (t_instruments[left + 1] - t_instruments[left])
        rows.append(slerp(z_instruments[left], z_instruments[left + 1], share))
    return np.stack(rows)


def instruments_of_clip(
    total_time: float,
    given: np.ndarray | None,
    secs_per_instrument: float | None,
    draw: Callable[[int], np.ndarray],
) -> np.ndarray:
    """Latents of the instruments that a clip goes through.

    Args:
      total_time: of the clip, seconds.
      given: float32 [k, d] to go through; None for random ones.
      secs_per_instrument: from one instrument to the next; given ones then come round again as often as needed. None
        for 6 s with random ones, and for once through the given ones.
      draw: number -> random latents [number, d].

    Returns:
      float32 [count, d].
    """
    if given is not None and secs_per_instrument is None:
        return given
    count = count_instruments(total_time, secs_per_instrument or SECS_PER_INSTRUMENT)
    return draw(count) if given is None else given[np.arange(count) % len(given)]
