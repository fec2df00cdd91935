"""A prepared set made: which files go into which shard, the pipeline that writes them, and the manifest of all."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from wavegan_tf.core.audio.files import report_skipped
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, remove_abandoned
from wavegan_tf.core.folders import LOCK, held
from wavegan_tf.core.preparation import filesystems, manifest, processes, results, shards, tables
from wavegan_tf.core.preparation.filesystems import absolute
from wavegan_tf.core.preparation.manifest import MANIFEST_FILE, SKIPPED_FILE, Manifest, Shard
from wavegan_tf.core.preparation.plan import Plan
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.reading import Unreadable, parse_json

PLAN_FILE, _LISTS = "preparing.json", "lists"


def prepare(plan: Plan, arguments: Sequence[str]) -> Manifest:
    """Writes the shards of a plan and their manifest; what another start has finished of the same plan is kept.

    To be called in the folder's hands: see `holding`.

    Args:
      plan: what to prepare.
      arguments: from `processes.beam_arguments`.

    Raises:
      UserError: the folder holds something else, no file can be used, one is bad without `skip_bad`, or something
        cannot be written.
    """
    _require_none(plan.skipped, plan)
    count = len(plan.parts)
    settings = {
        "folder": absolute(plan.folder), "key": plan.key, "num_shards": count,
        "decoding": dataclasses.asdict(plan.decoding), "skip_bad": plan.skip_bad,
    }  # fmt: skip
    done = _finished(plan)
    units: list[dict[str, Any]] = [
        {"number": number, "list": _list_path(plan, number)} for number in range(count) if number not in done
    ]
    if units:
        logging.info("preparing %d files in %d shards, %d of them finished", len(plan.files), count, len(done))
        filesystems.make_folder(filesystems.join(plan.folder, _LISTS))
        for unit in units:
            paths = [absolute(plan.files.paths[place]) for place in plan.parts[unit["number"]]]
            text = json.dumps(paths, ensure_ascii=False).encode(errors="surrogateescape")
            filesystems.write(unit["list"], text)
        with _shown(plan, count, "shard") as look:
            processes.run("wavegan_tf.core.preparation.shards:write_shard", settings, units, arguments, look)
    facts = _finished(plan)
    missing = [number for number in range(count) if number not in facts]
    if missing:
        name = shards.shard_name(missing[0], count)
        raise UserError(f"{display_name(plan.folder)}: {name} was not written; start again, finished shards are kept")
    made = _completed(plan, [facts[number] for number in range(count)])
    filesystems.remove([_list_path(plan, number) for number in range(count)])
    filesystems.remove_empty(filesystems.join(plan.folder, _LISTS))
    return made


def _require_none(skipped: Sequence[tuple[str, str]], plan: Plan) -> None:
    """Raises UserError if files were skipped that must not be."""
    if skipped and not plan.skip_bad:
        name, reason = skipped[0]
        raise UserError(f"{name}: {reason}; repair or remove it, or set --data_skip_bad=true")


def _list_path(plan: Plan, number: int) -> str:
    return filesystems.join(absolute(plan.folder), f"{_LISTS}/{number:05d}.json")


def _finished(plan: Plan) -> dict[int, shards.ShardFacts]:
    """The facts of the shards that are whole, by number."""
    count = len(plan.parts)
    found = ((number, shards.read_facts(plan.folder, number, count, plan.key)) for number in range(count))
    return {number: facts for number, facts in found if facts is not None}


@contextlib.contextmanager
def _shown(plan: Plan, total: int, label: str) -> Iterator[Callable[[], None]]:
    """Yields what shows how many shards are there, of a local folder."""
    progress = Progress(0, total, label=label, rate=f"{label}s/s")

    def look() -> None:
        if not filesystems.is_remote(plan.folder):
            names = os.listdir(plan.folder)
            progress.update(sum(name.endswith(".audio.npz") for name in names), {})

    try:
        yield look
    finally:
        progress.close()


@contextlib.contextmanager
def holding(folder: str, flag: str = "output_dir") -> Iterator[None]:
    """Makes a folder, and keeps other processes from preparing data in it while it is entered.

    Raises:
      UserError: another process does that, or the folder cannot be written.
    """
    shown = f"--{flag}={display_name(folder)}"
    filesystems.make_folder(folder)
    if filesystems.is_remote(folder):
        yield
        return
    with held(folder, shown, "preparing data"):
        # At its end, too: where one worker meets a full disk, the others are ended in the middle of a shard.
        try:
            _tidy(folder)
            yield
        finally:
            _tidy(folder)


def _tidy(folder: str) -> None:
    """Removes what was not finished in a folder that this process holds."""
    for name in ("", _LISTS, tables.FOLDER, results.FOLDER):
        remove_abandoned(os.path.join(folder, name), is_held=True)


def claim(plan: Plan) -> None:
    """Makes a folder that of a plan, or sees that it is.

    Raises:
      UserError: it holds other files, or data prepared from others or with other options.
    """
    shown = f"--output_dir={display_name(plan.folder)}"
    path = filesystems.join(plan.folder, PLAN_FILE)
    if filesystems.size_of(path) is None:
        if not filesystems.is_remote(plan.folder) and set(os.listdir(plan.folder)) - {LOCK}:
            raise UserError(f"{shown}: holds other files; choose another folder, or an empty one")
        values = {"kind": plan.kind, "key": plan.key, "options": dict(plan.options), "shards": len(plan.parts)}
        filesystems.write(path, (json.dumps(values, indent=1) + "\n").encode())
        return
    try:
        values = parse_json(filesystems.read(path).decode())
        kind, key, options, count = (values[name] for name in ("kind", "key", "options", "shards"))
    except (OSError, Unreadable, UnicodeDecodeError, KeyError, TypeError):
        raise UserError(f"{display_name(path)}: is damaged; choose another --output_dir") from None
    if key == plan.key:
        return
    if kind != plan.kind:
        raise UserError(f"{shown}: was begun by {manifest.COMMANDS.get(kind, kind)}; choose another folder")
    for name, value in plan.options.items():
        if options.get(name) != value:
            raise UserError(f"--{name}={value}: {shown} was begun with {options.get(name)}; choose another folder")
    if count != len(plan.parts):
        raise UserError(f"--num_shards: {shown} was begun with {count} shards, not {len(plan.parts)}; keep that")
    raise UserError(f"{shown}: was begun with other files, or with others of their names; choose another folder")


def _completed(plan: Plan, facts: Sequence[shards.ShardFacts]) -> Manifest:
    """Writes manifest, tables and the list of skipped files; returns the manifest.

    Raises:
      UserError: nothing can be used, or a file is bad without `skip_bad`.
    """
    places = np.concatenate(
        [part.start + facts_.index for part, facts_ in zip(plan.parts, facts, strict=True)]
    )
    skipped = list(plan.skipped)
    for part, facts_ in zip(plan.parts, facts, strict=True):
        skipped += [(display_name(plan.files.paths[part.start + place]), reason) for place, reason in facts_.skipped]
    write_skipped(plan.folder, skipped)
    _require_none(skipped, plan)
    report_skipped(skipped)
    if not len(places):
        name, reason = skipped[0]
        raise UserError(f"none of the {len(plan.files)} audio files can be used; the first is {name}: {reason}")
    columns = {name: np.concatenate([getattr(facts_, name) for facts_ in facts])
               for name in ("length", "offset", "divisor", "peak", "power")}  # fmt: skip
    classes = np.zeros(0, np.int32) if plan.classes is None else plan.classes[places]
    arrays = {
        "lengths": columns["length"], "offsets": columns["offset"], "divisors": columns["divisor"], "classes": classes,
    }  # fmt: skip
    digests = tables.write(plan.folder, (plan.names[place] for place in places.data), arrays)
    rate = plan.decoding.sample_rate
    made = Manifest(
        kind=plan.kind,
        key=plan.key,
        options=plan.options,
        sample_rate=rate,
        num_channels=plan.decoding.num_channels,
        files=len(places),
        samples=int(columns["length"].sum()),
        skipped=len(skipped),
        left_out=plan.left_out,
        labels=plan.labels,
        shards=tuple(
            Shard(shards.shard_name(number, len(facts)), facts_.size, len(facts_.index), facts_.sha256)
            for number, facts_ in enumerate(facts)
        ),
        tables=digests,
        histograms=manifest.histograms(columns["length"], columns["peak"], columns["power"], rate),
        extras=_extras(plan),
    )
    manifest.write(plan.folder, made)
    logging.info(
        "%s: %d files, %.0f seconds, %d shards of %.0f MB in all, %d files skipped",
        display_name(plan.folder), made.files, made.seconds, len(facts), sum(f.size for f in facts) / 1e6, len(skipped),
    )  # fmt: skip
    return made


def _extras(plan: Plan) -> Mapping[str, Any]:
    """Extras of the manifest that an earlier start has computed from the same set."""
    path = filesystems.join(plan.folder, MANIFEST_FILE)
    try:
        before = manifest.parse(filesystems.read(path).decode(), path)
    except (OSError, UserError, UnicodeDecodeError):
        return {}
    return before.extras if before.key == plan.key else {}


def write_skipped(folder: str, skipped: Sequence[tuple[str, str]]) -> None:
    """Writes skipped.csv: the files that cannot be used, and why.

    Raises:
      UserError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "reason"])
    writer.writerows(skipped)
    filesystems.write(filesystems.join(folder, SKIPPED_FILE), text.getvalue().encode(errors="backslashreplace"))


def read_skipped(folder: str, count: int) -> tuple[tuple[str, str], ...]:
    """Reads the `count` skipped files, and their reasons, that `write_skipped` wrote into a local folder.

    Raises:
      UserError: it is missing or damaged.
    """
    path = os.path.join(folder, SKIPPED_FILE)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
        if any(len(row) != 2 for row in rows) or len(rows) != count + 1:
            raise csv.Error(f"it does not have two columns and {count} files")
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{display_name(path)}: is missing or damaged ({error}); prepare the data anew") from None
    return tuple((file, reason) for file, reason in rows[1:])
