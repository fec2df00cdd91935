"""Scoring: what the classifiers take, and nearest neighbours beside a plain search."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from eval.classifiers import places, registry
from eval.classifiers.labels import LABELS
from eval.classifiers.places import ClassifierInfo
from eval.classifiers.registry import Classifier
from eval.metrics.similarity import nearest_distances
from tests.benchmarks.measure import Row, timed

_BATCH, _BATCHES = 32, 8
# Numbers of rows of the log-mel spectrogram of a clip at 2048/128, and their lengths.
_ROWS, _DIMENSIONS = 2000, 128 * 128


def _ask(classifier: Classifier, batches: list[np.ndarray]) -> list[np.ndarray]:
    return [classifier.outputs(batch).scores for batch in batches]


def bench_classifiers(runs: int) -> Iterator[Row]:
    """Clips a second from samples to probabilities, front end included."""
    clips = np.random.default_rng(0).uniform(-0.5, 0.5, (_BATCH, 16384)).astype(np.float32)
    for name in places.NETWORKS["sc09"]:
        classifier = registry.build(ClassifierInfo("sc09", name, LABELS), name)
        ask = functools.partial(_ask, classifier, [clips] * _BATCHES)
        taken = timed(ask, max(runs // 2, 1), _BATCHES * _BATCH)
        yield Row(f"SC09 classifier, {name}, batch {_BATCH}", taken, unit="clips", note="untrained weights")


def bench_neighbours(runs: int) -> Iterator[Row]:
    """Nearest neighbours of a set among itself: ours, and row by row as the original does."""
    rows = np.random.default_rng(0).normal(size=(_ROWS, _DIMENSIONS)).astype(np.float32)
    ours = timed(lambda: nearest_distances(rows, rows, 2), max(runs // 2, 1), _ROWS)
    some = rows[:8]
    twin = timed(lambda: [np.sort(np.linalg.norm(rows - one, axis=1))[:2] for one in some], 1, len(some))
    note = "twin: all differences, clip by clip"
    yield Row(f"nearest of {_ROWS} log-mel spectrograms", ours, twin, unit="clips", note=note)
