"""Classifier outputs and features of one batch of clips: a pure function, for any process to compute in any order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from eval.classifiers.registry import Classifier
from eval.features import pooled_log_mel, similarity_log_mel
from eval.metric_names import OF_BINS, OF_DISTANCES
from eval.metrics.ndb import bin_counts
from eval.samples import Batch

# A covariance of the 8192 features of the log-mel classifier would take 0.5 GB, and 50 000 samples hardly fill it.
MAX_FID_FEATURES = 4096


class BatchOutputs(NamedTuple):
    """Classifier outputs and features of b clips.

    Attributes:
      classes: int [b], -1 where the class is not known.
      changed: clips that had another length.
      scores: float32 [b, classes] of each classifier.
      features: float32 [b, d] of each classifier; empty ones where no FID is asked for or possible.
      rows: float32 [b, 1024] to be clustered; empty if they are not asked for.
      counts: int [bins] of clips in each bin; empty if there are no bins.
      neighbours: float32 [b, d], features for nearest neighbours; empty if they are not asked for.
    """

    classes: np.ndarray
    changed: int
    scores: list[np.ndarray]
    features: list[np.ndarray]
    rows: np.ndarray
    counts: np.ndarray
    neighbours: np.ndarray


_NOTHING = np.zeros(0, np.float32)


class Extractor:
    """Asks classifiers, and computes features, of batches."""

    def __init__(self, classifiers: Sequence[Classifier], metrics: Collection[str], centers: np.ndarray | None):
        """Computes what these metrics need; see `statistics.gather`."""
        self._classifiers, self._centers = classifiers, centers
        self._with_fid = "fid" in metrics
        self._with_rows = not set(metrics).isdisjoint(OF_BINS)
        self._with_neighbours = not set(metrics).isdisjoint(OF_DISTANCES)
        self._graphs = [tf.function(front, autograph=False) for front in (pooled_log_mel, similarity_log_mel)]

    def __call__(self, batch: Batch) -> BatchOutputs:
        """The outputs of a batch."""
        waves = batch.clips.astype(np.float32) / np.float32(32767)  # as in score.py, not / 32768
        scores, features = [], []
        for classifier in self._classifiers:
            found = classifier.outputs(waves)
            scores.append(found.scores)
            features.append(_NOTHING if not self._with_fid or why_no_fid(classifier) else found.features)
        rows, counts, neighbours = _NOTHING, _NOTHING, _NOTHING
        if self._with_rows:
            rows = self._graphs[0](tf.constant(waves)).numpy()
            if self._centers is not None:
                rows, counts = _NOTHING, bin_counts(self._centers, rows)
        if self._with_neighbours:
            neighbours = self._graphs[1](tf.constant(batch.clips)).numpy().reshape(len(batch.clips), -1)
        return BatchOutputs(batch.classes, batch.changed, scores, features, rows, counts, neighbours)


def why_no_fid(classifier: Classifier) -> str:
    """The reason why a classifier gives no FID; "" if it does."""
    if classifier.num_features <= MAX_FID_FEATURES:
        return ""
    return (
        f"{classifier.name} has {classifier.num_features} features, whose covariance is too large; a FID needs a "
        f"classifier of at most {MAX_FID_FEATURES}, for words the waveform network"
    )
