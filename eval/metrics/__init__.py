"""The metrics of both papers as functions of arrays, for anybody's audio: NumPy and SciPy only, no network, no file.

Names of functions stand here also where a module has the same name: `from eval.metrics import ndb` is the function.
"""

from eval.metrics.arguments import ArgumentError
from eval.metrics.confusion import confusion_matrix
from eval.metrics.frechet import GaussianFit, frechet_distance, gaussian_distance
from eval.metrics.inception_score import InceptionScore, inception_score
from eval.metrics.ndb import (
    Bins,
    BinScore,
    bin_counts,
    different_bins,
    fit_bins,
    js_divergence,
    ndb,
    score_bins,
)
from eval.metrics.pitch import pitch_accuracy, pitch_entropy
from eval.metrics.similarity import FeatureSet, Similarity, nearest_distances, similarity

__all__ = [
    "ArgumentError",
    "BinScore",
    "Bins",
    "FeatureSet",
    "GaussianFit",
    "InceptionScore",
    "Similarity",
    "bin_counts",
    "confusion_matrix",
    "different_bins",
    "fit_bins",
    "frechet_distance",
    "gaussian_distance",
    "inception_score",
    "js_divergence",
    "ndb",
    "nearest_distances",
    "pitch_accuracy",
    "pitch_entropy",
    "score_bins",
    "similarity",
]
