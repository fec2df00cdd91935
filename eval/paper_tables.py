"""Every published figure that a score here can be compared with, its source, and reasons against comparing."""

from __future__ import annotations

import dataclasses

CONFIRMED, UNCHECKED = "C", "U"
STATUS = {
    CONFIRMED: "confirmed from the named source",
    UNCHECKED: "widely quoted, not checked against the paper's own page",
}
SC09_PAPER = "Donahue et al., ICLR 2019, table 1"
NSYNTH_PAPER = "Engel et al., ICLR 2019, table 1"
STUDENT = "student report, 2022"
DIFFWAVE = "Kong et al. (DiffWave), ICLR 2021"
REPOSITORY = "README of chrisdonahue/wavegan"

# Whose classifier the figure is by.
DONAHUE, NSYNTH_PITCH, INCEPTION_V3, RESNEXT = (
    "best_acc-103005", "NSynth pitch classifier (not published)", "Inception-v3 by transfer learning", "ResNeXt",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Published:
    """One figure.

    Attributes:
      data: "sc09" or "nsynth".
      model: "wavegan", "specgan", "gansynth", "real" or "" for others.
      row: name of the row in its table.
      metric: as `eval.scoring` names it, or another name if nothing here computes it.
      value: the figure.
      spread: the figure after the +-, or None.
      source: where it is from.
      status: `CONFIRMED` or `UNCHECKED`.
      n: number of samples, or None if it is not known.
      k: number of groups for an inception score.
      classifier: that the figure depends on; "" if it depends on none.
    """

    data: str
    model: str
    row: str
    metric: str
    value: float
    spread: float | None
    source: str
    status: str
    n: int | None = None
    k: int | None = None
    classifier: str = ""


_HUMAN = ("human_accuracy", "human_quality", "human_ease", "human_diversity")
# Model, row, inception score, spread, status, then human accuracy, quality, ease and diversity, their status.
_SC09 = (
    ("real", "real, train (18 620 files)", 9.18, 0.04, CONFIRMED, (), ""),
    ("real", "real, test", 8.01, 0.24, UNCHECKED, (0.95, 3.9, 3.9, 3.5), UNCHECKED),
    ("", "parametric (Buchanan)", 5.02, 0.06, UNCHECKED, (), ""),
    ("wavegan", "WaveGAN", 4.12, 0.03, UNCHECKED, (), ""),
    ("wavegan", "WaveGAN + phase shuffle n=2", 4.67, 0.01, CONFIRMED, (0.58, 2.3, 2.8, 3.2), UNCHECKED),
    ("wavegan", "WaveGAN + phase shuffle n=4", 4.54, 0.03, UNCHECKED, (), ""),
    ("wavegan", "WaveGAN, nearest-neighbour upsampling", 3.77, 0.02, UNCHECKED, (), ""),
    ("wavegan", "WaveGAN + post-processing filter", 3.92, 0.03, UNCHECKED, (), ""),
    ("wavegan", "WaveGAN + dropout", 3.93, 0.03, UNCHECKED, (), ""),
    ("specgan", "SpecGAN", 6.03, 0.04, CONFIRMED, (0.66, 1.9, 2.8, 2.6), UNCHECKED),
    ("specgan", "SpecGAN + phase shuffle n=1", 3.71, 0.03, UNCHECKED, (), ""),
)
_NSYNTH_METRICS = ("human_wins", "ndb", "fid", "inception_score", "pitch_accuracy", "pitch_entropy")
# Model, row, then human wins, NDB (k = 50), FID, inception score, pitch accuracy in %, pitch entropy.
_NSYNTH = (
    ("real", "real data", (549, 2.2, 13, 47.1, 98.2, 0.22)),
    ("gansynth", "IF-Mel + H", (485, 29.3, 167, 38.1, 97.9, 0.40)),
    ("gansynth", "IF + H", (308, 36.0, 104, 41.6, 98.3, 0.32)),
    ("gansynth", "Phase + H", (225, 37.6, 592, 36.2, 97.6, 0.44)),
    ("gansynth", "IF-Mel", (479, 37.0, 600, 29.6, 94.1, 0.63)),
    ("gansynth", "IF", (283, 37.0, 708, 36.3, 96.8, 0.44)),
    ("gansynth", "Phase", (203, 41.4, 687, 24.4, 94.4, 0.77)),
    ("", "WaveNet", (359, 45.9, 320, 29.1, 92.7, 0.70)),
    ("wavegan", "WaveGAN", (216, 43.0, 461, 13.7, 82.7, 1.40)),
)
_NSYNTH_CONFIRMED = {("IF-Mel + H", "inception_score"), ("WaveGAN", "inception_score")}
# Data, model, row, metric, value.
_STUDENT = (
    ("sc09", "specgan", "SpecGAN", "inception_score", 1.48),
    ("sc09", "wavegan", "WaveGAN", "inception_score", 3.77),
    ("nsynth", "gansynth", "GANSynth", "inception_score", 24.62),
)
_DIFFWAVE = (
    ("wavegan", "WaveGAN", "fid", 1.349),
    ("wavegan", "WaveGAN", "inception_score", 4.53),
    ("wavegan", "WaveGAN", "modified_inception_score", 36.6),
    ("wavegan", "WaveGAN", "am_score", 0.796),
    ("wavegan", "WaveGAN", "ndb_over_k", 0.78),
    ("wavegan", "WaveGAN", "human_mos", 2.03),
    ("real", "training set", "inception_score", 8.48),
    ("real", "test set", "inception_score", 8.47),
)


def _sc09() -> list[Published]:
    rows = []
    for model, row, score, spread, status, human, human_status in _SC09:
        source = REPOSITORY if row.startswith("real, train") else SC09_PAPER
        n = 18_620 if row.startswith("real, train") else None if model == "real" else 50_000
        rows.append(Published("sc09", model, row, "inception_score", score, spread, source, status, n, 10, DONAHUE))
        rows += [
            Published("sc09", model, row, metric, value, None, SC09_PAPER, human_status)
            for metric, value in zip(_HUMAN, human, strict=False)
        ]
    return rows


def _nsynth() -> list[Published]:
    return [
        Published(
            "nsynth", model, row, metric, value, None, NSYNTH_PAPER,
            CONFIRMED if (row, metric) in _NSYNTH_CONFIRMED else UNCHECKED,
            classifier="" if metric in ("human_wins", "ndb") else NSYNTH_PITCH,
        )
        for model, row, values in _NSYNTH
        for metric, value in zip(_NSYNTH_METRICS, values, strict=True)
    ]  # fmt: skip


PUBLISHED: tuple[Published, ...] = (
    *_sc09(),
    *_nsynth(),
    *(
        Published(data, model, row, metric, value, None, STUDENT, CONFIRMED, 1000, None, INCEPTION_V3)
        for data, model, row, metric, value in _STUDENT
    ),
    *(
        Published("sc09", model, row, metric, value, None, DIFFWAVE, CONFIRMED, 1000, None, RESNEXT)
        for model, row, metric, value in _DIFFWAVE
    ),
)


def rows_of(data: str, model: str = "", metric: str = "") -> list[Published]:
    """The figures of a data set, of one model and one metric if these are given."""
    return [
        row for row in PUBLISHED
        if row.data == data and (not model or row.model == model) and (not metric or row.metric == metric)
    ]  # fmt: skip


def why_not_comparable(
    published: Published, n: int, k: int | None, is_published_classifier: bool, bins: int | None = None
) -> str:
    """Reasons why a score of ours does not compare with a published one; empty if it does.

    Args:
      published: the figure.
      n: number of samples of ours.
      k: groups of our inception score.
      is_published_classifier: whether ours is by the weights that the paper's figures are by (`best_acc-103005`).
      bins: of our NDB; those published are of 50.
    """
    reasons = []
    if published.classifier and not (is_published_classifier and published.classifier == DONAHUE):
        reasons.append(f"other classifier ({published.classifier})")
    if published.metric == "inception_score":
        if published.n is None:
            reasons.append("its number of samples is not known")
        elif n != published.n:
            reasons.append(f"{n} samples, not {published.n}")
        if published.k is not None and k != published.k:
            reasons.append(f"{k} groups, not {published.k}")
    if published.metric in ("ndb", "ndb_over_k") and bins not in (None, 50):
        reasons.append(f"{bins} bins, not 50")
    if published.metric in ("ndb", "ndb_over_k", "fid"):
        reasons.append("other training data and features")
    return "; ".join(reasons)
