"""Pitch accuracy and pitch entropy (GANSynth, section 4) from a pitch classifier's probabilities.

An inception score cannot distinguish a model that blurs pitches from one that makes few of them; these two can.
Accuracy is the share of notes classified as the pitch that was asked for. Entropy is that of p(pitch | note), averaged
over notes: it measures how unsure the classifier is of single notes. It cannot be the entropy of the averaged output,
which for 61 pitches that are equally common would be near log 61 = 4.1 even for real notes, where the paper has 0.22.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics import arguments
from eval.metrics.arguments import ArgumentError


def pitch_accuracy(probabilities: ArrayLike, pitches: ArrayLike, lowest_pitch: int = 24) -> float:
    """Share of notes whose likeliest class is the pitch asked for, 0 to 1; of equally likely classes the lowest counts.

    >>> pitch_accuracy([[0.8, 0.2, 0.0], [0.3, 0.3, 0.4]], [60, 61], lowest_pitch=60)
    0.5

    Args:
      probabilities: float [n, classes]; class 0 is `lowest_pitch`, and each one a semitone above the one before.
      pitches: int [n], MIDI numbers.
      lowest_pitch: MIDI number.

    Raises:
      ArgumentError: a row is no distribution, the numbers of notes differ, or a pitch has no class.
    """
    probabilities, pitches = arguments.distributions(probabilities), np.asarray(pitches)
    n, classes = probabilities.shape
    if pitches.shape != (n,):
        raise ArgumentError(f"pitches are {pitches.dtype} {list(pitches.shape)}, must be integers [{n}], one a note")
    pitches = arguments.class_numbers(pitches, lowest_pitch, lowest_pitch + classes - 1, "pitch", "pitches")
    return float(np.mean(np.argmax(probabilities, axis=1) + lowest_pitch == pitches))


def pitch_entropy(probabilities: ArrayLike) -> float:
    """Mean over notes of the entropy of p(pitch | note) in nats: 0 to log(classes); the less, the clearer.

    >>> round(pitch_entropy([[0.5, 0.5], [1.0, 0.0]]), 4)  # log(2) / 2
    0.3466

    Args:
      probabilities: float [n, classes].

    Raises:
      ArgumentError: a row is no distribution.
    """
    from scipy.special import entr

    return float(np.mean(np.sum(entr(arguments.distributions(probabilities).astype(np.float64)), axis=1)))
