"""eval_listening_page: one HTML file that plays folders of audio and models side by side, with a blind test."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from absl import flags as absl_flags
from absl import logging

from eval.page import sources
from eval.page.render import Clip, ClipSet, Column, Page, Table, render
from wavegan_tf.core import effects, flags
from wavegan_tf.core.audio.files import display_name
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import require_effect
from wavegan_tf.core.folders import output_file

T = TypeVar("T")

_PICTURES = ("spectrogram", "rainbowgram")
_TITLE, _QUESTION, _NUM_CLIPS = "Listening page", "Which one sounds better?", 16
_LARGE_BYTES = 50e6
_IN_DESCRIPTION = effects.not_with("description", reason=", which says it")
_RULES = {name: [_IN_DESCRIPTION] for name in ("set", "title", "question", "picture")}
_KEYS = ("title", "introduction", "question", "picture", "sets", "tables")
_SET_KEYS = ("name", "text", "path", "files", "captions", "wide", "beside", "blind", "picture")
_SCORE_COLUMNS = (
    Column("name", "Set"), Column("metric", "Metric"), Column("value", "Value"), Column("spread", "Spread"),
    Column("n", "n"), Column("bins", "Bins"), Column("of", "Of"), Column("classifier", "Classifier"),
    Column("reason", "Why no value"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Source:
    """What a description says with.

    Attributes:
      origin: names it in messages.
      folder: what its paths are relative to.
      num_clips: of each folder or model.
      seed: of the models' latents.
    """

    origin: str
    folder: str = ""
    num_clips: int = _NUM_CLIPS
    seed: int = 0

    def get(self, values: Mapping[str, Any], key: str, kind: type[T], default: T) -> T:
        """A value of a description, of that type.

        Raises:
          UserError: it has another.
        """
        value = values.get(key, default)
        if not isinstance(value, kind):
            raise UserError(f"{self.origin}: {key!r} must be a {_KINDS[kind]}, not {json.dumps(value)[:60]}")
        return value

    def texts(self, values: Mapping[str, Any], key: str) -> list[str]:
        """A list of words of a description; raises UserError if it is none."""
        found = self.get(values, key, list, [])
        if not all(isinstance(text, str) for text in found):
            raise UserError(f"{self.origin}: {key!r} must be a list of strings")
        return found

    def known(self, values: object, keys: Sequence[str], what: str) -> Mapping[str, Any]:
        """The same as an object with no other keys; raises UserError if it is not one."""
        if not isinstance(values, dict):
            raise UserError(f"{self.origin}: {what} must be an object, not {json.dumps(values)[:60]}")
        for key in values:
            if key not in keys:
                raise UserError(f"{self.origin}: {what} has an unknown key {key!r}; there are {', '.join(keys)}")
        return values


_KINDS: dict[type, str] = {str: "string", list: "list", bool: "true or false", dict: "object"}


def build(description: Mapping[str, Any], source: Source) -> Page:
    """A page from its description.

    Args:
      description: any of title, introduction (paragraphs), question, picture, sets and tables. A set has a name and
        either a path (a folder or a model) or files, and may have text, captions, picture, wide, beside and blind; a
        table has a title, columns (key, heading, unit, meaning, decimals) and rows, and may have text.
      source: where it is from.

    Raises:
      UserError: it says something impossible, or what it names can't be read.
    """
    source.known(description, _KEYS, "the description")
    picture = _picture(source, description, "spectrogram")
    sets: list[ClipSet] = []
    for values in source.get(description, "sets", list, []):
        sets.append(_set(source, source.known(values, _SET_KEYS, "a set"), picture))
    names = [clip_set.name for clip_set in sets]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{source.origin}: two sets have the name {name!r}")
    if not sets:
        raise UserError(f"{source.origin}: there is no set of clips")
    return Page(
        source.get(description, "title", str, _TITLE),
        source.texts(description, "introduction"),
        sets,
        [_table(source, values) for values in source.get(description, "tables", list, [])],
        source.get(description, "question", str, _QUESTION),
    )


def _picture(source: Source, values: Mapping[str, Any], default: str) -> str:
    picture = source.get(values, "picture", str, default)
    if picture not in _PICTURES:
        raise UserError(f"{source.origin}: picture {picture!r} must be one of {', '.join(_PICTURES)}")
    return picture


def _set(source: Source, values: Mapping[str, Any], picture: str) -> ClipSet:
    name = source.get(values, "name", str, "").strip()
    if not name:
        raise UserError(f"{source.origin}: every set needs a name")
    if ("path" in values) == ("files" in values):
        raise UserError(f"{source.origin}: set {name!r} needs either 'path' or 'files'")
    captions = source.texts(values, "captions") if "captions" in values else None
    try:
        clips = _clips(source, values, captions)
    except UserError as error:
        raise UserError(f"set {display_name(name)}: {error}") from None
    if not clips:
        raise UserError(f"{source.origin}: set {name!r} has no clips")
    wide, beside, blind = (source.get(values, key, bool, key == "blind") for key in ("wide", "beside", "blind"))
    text = source.get(values, "text", str, "")
    return ClipSet(name, text, clips, _picture(source, values, picture), wide, beside, blind)


def _clips(source: Source, values: Mapping[str, Any], captions: Sequence[str] | None) -> list[Clip]:
    if "path" in values:
        path = os.path.join(source.folder, source.get(values, "path", str, ""))
        return sources.clips_of(path, captions, source.num_clips, source.seed)
    return sources.read_files([os.path.join(source.folder, f) for f in source.texts(values, "files")], captions)


def _table(source: Source, values: object) -> Table:
    known = source.known(values, ("title", "text", "columns", "rows"), "a table")
    columns = []
    for column in source.get(known, "columns", list, []):
        given = source.known(column, Column._fields, "a column")
        key, heading, unit, meaning = (source.get(given, k, str, "") for k in ("key", "heading", "unit", "meaning"))
        decimals = given.get("decimals")
        if decimals is not None and (type(decimals) is not int or not 0 <= decimals <= 20):
            raise UserError(f"{source.origin}: 'decimals' must be a whole number from 0 to 20")
        columns.append(Column(key, heading or key, unit, meaning, decimals))
    rows = source.get(known, "rows", list, [])
    for row in rows:
        source.known(row, [column.key for column in columns], "a row")
        if any(isinstance(value, list | dict) for value in row.values()):
            raise UserError(f"{source.origin}: values in a table must be numbers, strings or null")
    return Table(source.get(known, "title", str, ""), source.get(known, "text", str, ""), columns, rows)


def read_json(path: str, flag: str) -> Any:
    """What a JSON file holds.

    Raises:
      UserError: it can't be read.
    """
    return _read(path, flag, json.loads)


def _read(path: str, flag: str, parse: Callable[[str], T]) -> T:
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file.read())
    except OSError as error:
        raise UserError(f"--{flag}={display_name(path)}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"--{flag}={display_name(path)}: is not JSON ({error})") from None


def scores_table(path: str) -> Table:
    """The table of a file of scores: JSON objects, one a line, with "metric" and "value" and whatever else it shows.

    Raises:
      UserError: the file can't be read, a line is no such object, or there is none.
    """
    lines = _read(path, "scores", lambda text: [(i, s) for i, s in enumerate(text.splitlines(), 1) if s.strip()])
    rows = []
    for number, line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
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
    temporary = f"{output}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, output)
    except OSError as error:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise UserError(f"--output={display_name(output)}: cannot be written ({error.strerror})") from None
    clips = sum(len(clip_set.clips) for clip_set in page.sets)
    logging.info("%s: %d clips of %d sets, %.1f MB", display_name(output), clips, len(page.sets), len(data) / 1e6)
    if len(data) > _LARGE_BYTES:
        logging.warning("A page above %.0f MB is slow to open, on a telephone above all: take less clips, or shorter "
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
        description = read_json(values.description, "description")
    else:
        origin, folder = "--set", ""
        description = {"title": values.title, "question": values.question, "picture": values.picture,
                       "sets": [_set_of_flag(text, index > 0) for index, text in enumerate(values.set)]}  # fmt: skip
    if not values.description and not values.set:
        raise UserError("--set=NAME=PATH or --description must be given")
    with output_file(values.output, "output"):
        table = scores_table(values.scores) if values.scores else None
        page = build(description, Source(origin, folder, values.num_clips, values.seed))
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
    absl_flags.DEFINE_string("output", "", "HTML file to write.")
    absl_flags.DEFINE_integer("num_clips", _NUM_CLIPS, "Clips of each set: at most, or to generate.", 1, 10000)
    absl_flags.DEFINE_integer("seed", 0, "Seed of the latents of models.", 0, 2**63 - 1)
    absl_flags.DEFINE_string("title", _TITLE, "Heading of the page.")
    absl_flags.DEFINE_string("question", _QUESTION, "What listeners answer in the blind test.")
    absl_flags.DEFINE_enum("picture", "spectrogram", list(_PICTURES), "What to draw of each clip.")
    absl_flags.DEFINE_string("scores", "", "File of scores (JSON objects, one a line) to show as a table.")
    absl_flags.DEFINE_string("description", "", "JSON file that describes a richer page, in place of --set.")


def run() -> None:
    """Entry point of eval_listening_page."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
