"""Names of the metrics on the command line and in scores.jsonl, and what each of them needs."""

from __future__ import annotations

METRICS = (
    "inception_score", "label_accuracy", "pitch_accuracy", "pitch_entropy", "fid", "ndb", "ndb_over_k", "js_divergence",
    "d_self", "d_train",
)  # fmt: skip
NEEDS_REAL = ("fid", "ndb", "ndb_over_k", "js_divergence", "d_train")
NEEDS_CLASSIFIER = ("inception_score", "label_accuracy", "pitch_accuracy", "pitch_entropy", "fid")
# Metrics that come of NDB's bins, and of distances between clips.
OF_BINS, OF_DISTANCES = ("ndb", "ndb_over_k", "js_divergence"), ("d_self", "d_train")
