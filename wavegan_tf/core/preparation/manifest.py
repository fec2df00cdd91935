"""The manifest of a prepared set: what it was made from and how, its shards and their checksums."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import filesystems
from wavegan_tf.core.reading import Unreadable, parse_json, whole_number

MANIFEST_FILE = "manifest.json"
SKIPPED_FILE = "skipped.csv"
VERSION = 1
AUDIO, NOTES = "audio", "notes"
COMMANDS = {AUDIO: "audio_prepare", NOTES: "gansynth_prepare"}
_MOST = 1 << 62
_DIGEST = re.compile("[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?")


@dataclasses.dataclass(frozen=True)
class Shard:
    """A shard: its name in the folder of the set, bytes, files in it, and sha256."""

    name: str
    size: int
    files: int
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """A prepared set.

    Attributes:
      kind: `AUDIO` or `NOTES`.
      key: names its files and how they were decoded.
      options: on which the samples and the choice of files depend, by flag.
      sample_rate: Hz.
      num_channels: c.
      files: that are usable.
      samples: of all of them together.
      skipped: how many files could not be used.
      left_out: how many others were not chosen, by the flag that decided.
      labels: names of the labels; none of a set without.
      shards: in order.
      tables: sha256 of each table by its name.
      histograms: of lengths and levels.
      extras: what else was computed from the set, by name, each with the options that it depends on.
    """

    kind: str
    key: str
    options: Mapping[str, Any]
    sample_rate: int
    num_channels: int
    files: int
    samples: int
    skipped: int
    left_out: Mapping[str, int]
    labels: tuple[str, ...]
    shards: tuple[Shard, ...]
    tables: Mapping[str, str]
    histograms: Mapping[str, Any]
    extras: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Of sound in all files."""
        return self.samples / self.sample_rate


def write(folder: str, manifest: Manifest) -> None:
    """Writes the manifest of a folder, whole or not at all.

    Raises:
      UserError: it cannot be written.
    """
    values = {"version": VERSION, **dataclasses.asdict(manifest), "seconds": round(manifest.seconds, 3)}
    filesystems.write(filesystems.join(folder, MANIFEST_FILE), (json.dumps(values, indent=1) + "\n").encode())


def parse(text: str, shown: str) -> Manifest:
    """The manifest that a text is.

    Args:
      text: of the file.
      shown: how messages call it.

    Raises:
      UserError: it is none, or claims what cannot be.
    """
    try:
        values = parse_json(text)
        if not isinstance(values, dict) or values.get("version") != VERSION:
            raise Unreadable(f"it is not of version {VERSION}")
        return _manifest(values)
    except (Unreadable, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise UserError(f"{shown}: cannot be read as the manifest of prepared data ({reason})") from None


def read(folder: str) -> Manifest:
    """The manifest of a local folder.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    path = os.path.join(folder, MANIFEST_FILE)
    shown = display_name(path)
    try:
        with open(path, "rb") as file:
            return parse(file.read().decode(), shown)
    except FileNotFoundError:
        commands = " and ".join(COMMANDS.values())
        raise UserError(f"{shown}: not found; a folder of prepared data is what {commands} write") from None
    except OSError as error:
        raise UserError(f"{shown}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{shown}: cannot be read as the manifest of prepared data (it is not UTF-8)") from None


def _manifest(values: Mapping[str, Any]) -> Manifest:
    """The manifest of these values; see `parse`."""
    if values["kind"] not in COMMANDS:
        raise Unreadable(f"kind is {values['kind']!r}")
    shards = tuple(shard_of(entry) for entry in _listed(values, "shards"))
    files = whole_number(values, "files", 1, _MOST)
    if sum(shard.files for shard in shards) != files:
        raise Unreadable(f"its shards have {sum(shard.files for shard in shards)} files, and not {files}")
    for name in ("options", "left_out", "tables", "histograms", "extras"):
        if not isinstance(values[name], dict):
            raise Unreadable(f"{name} is no object")
    labels = tuple(_listed(values, "labels"))
    if not all(isinstance(label, str) for label in labels):
        raise Unreadable("labels are no texts")
    return Manifest(
        kind=values["kind"],
        key=str(values["key"]),
        options=values["options"],
        sample_rate=whole_number(values, "sample_rate", 1, 1 << 20),
        num_channels=whole_number(values, "num_channels", 1, 1024),
        files=files,
        samples=whole_number(values, "samples", 1, _MOST),
        skipped=whole_number(values, "skipped", 0, _MOST),
        left_out={str(name): whole_number(values["left_out"], name, 0, _MOST) for name in values["left_out"]},
        labels=labels,
        shards=shards,
        tables={str(name): _digest(digest) for name, digest in values["tables"].items()},
        histograms=values["histograms"],
        extras=values["extras"],
    )


def _listed(values: Mapping[str, Any], name: str) -> list:
    if not isinstance(values[name], list):
        raise Unreadable(f"{name} is no list")
    return values[name]


def shard_of(entry: Any) -> Shard:
    """The shard that a JSON object of a manifest describes.

    Raises:
      Unreadable: it describes none.
    """
    if not isinstance(entry, dict):
        raise Unreadable("a shard is no object")
    name = entry.get("name")
    # Nothing outside the folder.
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith("."):
        raise Unreadable(f"{name!r} is no name of a shard")
    size, files = whole_number(entry, "size", 0, _MOST), whole_number(entry, "files", 0, _MOST)
    return Shard(name, size, files, _digest(entry.get("sha256")))


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise Unreadable(f"{value!r} is no sha256")
    return value


def require_same(options: Mapping[str, Any], wanted: Mapping[str, Any], folder: str) -> None:
    """Checks that data were prepared with the options that a run has.

    Args:
      options: of the manifest.
      wanted: of the run, by flag.
      folder: of the prepared data, for the message.

    Raises:
      UserError: one differs; the message has both values.
    """
    for name, value in wanted.items():
        if name not in options or options[name] != value:
            shown = f"prepared with {options[name]}" if name in options else "prepared without that option"
            raise UserError(
                f"--{name}={value}: the data in {display_name(folder)} were {shown}; "
                "keep that, or prepare the data anew in another folder"
            )


def histograms(lengths: np.ndarray, peaks: np.ndarray, powers: np.ndarray, sample_rate: int) -> dict[str, Any]:
    """Histograms of the lengths and levels of files.

    Args:
      lengths: int64 [files], samples.
      peaks: float [files], largest absolute sample before normalisation.
      powers: float [files], mean square before normalisation.
      sample_rate: Hz.

    Returns:
      Edges and counts: of seconds by powers of two, and of peaks and RMS by 6 dB of full scale from -96 to 6.
    """
    longest = max(1.0, float(lengths.max(initial=1)) / sample_rate)
    seconds = [0.0, *(2.0**power for power in range(-6, math.ceil(math.log2(longest)) + 2))]
    decibels = [float(level) for level in range(-96, 12, 6)]
    with np.errstate(divide="ignore"):
        levels = {"peak_db": 20 * np.log10(peaks.astype(np.float64)), "rms_db": 10 * np.log10(powers)}
    counts = {"seconds": (seconds, lengths / sample_rate)}
    # What is silent or louder than all counts at the ends.
    counts |= {name: (decibels, np.clip(values, decibels[0], decibels[-1])) for name, values in levels.items()}
    return {
        name: {"edges": edges, "counts": np.histogram(values, edges)[0].tolist()}
        for name, (edges, values) in counts.items()
    }
