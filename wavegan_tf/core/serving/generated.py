"""The folder that a generate command fills, and the list of what it wrote there."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from absl import logging

from wavegan_tf.core.audio import labels
from wavegan_tf.core.audio.files import list_audio_files
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.reading import read_json
from wavegan_tf.core.writing import write_file, writing

LIST_FILE = "generated.json"
_FORM = r"000000(_midi000)?\.(wav|flac)"


@dataclasses.dataclass(frozen=True)
class NumberedFiles:
    """Files of clips that are numbered from 0, and may encode a MIDI pitch or a label in addition.

    Attributes:
      count: of them.
      form: the name of one, with zeros for the number and the pitch: 000000.wav, 000000_midi000.flac.
      labels: that may stand before the number: kick_000000.wav.
    """

    count: int
    form: str
    labels: Sequence[str] = ()

    def name(self, number: int, pitch: int = 0, label: int | None = None) -> str:
        """The name of a clip, `label` being the number of one."""
        before = "" if label is None else f"{self.labels[label]}_"
        return before + self.form.replace("midi000", f"midi{pitch:03d}").replace("000000", f"{number:06d}", 1)

    def __contains__(self, name: object) -> bool:
        pattern = re.escape(self.form).replace("midi000", r"midi(?P<pitch>\d{3})").replace("000000", r"(\d{6,})", 1)
        before = f"(?:(?:{'|'.join(map(re.escape, self.labels))})_)?" if self.labels else ""
        match = re.fullmatch(before + pattern, name, re.ASCII) if isinstance(name, str) else None
        if match is None or (len(match[1]) > 6 and match[1][0] == "0"):
            return False
        return int(match[1]) < self.count


@dataclasses.dataclass(frozen=True)
class _Written:
    """Names of the files that an earlier run wrote, or was about to write."""

    names: frozenset[str] = frozenset()
    clips: NumberedFiles | None = None

    def __contains__(self, name: str) -> bool:
        return name in self.names or (self.clips is not None and name in self.clips)


def claim_folder(folder: str, names: Collection[str], overwrite: bool, clips: NumberedFiles | None = None) -> None:
    """Makes a folder ready for files that are to be written into it, and lists them there.

    Args:
      folder: made if missing.
      names: of the files.
      overwrite: remove what an earlier run wrote, by its list, and nothing else.
      clips: further files, however many.

    Raises:
      UserError: it holds audio and nothing may be removed, or a file of one of these names that no run wrote, or a list
        that cannot be read, or it cannot be written.
    """
    shown = f"--output_dir={display_name(folder)}"
    written = _read_list(folder, shown)
    found = [os.path.relpath(path, folder) for path in list_audio_files(folder)] if os.path.isdir(folder) else []
    if found and not overwrite:
        is_ours = any(name in written for name in found)
        ours = ", or remove what an earlier run wrote with --overwrite" if is_ours else ""
        raise UserError(f"{shown}: holds audio already ({display_name(found[0])}); name another folder{ours}")
    for name in _taken(folder, names, clips):
        if name not in written:
            raise UserError(f"{shown}: {display_name(name)} there was not generated; name another folder")
    others = [name for name in found if name not in written]
    if others:
        logging.warning("%s: keeps audio that was not generated, such as %s", shown, display_name(others[0]))
    with writing(shown):
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            # A run that was killed leaves a file under its temporary name.
            if overwrite and name.split(".tmp-")[0] in written:
                os.remove(os.path.join(folder, name))
    _write_list(folder, {"files": sorted(names), **({"clips": _as_json(clips)} if clips else {})})


def _as_json(clips: NumberedFiles) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(clips).items() if value or name != "labels"}


def _taken(folder: str, names: Collection[str], clips: NumberedFiles | None) -> Iterable[str]:
    """Those of these names that a folder holds."""
    there = os.listdir(folder) if os.path.isdir(folder) else []
    return [name for name in there if name in names or (clips is not None and name in clips)]


def _write_list(folder: str, values: dict[str, Any]) -> None:
    write_file(os.path.join(folder, LIST_FILE), json.dumps(values, indent=1))


def _read_list(folder: str, shown: str) -> _Written:
    """Names that an earlier run wrote or was about to write; none if there is no list."""
    try:
        values = read_json(os.path.join(folder, LIST_FILE))
        names, clips = values["files"], values.get("clips")
        clips = NumberedFiles(**clips) if clips is not None else None
    except (FileNotFoundError, NotADirectoryError):
        return _Written()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        names = None
    if not isinstance(names, list) or not all(map(_is_plain, names)) or not (clips is None or _is_numbered(clips)):
        raise UserError(f"{shown}: {LIST_FILE} there is no list of generated files; remove it, or name another folder")
    return _Written(frozenset(names), clips)


def _is_plain(name: object) -> bool:
    """Tells whether something is the name of a file in the folder itself."""
    if not isinstance(name, str) or name in ("", ".", "..", LIST_FILE):
        return False
    return os.path.basename(name) == name and "\0" not in name


def _is_numbered(clips: NumberedFiles) -> bool:
    if clips.labels:
        try:
            labels.checked(clips.labels)
        except ValueError:
            return False
    return type(clips.count) is int and isinstance(clips.form, str) and bool(re.fullmatch(_FORM, clips.form))
