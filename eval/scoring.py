"""All metrics of a set of clips, from the statistics that one pass over it gathers."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import logging

from eval.metrics.arguments import ArgumentError
from eval.metrics.frechet import GaussianFit, frechet_distance
from eval.metrics.inception_score import inception_score
from eval.metrics.ndb import Bins, fit_bins, score_bins
from eval.metrics.pitch import pitch_accuracy, pitch_entropy
from eval.metrics.similarity import FeatureSet, similarity
from eval.samples import UNKNOWN, Samples
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.progress import Progress

if TYPE_CHECKING:
    from eval.classifiers.registry import Classifier
    from eval.gathering.processes import Helpers
    from eval.gathering.statistics import SetStatistics

_BINS = 50


@dataclasses.dataclass(frozen=True)
class Score:
    """One figure.

    Attributes:
      metric: one of `metric_names.METRICS`.
      value: the figure, finite; None if there is none.
      spread: standard deviation over groups or clips; None where there is none, as of one group or one clip.
      n: number of clips it is of.
      of: "fake", or "real" for the same of the real clips.
      classifier: that it depends on; None if it depends on none.
      groups: of an inception score.
      bins: of an NDB.
      classes: of an accuracy, that of the clips of each class by its label, and their number.
      note: why it has no value, or differs from what was asked for; "" otherwise.
    """

    metric: str
    value: float | None
    spread: float | None
    n: int
    of: str
    classifier: Classifier | None = None
    groups: int | None = None
    bins: int | None = None
    classes: dict[str, tuple[float, int]] | None = None
    note: str = ""


def _score(
    metric: str, n: int, of: str, compute: Callable[[], tuple[float, float | None]],
    classifier: Classifier | None = None, **facts: Any,
) -> Score:  # fmt: skip
    """A score of what `compute` gives, value and spread; without a value if it cannot, or the value is not finite."""
    try:
        value, spread = compute()
    except ArgumentError as error:
        return Score(metric, None, None, n, of, classifier, note=str(error))
    if not np.isfinite(value):
        return Score(metric, None, None, n, of, classifier, note=f"the value is {value}, no finite number")
    spread = None if spread is None or not np.isfinite(spread) else float(spread)
    return Score(metric, float(value), spread, n, of, classifier, **facts)


def _alone(compute: Callable[..., float], *inputs: Any) -> tuple[float, None]:
    """A value that has no spread."""
    return compute(*inputs), None


def inception(probabilities: np.ndarray, k: int, of: str = "fake", classifier: Classifier | None = None) -> Score:
    """The inception score in k groups; what fills no group at the end is skipped, fewer than k clips are one group."""
    total = len(probabilities)
    groups = k if total >= k else 1
    n = total - total % groups
    note = f"{n} of {total} clips, the rest fills no group of {groups}" if n < total else ""
    if groups < k:
        note = f"one group, as {total} clips do not fill {k}"

    def compute() -> tuple[float, float | None]:
        score = inception_score(probabilities[:n], groups)
        return score.mean, score.std if groups > 1 else None

    return _score("inception_score", n, of, compute, classifier, groups=groups, note=note)


def classifier_scores(
    statistics: SetStatistics, classifiers: Sequence[Classifier], metrics: Collection[str], k: int, of: str
) -> list[Score]:
    """The scores of one set that depend on a classifier alone: inception score, accuracies and pitch entropy."""
    found = []
    for classifier, probabilities in zip(classifiers, statistics.probabilities, strict=True):
        is_pitch = classifier.info.task == "pitch"
        if "inception_score" in metrics:
            found.append(inception(probabilities, k, of, classifier))
        accuracy = "pitch_accuracy" if is_pitch else "label_accuracy"
        if accuracy in metrics:
            found.append(_accuracy(accuracy, statistics.classes, probabilities, classifier, of))
        if "pitch_entropy" in metrics and is_pitch:
            compute = functools.partial(_alone, pitch_entropy, probabilities)
            found.append(_score("pitch_entropy", len(probabilities), of, compute, classifier))
    return found


def _accuracy(metric: str, classes: np.ndarray, probabilities: np.ndarray, classifier: Classifier, of: str) -> Score:
    """Share of correct answers in per cent, of the clips whose class is known."""
    known = classes != UNKNOWN
    lowest = classifier.lowest_pitch if metric == "pitch_accuracy" else 0

    def share() -> float:
        if not known.any():
            raise ArgumentError("it is not known what the clips are meant to be")
        return 100.0 * pitch_accuracy(probabilities[known], classes[known] + lowest, lowest)

    by_class = {}
    if metric == "label_accuracy":
        right = probabilities.argmax(axis=1) == classes
        for number, label in enumerate(classifier.info.labels):
            if count := int(np.count_nonzero(classes == number)):
                by_class[label] = (100.0 * float(np.mean(right[classes == number])), count)
    count = int(np.count_nonzero(known))
    return _score(metric, count, of, functools.partial(_alone, share), classifier, classes=by_class or None)


def _frechet_scores(fake: SetStatistics, real: SetStatistics, classifiers: Sequence[Classifier]) -> list[Score]:
    def distance(ours: GaussianFit | ArgumentError | None, theirs: GaussianFit | ArgumentError | None) -> float:
        for side in (ours, theirs):
            if isinstance(side, ArgumentError):
                raise side
        assert isinstance(ours, GaussianFit) and isinstance(theirs, GaussianFit)
        return frechet_distance(ours, theirs)

    return [
        _score("fid", fake.count, "fake", functools.partial(_alone, distance, *fits), classifier)
        for classifier, *fits in zip(classifiers, fake.fits, real.fits, strict=True)
    ]


def _fitted(rows: np.ndarray, k: int, seed: int) -> Bins:
    try:
        return fit_bins(rows, k, seed)
    except (ArgumentError, ImportError) as error:
        raise UserError(str(error)) from None


def _bin_scores(bins: Bins, statistics: SetStatistics, metrics: Collection[str]) -> list[Score]:
    assert statistics.bin_counts is not None
    filled, k = score_bins(bins.counts, statistics.bin_counts), len(bins.counts)
    note = f"{k} bins, as there are no more real clips that differ" if k < _BINS else ""
    values = {"ndb": filled.ndb, "ndb_over_k": filled.ndb_over_k, "js_divergence": filled.js_divergence}
    return [
        Score(name, float(value), None, statistics.count, "fake", bins=k, note=note)
        for name, value in values.items() if name in metrics
    ]  # fmt: skip


def _distance_score(metric: str, train: FeatureSet, statistics: SetStatistics) -> Score:
    query = statistics.neighbours
    assert query is not None

    def compute() -> tuple[float, float | None]:
        progress = Progress(0, len(query), label=f"{metric} clip", rate="clips/s")
        with contextlib.closing(progress):
            value = similarity(
                train, query, exclude_self=metric == "d_self", passed=lambda rows: progress.update(rows, {})
            )
        return value.mean, value.std if statistics.count > 1 else None

    return _score(metric, statistics.count, "fake", compute)


def score(
    fake: Samples, real: Samples | None, classifiers: Sequence[Classifier], metrics: Collection[str],
    work_dir: str, k: int, seed: int, helpers: Helpers | None = None,
) -> tuple[list[Score], SetStatistics]:  # fmt: skip
    """All metrics that were asked for and that apply; those that could not be computed have a note and no value.

    Args:
      fake: the set to score.
      real: the training set, for the metrics in `metric_names.NEEDS_REAL`.
      classifiers: of one task; may be none.
      metrics: some of `metric_names.METRICS`.
      work_dir: for intermediate files.
      k: groups of the inception score (`inception`).
      seed: of k-means.
      helpers: processes that compute; None for this one.

    Returns:
      The scores, and what was gathered of `fake`.
    """
    from eval.gathering.statistics import gather  # TensorFlow, which scores of stored probabilities do without

    reference, bins = None, None
    if real is not None:
        reference = gather(real, classifiers, set(metrics) - {"d_self"}, work_dir, "real", None, helpers)
        if reference.rows is not None:
            logging.info("real: clustering %d clips for NDB", len(reference.rows))
            distinct = len({row.tobytes() for row in reference.rows})
            bins = _fitted(reference.rows, min(_BINS, distinct), seed)
            reference.rows = None
    ours = gather(fake, classifiers, metrics, work_dir, "fake", None if bins is None else bins.centers, helpers)
    found = classifier_scores(ours, classifiers, metrics, k, "fake")
    if reference is not None:
        found += classifier_scores(reference, classifiers, metrics, k, "real")
        found += _frechet_scores(ours, reference, classifiers) if "fid" in metrics else []
    if bins is not None:
        found += _bin_scores(bins, ours, metrics)
    if "d_self" in metrics and ours.neighbours is not None:
        found.append(_distance_score("d_self", ours.neighbours, ours))
    if "d_train" in metrics and reference is not None and reference.neighbours is not None:
        found.append(_distance_score("d_train", reference.neighbours, ours))
    return found, ours
