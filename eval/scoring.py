"""All metrics of a set of clips, in one pass over it; holds a batch of clips at a time, whatever their number."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Sequence

import numpy as np
import tensorflow as tf

from eval import ndb, similarity
from eval.classifiers import Classifier
from eval.features import pooled_log_mel, similarity_log_mel
from eval.frechet import GaussianFit, frechet_distance
from eval.inception_score import inception_score
from eval.pitch_metrics import pitch_accuracy, pitch_entropy
from eval.samples import UNKNOWN, Samples
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.tracking import Progress

METRICS = (
    "inception_score", "label_accuracy", "pitch_accuracy", "pitch_entropy", "fid", "ndb", "ndb_over_k", "js_divergence",
    "d_self", "d_train",
)  # fmt: skip
NEEDS_REAL = ("fid", "ndb", "ndb_over_k", "js_divergence", "d_train")
NEEDS_CLASSIFIER = ("inception_score", "label_accuracy", "pitch_accuracy", "pitch_entropy", "fid")
_NDB, _SIMILARITY = ("ndb", "ndb_over_k", "js_divergence"), ("d_self", "d_train")
# A covariance of the 8192 features of the log-mel classifier would take 0.5 GB, and 50 000 samples hardly fill it.
MAX_FID_FEATURES = 4096
_BINS = 50


@dataclasses.dataclass(frozen=True)
class Score:
    """One figure.

    Attributes:
      metric: one of `METRICS`.
      value: the figure.
      spread: standard deviation over groups or clips, where there is one.
      n: number of clips it is of.
      of: "fake", or "real" for the same of the real clips.
      classifier: that it hangs on; None if it hangs on none.
    """

    metric: str
    value: float
    spread: float | None
    n: int
    of: str
    classifier: Classifier | None = None


@dataclasses.dataclass
class SetStatistics:
    """What one pass over a set gathers.

    Attributes:
      count: clips.
      classes: int [n], -1 where the class is not known.
      probabilities: [n, classes] of each classifier.
      fits: Gaussian of each classifier's features; None where these are too many.
      rows: float32 [n, 1024] to be clustered, if asked for.
      bin_counts: clips in each bin, if bins were given.
      neighbours: features for nearest neighbours, if asked for.
    """

    count: int
    classes: np.ndarray
    probabilities: list[np.ndarray]
    fits: list[GaussianFit | None]
    rows: np.ndarray | None = None
    bin_counts: np.ndarray | None = None
    neighbours: similarity.StoredFeatures | None = None


class _Pass:
    """What is gathered while the batches go by."""

    def __init__(
        self, classifiers: Sequence[Classifier], metrics: Collection[str], centers: np.ndarray | None, path: str
    ):
        self._classifiers, self._centers, self._path = classifiers, centers, path
        self._with_fits = "fid" in metrics
        self._with_rows = not set(metrics).isdisjoint(_NDB)
        self._with_neighbours = not set(metrics).isdisjoint(_SIMILARITY)
        self._classes: list[np.ndarray] = []
        self._scores: list[list[np.ndarray]] = [[] for _ in classifiers]
        self._fits: list[GaussianFit | None] = [None] * len(classifiers)
        self._rows: list[np.ndarray] = []
        self._counts: np.ndarray | int = 0

    def run(self, samples: Samples, progress: Progress) -> SetStatistics:
        """Reads the whole set."""
        graphs = [tf.function(front, autograph=False) for front in (pooled_log_mel, similarity_log_mel)]
        done, dimensions = 0, 0
        # A classifier is a generator of outputs; each is fed one batch at a time from here.
        feeds: list[list[np.ndarray]] = [[] for _ in self._classifiers]
        runs = [c.outputs(_taken(feed)) for c, feed in zip(self._classifiers, feeds, strict=True)]
        with open(self._path, "wb") as file:
            for clips, classes in samples.batches():
                waves = clips.astype(np.float32) / np.float32(32767)  # as in score.py, not / 32768
                self._classes.append(classes)
                for number, (feed, outputs) in enumerate(zip(feeds, runs, strict=True)):
                    feed.append(waves)
                    self._take(number, next(outputs))
                if self._with_rows:
                    rows = graphs[0](tf.constant(waves)).numpy()
                    if self._centers is None:
                        self._rows.append(rows)
                    else:
                        self._counts = self._counts + ndb.bin_counts(self._centers, rows)
                if self._with_neighbours:
                    found = graphs[1](tf.constant(clips)).numpy()
                    dimensions = found[0].size
                    file.write(found.tobytes())
                done += len(clips)
                progress.update(done, {})
        return SetStatistics(
            done, np.concatenate(self._classes), [np.concatenate(scores) for scores in self._scores], self._fits,
            np.concatenate(self._rows) if self._rows else None,
            self._counts if isinstance(self._counts, np.ndarray) else None,
            similarity.StoredFeatures(self._path, dimensions) if dimensions else None,
        )  # fmt: skip

    def _take(self, number: int, outputs) -> None:
        self._scores[number].append(outputs.scores)
        size = outputs.features.shape[1]
        if self._with_fits and size <= MAX_FID_FEATURES:
            gaussian = self._fits[number] = self._fits[number] or GaussianFit(size)
            gaussian.update(outputs.features)


def _taken(feed: list[np.ndarray]):
    while True:
        yield feed.pop()


def gather(
    samples: Samples, classifiers: Sequence[Classifier], metrics: Collection[str], work_dir: str, label: str,
    centers: np.ndarray | None = None,
) -> SetStatistics:  # fmt: skip
    """One pass over a set.

    Args:
      samples: the set.
      classifiers: to ask.
      metrics: that are wanted; what none of them needs is not computed.
      work_dir: for features that are too many to hold (65 KB a clip, while d_self or d_train are wanted).
      label: of the progress bar.
      centers: of NDB's bins, into which the clips are counted; without, rows are kept to make the bins from.

    Raises:
      UserError: a clip cannot be used, or there are none.
    """
    if not len(samples):
        raise UserError(f"{samples.place}: holds no clips")
    progress = Progress(0, len(samples), label=label, rate="clips/s")
    statistics = _Pass(classifiers, metrics, centers, os.path.join(work_dir, f"{label}.f32")).run(samples, progress)
    progress.close()
    return statistics


def classifier_scores(
    statistics: SetStatistics, classifiers: Sequence[Classifier], metrics: Collection[str], k: int, of: str
) -> list[Score]:
    """The scores of one set that hang on a classifier alone: inception score, accuracies and pitch entropy."""
    found = []
    for classifier, probabilities in zip(classifiers, statistics.probabilities, strict=True):
        n, is_pitch = len(probabilities), classifier.info.task == "pitch"

        def add(metric: str, value: float, spread: float | None = None, n: int = n, c: Classifier = classifier) -> None:
            found.append(Score(metric, value, spread, n, of, c))

        if "inception_score" in metrics:
            whole = n - n % k if n >= k else n
            score = inception_score(probabilities[:whole], k if n >= k else 1)
            add("inception_score", score.mean, score.std, whole)
        known = statistics.classes != UNKNOWN
        accuracy = "pitch_accuracy" if is_pitch else "label_accuracy"
        if accuracy in metrics and known.any():
            lowest = classifier.lowest_pitch if is_pitch else 0
            truth = statistics.classes[known] + lowest
            value = pitch_accuracy(probabilities[known], truth, lowest)
            add(accuracy, 100.0 * value, None, int(np.count_nonzero(known)))
        if "pitch_entropy" in metrics and is_pitch:
            add("pitch_entropy", pitch_entropy(probabilities))
    return found


def _frechet_scores(fake: SetStatistics, real: SetStatistics, classifiers: Sequence[Classifier]) -> list[Score]:
    found = []
    for classifier, ours, theirs in zip(classifiers, fake.fits, real.fits, strict=True):
        if ours is not None and theirs is not None:
            found.append(Score("fid", frechet_distance(ours, theirs), None, fake.count, "fake", classifier))
    return found


def score(
    fake: Samples, real: Samples | None, classifiers: Sequence[Classifier], metrics: Collection[str],
    work_dir: str, k: int, seed: int,
) -> tuple[list[Score], SetStatistics]:  # fmt: skip
    """All metrics that were asked for and that apply.

    Args:
      fake: the set to score.
      real: the training set, for the metrics in `NEEDS_REAL`.
      classifiers: of one task; may be none.
      metrics: some of `METRICS`.
      work_dir: for intermediate files.
      k: groups of the inception score; of the samples that do not fill k groups the last are left out.
      seed: of k-means.

    Returns:
      The scores, and what was gathered of `fake`.
    """
    found: list[Score] = []
    reference, bins = None, None
    if real is not None:
        wanted = set(metrics) - {"d_self"}
        reference = gather(real, classifiers, wanted, work_dir, "real")
        if reference.rows is not None:
            bins = ndb.fit_bins(reference.rows, min(_BINS, len(reference.rows)), seed)
            reference.rows = None
    ours = gather(fake, classifiers, metrics, work_dir, "fake", None if bins is None else bins.centers)
    found += classifier_scores(ours, classifiers, metrics, k, "fake")
    if reference is not None:
        found += classifier_scores(reference, classifiers, metrics, k, "real")
        found += _frechet_scores(ours, reference, classifiers) if "fid" in metrics else []
    if bins is not None and ours.bin_counts is not None:
        filled = ndb.score_bins(bins.counts, ours.bin_counts)
        values = {"ndb": filled.ndb, "ndb_over_k": filled.ndb_over_k, "js_divergence": filled.js_divergence}
        found += [
            Score(name, float(value), None, ours.count, "fake") for name, value in values.items() if name in metrics
        ]
    if ours.neighbours is not None:
        if "d_self" in metrics and ours.count > 1:
            found.append(_distance("d_self", similarity.similarity(ours.neighbours, ours.neighbours, True), ours))
        if "d_train" in metrics and reference is not None and reference.neighbours is not None:
            found.append(
                _distance("d_train", similarity.similarity(reference.neighbours, ours.neighbours, False), ours)
            )
    return found, ours


def _distance(metric: str, value: similarity.Similarity, statistics: SetStatistics) -> Score:
    return Score(metric, value.mean, value.std, statistics.count, "fake")
