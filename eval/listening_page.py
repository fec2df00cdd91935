"""eval_listening_page: one HTML file that plays folders of audio and models side by side, with a blind test."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from typing import Any

from absl import flags as absl_flags
from absl import logging

from eval.page.description import NUM_CLIPS, PICTURES, QUESTION, TITLE, Source, build
from eval.page.render import Column, Page, Table, render
from wavegan_tf.core import effects, flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.flags import require_effect
from wavegan_tf.core.folders import output_file
from wavegan_tf.core.reading import parse_json, read_json, read_text
from wavegan_tf.core.serving.commands import define_trust
from wavegan_tf.core.writing import write_file, writing

_LARGE_BYTES = 50e6
_IN_DESCRIPTION = effects.not_with("description", reason=", which says it")
_RULES = {name: [_IN_DESCRIPTION] for name in ("set", "title", "question", "picture")}
_SCORE_COLUMNS = (
    Column("name", "Set"), Column("metric", "Metric"), Column("value", "Value"), Column("spread", "Spread"),
    Column("n", "n"), Column("bins", "Bins"), Column("of", "Of"), Column("classifier", "Classifier"),
    Column("reason", "Why no value"),
)  # fmt: skip


def read_description(path: str) -> Any:
    """The value of a JSON file.

    Raises:
      UserError: it can't be read.
    """
    with _named_errors(path, "description"):
        return read_json(path)


@contextlib.contextmanager
def _named_errors(path: str, flag: str) -> Iterator[None]:
    """Turns all that reading a file of JSON may raise into UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"--{flag}={display_name(path)}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"--{flag}={display_name(path)}: is not JSON ({error})") from None


def scores_table(path: str) -> Table:
    """The table of a file of scores: JSON objects, one a line, with "metric" and "value" and whatever else it shows.

    Raises:
      UserError: the file can't be read, a line is no such object, or there is none.
    """
    with _named_errors(path, "scores"):
        lines = [(number, line) for number, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    rows = []
    for number, line in lines:
        try:
            row = parse_json(line)
        except ValueError as error:
            raise UserError(f"--scores={display_name(path)}: line {number} is not JSON ({error})") from None
        value = row.get("value") if isinstance(row, dict) else None
        if not isinstance(row, dict) or "metric" not in row or isinstance(value, bool | str | list | dict):
            raise UserError(f'--scores={display_name(path)}: line {number} needs "metric" and a number as "value"')
        if isinstance(row.get("classifier"), dict):
            row["classifier"] = row["classifier"].get("name")
        rows.append({column.key: _plain(row.get(column.key)) for column in _SCORE_COLUMNS})
    if not rows:
        raise UserError(f"--scores={display_name(path)}: holds no scores")
    used = [column for column in _SCORE_COLUMNS if any(row[column.key] is not None for row in rows)]
    return Table("Scores", "", used, rows)


def _plain(value: Any) -> float | str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def write(page: Page, output: str) -> None:
    """Writes the page, whole or not at all, and warns of a very large one.

    Raises:
      UserError: the file can't be written.
    """
    data = render(page).encode("utf-8", "backslashreplace")
    shown = f"--output={display_name(output)}"
    with writing(shown):
        os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    write_file(output, data, shown)
    clips = sum(len(clip_set.clips) for clip_set in page.sets)
    logging.info("%s: %d clips of %d sets, %.1f MB", display_name(output), clips, len(page.sets), len(data) / 1e6)
    if len(data) > _LARGE_BYTES:
        logging.warning("A page above %.0f MB is slow to open, on a telephone above all: take fewer clips, or shorter "
                        "ones", _LARGE_BYTES / 1e6)  # fmt: skip


def main() -> None:
    """Reads the flags and writes the page.

    Raises:
      UserError: flags contradict each other, what they name can't be read, or the page can't be written.
    """
    values = absl_flags.FLAGS
    require_effect(_RULES)
    flags.require(output=values.output)
    if values.description:
        origin, folder = f"--description={display_name(values.description)}", os.path.dirname(values.description)
        description = read_description(values.description)
    else:
        origin, folder = "--set", ""
        description = {"title": values.title, "question": values.question, "picture": values.picture,
                       "sets": [_set_of_flag(text, index > 0) for index, text in enumerate(values.set)]}  # fmt: skip
    if not values.description and not values.set:
        raise UserError("--set=NAME=PATH or --description must be given")
    with output_file(values.output, "output"):
        table = scores_table(values.scores) if values.scores else None
        page = build(description, Source(origin, folder, values.num_clips, values.seed, values.trust_model))
        write(page._replace(tables=[*page.tables, table]) if table else page, values.output)


def _set_of_flag(text: str, is_beside: bool) -> dict[str, Any]:
    name, separator, path = text.partition("=")
    if not separator or not name.strip() or not path:
        raise UserError(f"--set={text}: must be NAME=PATH, as in --set=WaveGAN=clips/wavegan")
    return {"name": name, "path": path, "beside": is_beside}


def define_flags() -> None:
    """Defines this command's flags."""
    absl_flags.DEFINE_multi_string(
        "set", [], "NAME=PATH of a folder of audio or a SavedModel's version folder; give it once for each set."
    )
    flags.define_path("output", "", "HTML file to write.")
    absl_flags.DEFINE_integer("num_clips", NUM_CLIPS, "Clips of each set: at most, or to generate.", 1, 10000)
    absl_flags.DEFINE_integer("seed", 0, "Seed of the latents of models.", 0, 2**63 - 1)
    define_trust()
    absl_flags.DEFINE_string("title", TITLE, "Heading of the page.")
    absl_flags.DEFINE_string("question", QUESTION, "What listeners answer in the blind test.")
    absl_flags.DEFINE_enum("picture", "spectrogram", list(PICTURES), "What to draw of each clip.")
    flags.define_path("scores", "", "File of scores (JSON objects, one a line) to show as a table.")
    flags.define_path("description", "", "JSON file that describes a richer page, in place of --set.")


def run() -> None:
    """Entry point of eval_listening_page."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
