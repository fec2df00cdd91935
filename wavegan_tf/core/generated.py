"""The folder that a generate command fills, and the list of what it wrote there."""

from __future__ import annotations

import json
import os
from collections.abc import Collection

from absl import logging

from wavegan_tf.core.audio_files import display_name, list_audio_files
from wavegan_tf.core.errors import UserError

LIST_FILE = "generated.json"


def claim_folder(folder: str, names: Collection[str], overwrite: bool) -> None:
    """Makes a folder ready for files that are to be written into it, and lists them there.

    Args:
      folder: made if missing.
      names: of the files.
      overwrite: remove what an earlier run wrote, by its list, and nothing else.

    Raises:
      UserError: it holds audio and nothing may be removed, or a file of one of these names that no run wrote, or a list
        that cannot be read.
      OSError: it cannot be written.
    """
    shown = f"--output_dir={display_name(folder)}"
    written = _read_list(folder, shown)
    found = [os.path.relpath(path, folder) for path in list_audio_files(folder)] if os.path.isdir(folder) else []
    if found and not overwrite:
        ours = "" if written.isdisjoint(found) else ", or remove what an earlier run wrote with --overwrite"
        raise UserError(f"{shown}: holds audio already ({display_name(found[0])}); name another folder{ours}")
    for name in names:
        if name not in written and os.path.lexists(os.path.join(folder, name)):
            raise UserError(f"{shown}: {display_name(name)} there was not generated; name another folder")
    others = [name for name in found if name not in written]
    if others:
        logging.warning("%s: keeps audio that was not generated, such as %s", shown, display_name(others[0]))
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        # A run that was killed leaves a file under its temporary name.
        if overwrite and name.split(".tmp-")[0] in written:
            os.remove(os.path.join(folder, name))
    path = os.path.join(folder, LIST_FILE)
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        json.dump({"files": sorted(names)}, file, indent=1)
    os.replace(f"{path}.tmp", path)


def _read_list(folder: str, shown: str) -> set[str]:
    """The names that an earlier run wrote or was about to write; none if there is no list."""
    try:
        with open(os.path.join(folder, LIST_FILE), encoding="utf-8") as file:
            names = json.load(file)["files"]
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise UserError(f"{shown}: {LIST_FILE} there is no list of generated files; remove it, or name another folder")
    return set(names)


def _is_plain(name: str) -> bool:
    """Tells whether a name is that of a file in the folder itself."""
    return name not in ("", ".", "..", LIST_FILE) and os.path.basename(name) == name and "\0" not in name
