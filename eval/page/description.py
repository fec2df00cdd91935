"""A listening page from its description: a JSON object with its sets of clips and its tables."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from eval.page import sources
from eval.page.render import ClipSet, Column, Page, Table
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name

T = TypeVar("T")

PICTURES = ("spectrogram", "rainbowgram")
TITLE, QUESTION, NUM_CLIPS = "Listening page", "Which one sounds better?", 16
_KEYS = ("title", "introduction", "question", "picture", "sets", "tables")
_SET_KEYS = ("name", "text", "path", "files", "captions", "wide", "beside", "blind", "picture")


@dataclasses.dataclass(frozen=True)
class Source:
    """Origin of a description, and the reading of its values.

    Attributes:
      origin: names it in messages.
      folder: what its paths are relative to.
      num_clips: of each folder or model.
      seed: of the models' latents.
      trust_model: whether to run models even if they do more than compute.
    """

    origin: str
    folder: str = ""
    num_clips: int = NUM_CLIPS
    seed: int = 0
    trust_model: bool = False

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
      UserError: a value is impossible, or a file that it names can't be read.
    """
    source.known(description, _KEYS, "the description")
    picture = _picture(source, description, "spectrogram")
    given = [source.known(values, _SET_KEYS, "a set") for values in source.get(description, "sets", list, [])]
    sets = [_set(source, values, picture) for values in given]
    names = [clip_set.name for clip_set in sets]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{source.origin}: two sets have the name {name!r}")
    if not sets:
        raise UserError(f"{source.origin}: there is no set of clips")
    page = Page(
        source.get(description, "title", str, TITLE),
        source.texts(description, "introduction"),
        sets,
        [_table(source, values) for values in source.get(description, "tables", list, [])],
        source.get(description, "question", str, QUESTION),
    )
    # Clips are read when all else has been checked, as that is what takes time.
    return page._replace(sets=[_with_clips(source, *pair) for pair in zip(given, sets, strict=True)])


def _picture(source: Source, values: Mapping[str, Any], default: str) -> str:
    picture = source.get(values, "picture", str, default)
    if picture not in PICTURES:
        raise UserError(f"{source.origin}: picture {picture!r} must be one of {', '.join(PICTURES)}")
    return picture


def _set(source: Source, values: Mapping[str, Any], picture: str) -> ClipSet:
    """A set without its clips, the places of which are checked."""
    name = source.get(values, "name", str, "").strip()
    if not name:
        raise UserError(f"{source.origin}: every set needs a name")
    if ("path" in values) == ("files" in values):
        raise UserError(f"{source.origin}: set {name!r} needs either 'path' or 'files'")
    path, files, captions = _places(source, values)
    if path is None and not files:
        raise UserError(f"{source.origin}: set {name!r} has no clips")
    with _named(name):
        if path is None:
            sources.check_files(files, captions)
        else:
            sources.find(path)
    wide, beside, blind = (source.get(values, key, bool, key == "blind") for key in ("wide", "beside", "blind"))
    text = source.get(values, "text", str, "")
    return ClipSet(name, text, [], _picture(source, values, picture), wide, beside, blind)


def _places(source: Source, values: Mapping[str, Any]) -> tuple[str | None, list[str], list[str] | None]:
    """A set's folder or model, if it has one, or else its files; and its captions, if it has any."""
    captions = source.texts(values, "captions") if "captions" in values else None
    if "path" in values:
        return os.path.join(source.folder, source.get(values, "path", str, "")), [], captions
    return None, [os.path.join(source.folder, name) for name in source.texts(values, "files")], captions


def _with_clips(source: Source, values: Mapping[str, Any], clip_set: ClipSet) -> ClipSet:
    path, files, captions = _places(source, values)
    with _named(clip_set.name):
        if path is None:
            return clip_set._replace(clips=sources.read_files(files, captions))
        return clip_set._replace(
            clips=sources.clips_of(path, captions, source.num_clips, source.seed, source.trust_model)
        )


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Puts a set's name in front of an error's message."""
    try:
        yield
    except UserError as error:
        raise UserError(f"set {display_name(name)}: {error}") from None


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
