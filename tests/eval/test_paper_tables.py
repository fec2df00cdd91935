import pytest

from eval import paper_tables, score_table
from eval.classifiers import registry
from eval.classifiers.places import ClassifierInfo
from eval.paper_tables import PUBLISHED, rows_of
from eval.scoring import Score


def test_every_row_has_a_source_and_a_status():
    assert {row.status for row in PUBLISHED} == set(paper_tables.STATUS)
    assert all(row.source and row.row and row.data in ("sc09", "nsynth") for row in PUBLISHED)
    keys = [(row.data, row.row, row.metric, row.source) for row in PUBLISHED]
    assert len(keys) == len(set(keys))
    # 11 inception scores and 3 x 4 human figures, 9 x 6 of NSynth, 3 of the student report, 8 of DiffWave's.
    assert len(PUBLISHED) == 11 + 12 + 54 + 3 + 8


@pytest.mark.parametrize(
    ("data", "row", "metric", "value", "spread", "status"),
    [
        ("sc09", "SpecGAN", "inception_score", 6.03, 0.04, "C"),
        ("sc09", "real, train (18 620 files)", "inception_score", 9.18, 0.04, "C"),
        ("sc09", "real, test", "human_accuracy", 0.95, None, "U"),
        ("nsynth", "IF-Mel + H", "inception_score", 38.1, None, "C"),
        ("nsynth", "WaveNet", "fid", 320, None, "U"),
        ("nsynth", "real data", "pitch_entropy", 0.22, None, "U"),
    ],
)
def test_figures(data, row, metric, value, spread, status):
    found = [r for r in rows_of(data, metric=metric) if r.row == row and r.source != paper_tables.STUDENT]
    found = [r for r in found if r.source != paper_tables.DIFFWAVE]
    assert [(r.value, r.spread, r.status) for r in found] == [(value, spread, status)]


def test_what_compares():
    (row,) = [r for r in rows_of("sc09", "specgan", "inception_score") if r.value == 6.03]
    assert paper_tables.why_not_comparable(row, 50_000, 10, True) == ""
    assert "5000 samples, not 50000" in paper_tables.why_not_comparable(row, 5000, 10, True)
    assert "5 groups, not 10" in paper_tables.why_not_comparable(row, 50_000, 5, True)
    assert "other classifier (best_acc-103005)" in paper_tables.why_not_comparable(row, 50_000, 10, False)
    (student,) = [r for r in rows_of("sc09", "specgan") if r.source == paper_tables.STUDENT]
    assert "Inception-v3" in paper_tables.why_not_comparable(student, 1000, 10, True)


def test_the_published_classifier_is_not_warned_of():
    info = ClassifierInfo("sc09", "waveform", tuple("abcdefghij"), is_published=True)
    classifier = registry.build(info, "log_mel")
    ours = Score("inception_score", 5.9, 0.05, 50_000, "fake", classifier, groups=10)
    text = score_table.side_by_side([ours], "sc09", "specgan")
    line = next(line for line in text.splitlines() if line.startswith("inception score"))
    assert "5.90 +- 0.05 (n=50000)" in line and "1.48 [C] SpecGAN" in line and "6.03 +- 0.04 [C] SpecGAN" in line
    assert "does not compare at all" not in text
    assert "not comparable with Donahue" not in text and "not comparable with student report" in text
