"""Records of scores, and the table of ours alongside the published figures."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eval import paper_tables
from eval.paper_tables import SC09_PAPER, STUDENT, Published
from wavegan_tf import __version__
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import Unreadable, parse_json, read_text
from wavegan_tf.core.writing import append_lines, why

if TYPE_CHECKING:
    from eval.scoring import Score

SCORES_FILE = "scores.jsonl"
_NAMES = {
    "inception_score": "inception score",
    "label_accuracy": "accuracy %",
    "pitch_accuracy": "pitch accuracy %",
    "pitch_entropy": "pitch entropy",
    "fid": "FID",
    "ndb": "NDB",
    "ndb_over_k": "NDB/k",
    "js_divergence": "JS divergence",
    "d_self": "|D|self",
    "d_train": "|D|train",
}


def versions() -> dict[str, str]:
    """Versions of what a score was computed with, by package."""
    import keras
    import tensorflow as tf

    found = {"adversarial_audio_tf": __version__, "python": platform.python_version(), "tensorflow": tf.__version__}
    found |= {"keras": keras.__version__, "numpy": np.__version__}
    try:
        return {**found, "scikit-learn": importlib.metadata.version("scikit-learn")}
    except importlib.metadata.PackageNotFoundError:
        return found


def records(scores: Sequence[Score], common: dict[str, Any]) -> list[dict[str, Any]]:
    """A line of scores.jsonl for each score; one without a value has null for it, and the reason.

    Args:
      scores: of one run.
      common: what is the same for all: name, place, seed and so on.
    """
    hashes = {id(s.classifier): s.classifier.hash() for s in scores if s.classifier is not None}
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    lines = []
    for score in scores:
        line: dict[str, Any] = {"metric": score.metric, "value": score.value, "spread": score.spread, "n": score.n}
        line |= {"of": score.of, **common, "time": now, "versions": versions()}
        said = {"k": score.groups, "bins": score.bins, "reason" if score.value is None else "note": score.note}
        line |= {key: value for key, value in said.items() if value}
        if score.classes:
            line["classes"] = {label: {"value": value, "n": n} for label, (value, n) in score.classes.items()}
        if score.classifier is not None:
            info = score.classifier.info
            line["classifier"] = {
                "name": score.classifier.name, "place": score.classifier.place, "sha256": hashes[id(score.classifier)],
                "test_accuracy": info.test_accuracy, "test_size": info.test_size, "is_published": info.is_published,
            }  # fmt: skip
        lines.append(line)
    return lines


def read(output_dir: str) -> list[dict[str, Any]]:
    """The records in a folder, without lines that were cut short; none without the file.

    Raises:
      UserError: it cannot be read.
    """
    lines = []
    try:
        text = read_text(os.path.join(output_dir, SCORES_FILE), errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, Unreadable) as error:
        raise UserError(f"--output_dir={output_dir}: {SCORES_FILE} cannot be read ({why(error)})") from None
    for line in text.split("\n"):
        with contextlib.suppress(ValueError):
            lines.append(parse_json(line))
    return [line for line in lines if isinstance(line, dict)]


def append(lines: Sequence[dict[str, Any]], output_dir: str) -> str:
    """Adds lines to scores.jsonl, all or none of them.

    Returns:
      Its path.

    Raises:
      UserError: it cannot be written.
      ValueError: a number is not finite, for which JSON has no word.
    """
    path = os.path.join(output_dir, SCORES_FILE)
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    append_lines(path, text, f"--output_dir={output_dir}: {SCORES_FILE}")
    return path


def _figure(value: float | None, spread: float | None) -> str:
    if value is None:
        return "no value"
    digits = 2 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}" + (f" +- {spread:.{digits}f}" if spread is not None else "")


def _published(rows: Sequence[Published]) -> str:
    return "; ".join(f"{_figure(r.value, r.spread)} [{r.status}] {r.row}" for r in rows) or "-"


def _name(score: Score) -> str:
    """Of a score's row."""
    name = _NAMES[score.metric] + (f" (of {score.bins})" if score.metric == "ndb" and score.bins else "")
    name += " of the real clips" if score.of == "real" else ""
    return name if score.classifier is None else f"{name}, {score.classifier.name}"


def side_by_side(scores: Sequence[Score], data: str, model: str) -> str:
    """Ours, the student report's and the paper's figures for each score, and why they do not compare.

    Args:
      scores: of one run.
      data: "sc09" or "nsynth".
      model: whose rows to show; "" if it is not known, which shows those of all models.
    """
    table, notes = [("metric", "ours", "student report", "paper")], []
    for score in scores:
        rows = paper_tables.rows_of(data, "real" if score.of == "real" else model, score.metric)
        student = [row for row in rows if row.source == STUDENT]
        paper = [row for row in rows if row.source in (SC09_PAPER, paper_tables.NSYNTH_PAPER, paper_tables.REPOSITORY)]
        name = _name(score)
        table.append(
            (name, f"{_figure(score.value, score.spread)} (n={score.n})", _published(student), _published(paper))
        )
        notes += [f"  {name}: {score.note}"] if score.note else []
        if score.classes:
            each = ", ".join(f"{label} {_figure(value, None)} (n={n})" for label, (value, n) in score.classes.items())
            notes.append(f"  {name}, by class: {each}")
        published = score.classifier is not None and score.classifier.info.is_published
        reasons = {}
        for row in (*student, *paper) if score.value is not None else ():
            if reason := paper_tables.why_not_comparable(row, score.n, score.groups, published, score.bins):
                reasons[reason] = row.source
        notes += [f"  {name}: not comparable with {source}: {reason}" for reason, source in reasons.items()]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = ["  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3]]) for row in table]
    lines.append("[C] confirmed from the named source; [U] widely quoted, not checked against the paper's own page")
    return "\n".join([*lines, *dict.fromkeys(notes), *traps(scores)])


def traps(scores: Sequence[Score]) -> list[str]:
    """The two ways to fool oneself with an inception score, where one is printed."""
    found = [score for score in scores if score.metric == "inception_score" and score.value is not None]
    if not found:
        return []
    lines = [
        "An inception score grows with the number of samples: of 1 000 or 5 000 it does not compare with one of 50 000 "
        f"(here: {', '.join(sorted({str(score.n) for score in found}))})."
    ]
    for classifier in {id(score.classifier): score.classifier for score in found}.values():
        if classifier is None:
            lines.append("Scores of stored probabilities depend on the classifier that gave them, whatever that was.")
        elif not classifier.info.is_published:
            known = classifier.info.test_accuracy
            accuracy = "unknown" if known is None else f"{100 * known:.1f} % of {classifier.info.test_size} clips"
            lines.append(
                f"A score by another classifier does not compare at all: {classifier.name} is {classifier.hash()[:12]} "
                f"(test accuracy {accuracy}), not the paper's."
            )
    return lines


def all_published(data: str) -> str:
    """Every published row of a data set, with its source and status."""
    lines = [f"Published figures on {'SC09' if data == 'sc09' else 'NSynth'}:"]
    for row in paper_tables.rows_of(data):
        n = f", n={row.n}" if row.n else ""
        lines.append(f"  {row.row}: {row.metric} {_figure(row.value, row.spread)} [{row.status}] {row.source}{n}")
    return "\n".join(lines)
