"""Timing and printing."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf


def best_seconds(function: Callable[[], object], runs: int) -> float:
    """The shortest of `runs` calls, after one that compiles."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def wait_for(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> np.ndarray:
    """Calls a function of a tensor and waits for its value."""
    return function(x).numpy()


def row(name: str, value: str, twin: str = "", note: str = "") -> None:
    """Prints a row of the table."""
    print(f"| {name} | {value} | {twin} | {note} |", flush=True)


def peak_flops(runs: int) -> float:
    """Of a float32 matrix product of 2048 x 2048, operations a second."""
    a = tf.random.normal([2048, 2048])
    product = tf.function(lambda: tf.reduce_sum(a @ a))
    return 2 * 2048**3 / best_seconds(lambda: float(product()), 3 * runs)
