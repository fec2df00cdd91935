"""Names of the sets in a folder of scores: short, and never those of another set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from eval import score_table
from wavegan_tf.core.audio.files import display_name
from wavegan_tf.core.errors import UserError


def probabilities_file(name: str, classifier: str) -> str:
    """The file of what a classifier says of a set."""
    return f"{name}_{classifier}_probabilities.npy".replace(os.sep, "_")


def name_of(place: str, output_dir: str, classifiers: Sequence[str], asked: str = "") -> str:
    """The name of a set, under which its scores are recorded and its probabilities stored.

    It is the end of its path: the last part, or two where that is a version number, or as many as tell it from the
    other sets in the folder. A set that was scored before keeps its name.

    Args:
      place: the folder or file that is scored.
      output_dir: of the scores.
      classifiers: names of the classifiers.
      asked: the name that the user wants; "" for none in particular.

    Raises:
      UserError: that is another set's.
    """
    place, taken = os.path.abspath(place), {}
    for line in score_table.read(output_dir):
        other = str(line.get("watched") or line.get("place"))
        if os.path.realpath(other) != os.path.realpath(place):
            taken.update(dict.fromkeys(_of_record(line), other))
    parts = place.split(os.sep)
    shortest = 2 if parts[-1].isdigit() else 1
    names = [asked] if asked else [display_name("/".join(parts[-n:])) for n in range(shortest, len(parts) + 1)]
    for name in names:
        others = [taken[key] for key in _keys(name, classifiers) if key in taken]
        if not others:
            return name
    raise UserError(
        f"--name={names[-1]}: is of {display_name(others[0])} in {os.path.join(output_dir, score_table.SCORES_FILE)}; "
        "give another name"
    )


def _keys(name: str, classifiers: Sequence[str]) -> list[str]:
    """Names that two sets must not share."""
    return [name.replace(os.sep, "_"), *(probabilities_file(name, classifier) for classifier in classifiers)]


def _of_record(line: dict[str, Any]) -> Iterator[str]:
    name, classifier = str(line.get("name", "")), line.get("classifier")
    classifiers = [str(classifier.get("name"))] if isinstance(classifier, dict) else []
    yield from _keys(name, classifiers)
    if "watched" in line:
        yield from _keys(name.removesuffix(f" {line.get('step')}"), classifiers)
