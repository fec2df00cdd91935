"""Finds the audio files of a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name

MAX_REPORTED = 20
# Whatever a name says, libsndfile and then ffmpeg try the file.
AUDIO_EXTENSIONS = frozenset((
    ".wav", ".wave", ".w64", ".rf64", ".bwf", ".flac", ".ogg", ".oga", ".opus", ".spx", ".aif", ".aiff", ".aifc", ".au",
    ".snd", ".caf", ".voc", ".sph", ".nist", ".mp1", ".mp2", ".mp3", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".ac3",
    ".eac3", ".dts", ".ape", ".wv", ".tta", ".mka", ".webm", ".weba", ".amr", ".3gp", ".mpc",
))  # fmt: skip
# How a file without a known extension shows that it is audio: (offset, bytes), all of one row.
_SIGNATURES = (
    ((0, b"RIFF"), (8, b"WAVE")),
    ((0, b"RIFX"), (8, b"WAVE")),
    ((0, b"RF64"), (8, b"WAVE")),
    ((0, b"FORM"), (8, b"AIF")),
    ((0, b"fLaC"),),
    ((0, b"OggS"),),
    ((0, b"ID3"),),
    ((0, b"caff"),),
    ((4, b"ftypM4A"),),
    ((0, b"wvpk"),),
    ((0, b"TTA"),),
    ((0, b"Creative Voice File"),),
    ((0, b"NIST_1A"),),
)


def require_folder(folder: str, flag: str = "data_dir") -> None:
    """Raises UserError if there is no such folder; `flag` named it, or is ""."""
    if not os.path.isdir(folder):
        shown = f"--{flag}={display_name(folder)}" if flag else display_name(folder)
        raise UserError(f"{shown}: is not a folder; give the folder that holds the audio files")


def find_audio_files(folder: str, flag: str = "data_dir", skip_bad: bool = False) -> list[str]:
    """`list_audio_files` of a folder that has some.

    Args:
      folder: where to look.
      flag: that named it, for messages; "" if none did.
      skip_bad: report sub-folders that cannot be listed and go on, instead of stopping.

    Raises:
      UserError: the folder does not exist or holds no audio, or it or, without `skip_bad`, a sub-folder cannot be
        listed.
    """
    shown = f"--{flag}={display_name(folder)}" if flag else display_name(folder)
    require_folder(folder, flag)
    found = list_audio_files(folder, skip_bad)
    if not found:
        raise UserError(f"{shown}: holds no audio file (wav, flac, ogg, mp3), nor do its sub-folders")
    return found


def list_audio_files(root: str, skip_bad: bool = False) -> list[str]:
    """All audio files under a folder, sub-folders included, sorted by path.

    A file counts as audio by its extension, in any case. A file with another extension, or none, counts if it
    begins as an audio container does; so lists, licences and pictures beside the sounds are no bad audio.
    Hidden files and folders (leading dot) are skipped. Links to folders are followed, each folder once.

    Args:
      root: the folder.
      skip_bad: report sub-folders that cannot be listed and go on, instead of stopping at the first.

    Raises:
      UserError: the folder cannot be listed, or a sub-folder without `skip_bad`.
    """
    found: list[str] = []
    skipped: list[tuple[str, str]] = []

    def fail(error: OSError) -> None:
        reason = f"cannot be listed ({error.strerror})"
        if not skip_bad or error.filename == root:
            raise UserError(f"{display_name(error.filename)}: {reason}")
        skipped.append((display_name(error.filename), reason))

    visited: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=fail):
        try:
            status = os.stat(folder)
        except OSError as error:
            fail(error)
            subfolders.clear()
            continue
        if (status.st_dev, status.st_ino) in visited:
            subfolders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        paths = [os.path.join(folder, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if extension_of(path) in AUDIO_EXTENSIONS or _has_audio_start(path)]
    report_skipped(skipped)
    found.sort()
    return found


def report_skipped(skipped: Sequence[tuple[str, str]], verb: str = "skipped") -> None:
    """Logs (name, reason) of the first of them, and how many more there are."""
    for name, reason in skipped[:MAX_REPORTED]:
        logging.warning("%s %s: %s", verb, name, reason)
    if len(skipped) > MAX_REPORTED:
        logging.warning("%s %d more", verb, len(skipped) - MAX_REPORTED)


def extension_of(path: str) -> str:
    """In lower case, with its dot."""
    return os.path.splitext(path)[1].lower()


def stem_of(path: str) -> str:
    """The name of a file without its extension; of `c4.mp3.wav`, which was made of `c4.mp3`, without both: `c4`."""
    stem, _ = os.path.splitext(os.path.basename(path))
    while extension_of(stem) in AUDIO_EXTENSIONS:
        stem, _ = os.path.splitext(stem)
    return stem


def _has_audio_start(path: str) -> bool:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return any(all(head.startswith(part, at) for at, part in row) for row in _SIGNATURES)
