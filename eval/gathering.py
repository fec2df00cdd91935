"""One pass over a set of clips, which gathers the statistics for all metrics; holds a batch of clips at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import io
import os
import time
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import tensorflow as tf

from eval.classifiers.outputs import Outputs
from eval.classifiers.registry import Classifier
from eval.features import pooled_log_mel, similarity_log_mel
from eval.metric_names import OF_BINS, OF_DISTANCES
from eval.metrics.arguments import ArgumentError
from eval.metrics.frechet import GaussianFit
from eval.metrics.ndb import bin_counts
from eval.samples import Samples
from eval.stored_features import StoredFeatures
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.writing import write_all, writing

# A covariance of the 8192 features of the log-mel classifier would take 0.5 GB, and 50 000 samples hardly fill it.
MAX_FID_FEATURES = 4096
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


class _Pass:
    """Gathers while the batches go by."""

    def __init__(
        self, classifiers: Sequence[Classifier], metrics: Collection[str], centers: np.ndarray | None, path: str
    ):
        self._classifiers, self._centers, self._path = classifiers, centers, path
        # The folder that was named, not the hidden one in it.
        self._shown = display_name(os.path.dirname(os.path.dirname(os.path.abspath(path))))
        self._with_rows = not set(metrics).isdisjoint(OF_BINS)
        self._with_neighbours = not set(metrics).isdisjoint(OF_DISTANCES)
        self._classes: list[np.ndarray] = []
        self._scores: list[list[np.ndarray]] = [[] for _ in classifiers]
        self._fits: list[GaussianFit | ArgumentError | None] = [None] * len(classifiers)
        if "fid" in metrics:
            self._fits = [_fit_of(classifier) for classifier in classifiers]
        self._rows: list[np.ndarray] = []
        self._counts: np.ndarray | int = 0

    def run(self, samples: Samples, progress: Progress) -> SetStatistics:
        """Reads the whole set."""
        expectation = _Expectation(progress, len(samples))
        graphs = [tf.function(front, autograph=False) for front in (pooled_log_mel, similarity_log_mel)]
        done, dimensions = 0, 0
        with self._features_file() as file:
            for clips, classes in samples.batches():
                waves = clips.astype(np.float32) / np.float32(32767)  # as in score.py, not / 32768
                self._classes.append(classes)
                for number, classifier in enumerate(self._classifiers):
                    self._take(number, classifier.outputs(waves))
                if self._with_rows:
                    rows = graphs[0](tf.constant(waves)).numpy()
                    if self._centers is None:
                        self._rows.append(rows)
                    else:
                        self._counts = self._counts + bin_counts(self._centers, rows)
                if self._with_neighbours:
                    found = graphs[1](tf.constant(clips)).numpy()
                    dimensions = found[0].size
                    with writing(self._shown):
                        write_all(file, found.tobytes())
                done += len(clips)
                progress.update(done, {})
                expectation.update(done)
        return SetStatistics(
            done, np.concatenate(self._classes), [np.concatenate(scores) for scores in self._scores], self._fits,
            np.concatenate(self._rows) if self._rows else None,
            self._counts if isinstance(self._counts, np.ndarray) else None,
            StoredFeatures(self._path, dimensions) if dimensions else None,
        )  # fmt: skip

    @contextlib.contextmanager
    def _features_file(self) -> Iterator[io.FileIO]:
        with writing(self._shown):
            file = open(self._path, "wb", buffering=0)  # noqa: SIM115 - closed below
        try:
            yield file
        finally:
            with writing(self._shown):
                file.close()

    def _take(self, number: int, outputs: Outputs) -> None:
        self._scores[number].append(outputs.scores)
        gaussian = self._fits[number]
        if isinstance(gaussian, GaussianFit):
            try:
                gaussian.update(outputs.features)
            except ArgumentError as error:
                self._fits[number] = error


def _fit_of(classifier: Classifier) -> GaussianFit | ArgumentError:
    """An empty fit of a classifier's features, or why there is none."""
    reason = why_no_fid(classifier)
    return ArgumentError(reason) if reason else GaussianFit(classifier.num_features)


def why_no_fid(classifier: Classifier) -> str:
    """The reason why a classifier gives no FID; "" if it does."""
    if classifier.num_features <= MAX_FID_FEATURES:
        return ""
    return (
        f"{classifier.name} has {classifier.num_features} features, whose covariance is too large; a FID needs a "
        f"classifier of at most {MAX_FID_FEATURES}, for words the waveform network"
    )


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
