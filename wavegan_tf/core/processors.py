"""Processors of this machine that the process may use."""

from __future__ import annotations

import os


def num_threads() -> int:
    """Threads, or processes, that decode at a time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)
