"""One pass over a set of clips, which gathers the statistics for all metrics; holds a batch of clips at a time."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import time
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from absl import logging

from eval.classifiers.registry import Classifier
from eval.gathering.kept import KeptOutputs
from eval.gathering.outputs import BatchOutputs, Extractor, why_no_fid
from eval.gathering.processes import Helpers, outputs_by
from eval.gathering.stored_features import StoredFeatures
from eval.metrics.arguments import ArgumentError
from eval.metrics.frechet import GaussianFit
from eval.samples import BATCH, Samples, num_batches
from wavegan_tf import __version__
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.progress import Progress

# For a rate that a few batches of other work at the same time do not spoil.
_MEASURED_SECS = 3.0


@dataclasses.dataclass
class SetStatistics:
    """Statistics that one pass over a set gathers.

    Attributes:
      count: clips.
      classes: int [n], -1 where the class is not known.
      probabilities: [n, classes] of each classifier.
      fits: Gaussian of each classifier's features, or the reason why there is none; None if it was not asked for.
      rows: float32 [n, 1024] to be clustered, if asked for.
      bin_counts: clips in each bin, if bins were given.
      neighbours: features for nearest neighbours, if asked for.
    """

    count: int
    classes: np.ndarray
    probabilities: list[np.ndarray]
    fits: list[GaussianFit | ArgumentError | None]
    rows: np.ndarray | None = None
    bin_counts: np.ndarray | None = None
    neighbours: StoredFeatures | None = None


class _Expectation:
    """Says once how long a pass will take, if that is over a minute."""

    def __init__(self, progress: Progress, total: int):
        """Is told of clips out of `total`."""
        self._progress, self._total = progress, total
        self._first: tuple[float, int] | None = None
        self._is_said = False

    def update(self, done: int) -> None:
        """Measures from the end of the first batch, which compiles, for some seconds."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        since, first = self._first
        if self._is_said or now - since < _MEASURED_SECS:
            return
        self._is_said = True
        rate = (done - first) / (now - since)
        left = round((self._total - done) / rate)
        if left > 60:
            when = datetime.timedelta(seconds=left)
            self._progress.say(f"{self._progress.label}: {self._total} clips at {rate:.3g} clips/s take about {when}")


class _Sum:
    """Puts the outputs of batches together, in their order."""

    def __init__(self, classifiers: Sequence[Classifier], metrics: Collection[str]):
        self._classes: list[np.ndarray] = []
        self._scores: list[list[np.ndarray]] = [[] for _ in classifiers]
        self._fits: list[GaussianFit | ArgumentError | None] = [None] * len(classifiers)
        if "fid" in metrics:
            self._fits = [_fit_of(classifier) for classifier in classifiers]
        self._rows: list[np.ndarray] = []
        self._counts: np.ndarray | None = None
        self._dimensions = self.changed = 0

    def add(self, outputs: BatchOutputs, dimensions: int) -> None:
        """Adds a batch, whose features for nearest neighbours have these dimensions."""
        self._classes.append(outputs.classes)
        self.changed += outputs.changed
        self._dimensions = dimensions
        for number, (scores, features) in enumerate(zip(outputs.scores, outputs.features, strict=True)):
            self._scores[number].append(scores)
            gaussian = self._fits[number]
            if isinstance(gaussian, GaussianFit):
                try:
                    gaussian.update(features)
                except ArgumentError as error:
                    self._fits[number] = error
        if outputs.rows.size:
            self._rows.append(outputs.rows)
        if outputs.counts.size:
            self._counts = outputs.counts if self._counts is None else self._counts + outputs.counts

    def statistics(self, kept: KeptOutputs) -> SetStatistics:
        """The statistics of all that was added."""
        classes = np.concatenate(self._classes)
        return SetStatistics(
            len(classes), classes, [np.concatenate(scores) for scores in self._scores], self._fits,
            np.concatenate(self._rows) if self._rows else None, self._counts,
            kept.neighbours(self._dimensions) if self._dimensions else None,
        )  # fmt: skip


def _fit_of(classifier: Classifier) -> GaussianFit | ArgumentError:
    """An empty fit of a classifier's features, or why there is none."""
    reason = why_no_fid(classifier)
    return ArgumentError(reason) if reason else GaussianFit(classifier.num_features)


def gather(
    samples: Samples, classifiers: Sequence[Classifier], metrics: Collection[str], work_dir: str, label: str,
    centers: np.ndarray | None = None, helpers: Helpers | None = None,
) -> SetStatistics:  # fmt: skip
    """One pass over a set, the same to the last bit in one process and in several, at once and continued.

    Args:
      samples: the set; `changed` becomes the number of its clips that had another length.
      classifiers: to ask.
      metrics: that are wanted; what none of them needs is not computed.
      work_dir: keeps what is finished (65 KB a clip while d_self or d_train are wanted, else a few hundred bytes and,
        for a fid, the classifiers' features). Batches of the same set that are there are not computed again.
      label: of the progress bar, and of the files.
      centers: of NDB's bins, into which the clips are counted; without, rows are kept to make the bins from.
      helpers: processes that compute; None for this one.

    Raises:
      UserError: a clip cannot be used, or there are none.
    """
    if not len(samples):
        raise UserError(f"{samples.place}: holds no clips")
    total = num_batches(samples)
    kept = KeptOutputs(work_dir, label, len(classifiers))
    kept.claim(_key(samples, classifiers, metrics, centers))
    missing = [number for number in range(total) if not kept.has(number)]
    if len(missing) < total:
        done = len(samples) - sum(min(BATCH, len(samples) - number * BATCH) for number in missing)
        logging.info("%s: %d of %d clips are finished already", label, done, len(samples))
    progress = Progress(0, len(samples), label=label, rate="clips/s")
    expectation, found = _Expectation(progress, len(samples)), _Sum(classifiers, metrics)
    extractor = Extractor(classifiers, metrics, centers)
    finished = _here(samples, extractor, kept, missing) if helpers is None else outputs_by(
        helpers, samples, metrics, centers, kept, missing
    )  # fmt: skip
    computed = set(missing)
    for number in range(total):
        if number in computed:
            next(finished)
        found.add(*kept.read(number))
        done = min((number + 1) * BATCH, len(samples))
        progress.update(done, {})
        expectation.update(done)
    next(finished, None)
    progress.close()
    samples.changed = found.changed
    return found.statistics(kept)


def _here(samples: Samples, extractor: Extractor, kept: KeptOutputs, numbers: Sequence[int]) -> Iterator[int]:
    """Computes batches in this process, in order; yields each number once it is kept."""
    for number, batch in zip(numbers, samples.batches(numbers), strict=True):
        kept.write(number, extractor(batch))
        yield number


def _key(
    samples: Samples, classifiers: Sequence[Classifier], metrics: Collection[str], centers: np.ndarray | None
) -> str:
    """Names all that the outputs of the batches depend on."""
    hashes = [classifier.hash() for classifier in classifiers]
    bins = None if centers is None else hashlib.sha256(np.ascontiguousarray(centers).tobytes()).hexdigest()
    parts = [__version__, samples.identity(), hashes, sorted(metrics), bins]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
