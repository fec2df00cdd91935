"""The files that are to be prepared, of a folder or a pattern, here or on what Beam's filesystems reach."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from wavegan_tf.core.audio.files import AUDIO_EXTENSIONS, extension_of, find_audio_files
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import filesystems
from wavegan_tf.core.preparation.listing import Files, Found
from wavegan_tf.core.preparation.options import PreparationOptions


class Sources(NamedTuple):
    """Files in the order of their paths, and the folder to which their names are relative."""

    root: str
    files: Files


def find(options: PreparationOptions, skip_bad: bool) -> Sources:
    """The audio files that the options name.

    Args:
      options: one folder or one pattern.
      skip_bad: report sub-folders that cannot be listed and go on, instead of stopping at the first.

    Raises:
      UserError: there are none, or they cannot be listed.
    """
    options.require_places()
    if options.data_glob:
        return _of_pattern(options.data_glob)
    folder = options.data_dir
    if not filesystems.is_remote(folder):
        return Sources(folder, Files.of(map(local, find_audio_files(folder, skip_bad=skip_bad))))
    found = filesystems.match(filesystems.join(folder, "**"))
    files = Files.of(entry for entry in found if extension_of(entry.path) in AUDIO_EXTENSIONS)
    if not files:
        raise UserError(f"--data_dir={display_name(folder)}: holds no audio file (wav, flac, ogg, mp3)")
    return Sources(folder.rstrip("/"), files)


def local(path: str) -> Found:
    """A file of this machine, which may be gone or of another user: decoding will say so."""
    try:
        status = os.stat(path)
    except OSError:
        return Found(path, 0, 0.0)
    return Found(path, status.st_size, float(status.st_mtime_ns))


def _of_pattern(pattern: str) -> Sources:
    full = pattern if filesystems.is_remote(pattern) else os.path.abspath(pattern)
    files = filesystems.match(full)
    if not files:
        raise UserError(f"--data_glob={display_name(pattern)}: matches no file")
    fixed = re.split(r"[*?\[]", full, maxsplit=1)[0]
    root = fixed.rpartition("/")[0] or "/"
    return Sources(root, Files.of(files if filesystems.is_remote(pattern) else (local(found.path) for found in files)))
