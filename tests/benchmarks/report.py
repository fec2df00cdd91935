"""Files of benchmarks: the machine, the versions and the rows of a run, and two runs side by side."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import math
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Row
from wavegan_tf import __version__
from wavegan_tf.core import memory
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, replacing

_ROOT = Path(__file__).parents[2]
_FORMAT = 1
# Of the instructions that the kernels of TensorFlow choose among.
_INSTRUCTIONS = ("sse4", "avx", "fma", "f16c", "amx", "asimd", "sve", "bf16", "i8mm")
_SECONDS = ("wall", "cpu")


def machine() -> dict[str, Any]:
    """Processor, cores that the process may use, instructions, memory in GiB, GPUs and system."""
    import tensorflow as tf

    model, flags = platform.processor() or platform.machine(), set()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                name, _, value = (part.strip() for part in line.partition(":"))
                if name == "model name":
                    model = value
                elif name in ("flags", "Features"):
                    flags |= {flag for flag in value.split() if flag.startswith(_INSTRUCTIONS)}
    except OSError:
        pass  # not Linux
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": sorted(flags),
        "memory_gib": round(memory.of_machine() / 2**30, 1),
        "gpus": [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus],
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Of Python, of the packages that compute, of the project, and its commit; "-dirty" where files differ from it."""
    asked = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    packages = {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
    return {"python": platform.python_version(), **packages, "project": __version__, "commit": commit}


def run_facts(settings: dict[str, int], product_gflops: float) -> dict[str, Any]:
    """Everything of a file but the rows.

    Args:
      settings: the options of the run.
      product_gflops: rate of a large matrix product, in 1e9 operations a second.
    """
    return {
        "format": _FORMAT,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "settings": settings,
        "product_gflops": product_gflops,
    }


def write(path: str, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Writes a file, whole or not at all.

    Raises:
      UserError: it cannot be written.
    """
    try:
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            json.dump({**facts, "rows": [row.as_json() for row in rows]}, file, indent=1)
            file.write("\n")
    except OSError as error:
        raise UserError(f"--json={display_name(path)}: cannot be written ({error.strerror})") from None


def read(path: str) -> dict[str, Any]:
    """Reads a file that `write` wrote.

    Raises:
      UserError: it cannot be read, or is no such file.
    """
    shown = f"--compare={display_name(path)}"
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except OSError as error:
        raise UserError(f"{shown}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise UserError(f"{shown}: is no JSON; give a file that --json wrote") from None
    try:
        if found["format"] != _FORMAT:
            raise UserError(f"{shown}: has format {found['format']!r:.40}, and this version reads {_FORMAT}")
        for name in ("machine", "versions", "settings"):
            if not isinstance(found[name], dict):
                raise TypeError(f"{name} is no object")
        float(found["product_gflops"]), str(found["date"])
        for row in found["rows"]:
            if not isinstance(row["job"], str):
                raise TypeError("a job is no text")
            for kind in _SECONDS:
                if not (math.isfinite(_seconds(row, kind)) and _seconds(row, kind) > 0):
                    raise ValueError(f"{row['job']}: seconds must be positive")
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{shown}: is no file that --json wrote ({reason:.100})") from None
    return found


def comparison(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    """Lines that tell two files apart: what differs around them, and each job's least seconds with their ratio."""
    yield f"A: {first['date']}, B: {second['date']}"
    for part in ("machine", "versions", "settings"):
        names = dict.fromkeys([*first[part], *second[part]])
        differing = [name for name in names if first[part].get(name) != second[part].get(name)]
        for name in differing:
            yield f"{part}: {name}: {_difference(first[part].get(name), second[part].get(name))}"
        if not differing:
            yield f"{part}: the same"
    yield f"matrix product: A {first['product_gflops']:.0f} GFLOP/s, B {second['product_gflops']:.0f} GFLOP/s"
    yield "\n| job | A | B | B / A | B / A, CPU |\n|---|---|---|---|---|"
    jobs = [{row["job"]: row for row in each["rows"]} for each in (first, second)]
    for job in dict.fromkeys([*jobs[0], *jobs[1]]):
        rows = [each.get(job) for each in jobs]
        cells = [_cell(row) if row else "" for row in rows]
        # Per item, as a run may make more items in one of the two.
        ratios = ["", ""] if None in rows else [f"{_seconds(rows[1], k) / _seconds(rows[0], k):.2f}" for k in _SECONDS]
        yield f"| {job} | {' | '.join([*cells, *ratios])} |"


def _seconds(row: dict[str, Any] | None, kind: str) -> float:
    """The least seconds of one item of ours."""
    assert row is not None
    return row["ours"][kind]["least"] / row["ours"]["items"]


def _cell(row: dict[str, Any]) -> str:
    ours = row["ours"]
    return f"{ours['wall']['least']:.3g} s ({ours['cpu']['least']:.3g} CPU)"


def _difference(first: Any, second: Any) -> str:
    """Both values; of lists what only one of them has."""
    if isinstance(first, list) and isinstance(second, list):
        only = {"A": [str(v) for v in first if v not in second], "B": [str(v) for v in second if v not in first]}
        return "; ".join(f"only {name} {' '.join(values)}" for name, values in only.items() if values)
    return f"A {first}, B {second}"
