"""Inception score by the original's protocol (eval/inception/score.py).

exp of the mean over samples of KL(p(y|x) || p(y)), in k groups of the samples, p(y) being the group's own mean. Scores
compare only under one classifier and one number of samples: fewer samples in a group make it smaller.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics import arguments
from eval.metrics.arguments import ArgumentError


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


def inception_score(probabilities: ArrayLike, k: int = 10) -> InceptionScore:
    """Inception score of samples from a classifier's probabilities for them.

    >>> sure, unsure = np.tile(np.eye(4), [10, 1]), np.full([40, 4], 0.25)
    >>> inception_score(sure, k=2).mean, inception_score(unsure, k=2).mean
    (4.0, 1.0)

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
        raise ArgumentError(f"{n} samples do not make {k} groups of equal size; choose a number that is divisible")
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
