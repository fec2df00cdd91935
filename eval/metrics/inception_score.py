"""Inception score by the original's protocol (eval/inception/score.py).

exp of the mean over samples of KL(p(y|x) || p(y)), in k groups of the samples, p(y) being the group's own mean. Scores
compare only under one classifier and one number of samples: fewer samples in a group make it smaller.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from eval.classifiers.sc09 import SC09Classifier, outputs
from eval.features import read_clips
from eval.metrics import arguments
from eval.metrics.arguments import ArgumentError
from wavegan_tf.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class InceptionScore:
    """A score and what it was made of.

    Attributes:
      mean: over the groups, from 1 to the number of classes.
      std: population standard deviation over the groups.
      group_scores: [k].
      labels: int [n], the likeliest class of each sample.
    """

    mean: float
    std: float
    group_scores: np.ndarray
    labels: np.ndarray


def choose_files(paths: Sequence[str], n: int | None = None) -> list[str]:
    """The files that are scored, in the order that decides who falls into which group.

    The paths are sorted, shuffled by Python's generator from seed 0, and the first n are taken. This is Python 3's
    shuffle, and that of the Python 3 that the original's requirements need; Python 2 orders otherwise.

    Args:
      paths: of audio files, in any order.
      n: how many; None for all.

    Raises:
      UserError: there are fewer than n, or n is not positive.
    """
    n = len(paths) if n is None else n
    if not 0 < n <= len(paths):
        raise UserError(f"{n} samples asked for, {len(paths)} audio files found; ask for 1 to {len(paths)}")
    shuffled = sorted(paths)
    random.Random(0).shuffle(shuffled)
    return shuffled[:n]


def inception_score(probabilities: ArrayLike, k: int = 10) -> InceptionScore:
    """The score from a classifier's probabilities.

    Arithmetic is in the type of the probabilities, in the original's order; float32 gives its figures. A probability of
    zero counts as its limit, 0 log 0 = 0, where the original gives NaN.

    Args:
      probabilities: float32 or float64 [n, classes], rows that sum to 1.
      k: number of groups of consecutive rows; divides n.

    Raises:
      ArgumentError: k does not divide n, or the rows are no probabilities.
    """
    probabilities = arguments.distributions(probabilities)
    n = len(probabilities)
    if k < 1 or n % k:
        raise _not_divisible(n, k)
    scores = []
    for group in np.split(probabilities, k):
        mean = np.mean(group, axis=0)
        # The mean of tiny numbers can vanish in float32: then their share of the sum does as well.
        counted = (group > 0) & (mean > 0)
        one = np.ones((), group.dtype)
        logs = np.log(np.where(counted, group, one)) - np.log(np.where(mean > 0, mean, one))
        divergence = np.where(counted, group * logs, np.zeros((), group.dtype))
        scores.append(np.exp(np.mean(np.sum(divergence, axis=1))))
    labels = np.argmax(probabilities, axis=1)
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), np.array(scores), labels)


def _not_divisible(n: int, k: int) -> ArgumentError:
    return ArgumentError(f"{n} samples do not make {k} groups of equal size; choose a number that is divisible")


def score_files(
    paths: Sequence[str],
    classifier: SC09Classifier,
    n: int | None = None,
    k: int = 10,
    batch_size: int = 32,
    fix_length: bool = False,
) -> InceptionScore:
    """The score of audio files; holds one batch of them at a time.

    Samples are int16 / 32767 as in score.py, and not / 32768 as when training data are read.

    Args:
      paths: of audio files, in any order; `choose_files` orders them.
      classifier: gives the probabilities.
      n: how many files; None for all.
      k: number of groups.
      batch_size: files to classify at a time; each takes some 12 MB. The score stays the same.
      fix_length: trim or zero-pad files to 16384 samples; else another length is an error.

    Raises:
      UserError: too few files, k does not divide n, or a file cannot be used.
    """
    chosen = choose_files(paths, n)
    if k < 1 or len(chosen) % k:  # said before an hour of work, not after
        raise _not_divisible(len(chosen), k)
    clips = read_clips(chosen, batch_size, fix_length)
    waveforms = (batch.astype(np.float32) / np.float32(32767) for batch in clips)
    return inception_score(np.concatenate([batch.scores for batch in outputs(classifier, waveforms)]), k)
