"""`make fuzz`: damaged files of every kind for every reader, in processes of their own.

A fault is anything but an answer or one line of `UserError`: another exception, a line that is none, more than a
second, more than 100 MiB, a process that ended. What led to it is kept and named, and the search goes on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz import kinds

_QUIET_SECONDS = 60.0  # without a new try, a process hangs


def main() -> None:
    """Searches for as long as the command line says; exits with 1 if there was a fault."""
    parser = argparse.ArgumentParser(description="Damaged files for every reader")
    parser.add_argument("readers", nargs="*", help=f"some of {', '.join(kinds.READERS)}; by default all, in turn")
    parser.add_argument("--minutes", type=float, default=2.0, help="for all of them together")
    parser.add_argument("--tries", type=int, default=0, help="of each, in place of a time")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="by default another each time")
    parser.add_argument("--found", type=Path, default=Path("build/fuzz"), help="folder for what leads to a fault")
    given = parser.parse_args()
    chosen = given.readers or list(kinds.READERS)
    given.found.mkdir(parents=True, exist_ok=True)
    seconds = given.minutes * 60 / len(chosen)
    print(f"seed {given.seed}", flush=True)
    faults = sum(_search(name, seconds, given.tries, given.seed, given.found) for name in chosen)
    sys.exit(1 if faults else 0)


def _search(name: str, seconds: float, tries: int, seed: int, found: Path) -> int:
    """Tries a reader in processes, of which each goes on where the last one ended; returns the number of faults."""
    done, faults, begun = 0, 0, time.monotonic()
    for path in found.glob(f"{name}-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    while tries > done if tries else time.monotonic() - begun < seconds:
        left = str(tries - done) if tries else "0"
        work = found / f"{name}-work-{os.getpid()}"
        command = [sys.executable, "-m", "tests.fuzz.child", name, str(work), left, str(seed + done + faults)]
        ended = _watch(command, work, 0.0 if tries else seconds - (time.monotonic() - begun))
        lines = (work / "tries").read_text().splitlines() if (work / "tries").exists() else []
        done += max(len(lines), 1)
        told = [line for line in lines if line != "ok"]
        faults += len(told)
        for line in told:
            if line.endswith(")"):  # the first of its kind, with the place of the file
                print(f"  {name}: {line}", flush=True)
        if ended is not None and not lines and not (work / "input").exists():
            raise SystemExit(f"{name} cannot begin: {ended}; {_last_words(work)}")
        if ended is not None:
            faults += 1
            kept = found / f"{name}-{seed + done}"
            if (work / "input").exists():
                (work / "input").replace(kept)
            print(f"  {name}: {ended}, by {kept}; {_last_words(work)}", flush=True)
    print(f"{name}: {done} damaged files, {faults} faults, {time.monotonic() - begun:.0f} s", flush=True)
    return faults


def _watch(command: list[str], work: Path, seconds: float) -> str | None:
    """Runs a process to its end; returns how it ended if that was not of itself."""
    work.mkdir(parents=True, exist_ok=True)
    for path in ("input", "tries"):
        (work / path).unlink(missing_ok=True)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "FUZZ_SECONDS": str(seconds)}
    with open(work / "words", "wb") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words, env=environment)
        begun = time.time()
        while process.poll() is None:
            time.sleep(0.1)
            moved = (work / "input").stat().st_mtime if (work / "input").exists() else begun
            if time.time() - max(moved, begun) > _QUIET_SECONDS:
                process.kill()
                process.wait()
                return f"no answer in {_QUIET_SECONDS:.0f} s"
    if process.returncode == 0:
        return None
    return signal.Signals(-process.returncode).name if process.returncode < 0 else f"ended with {process.returncode}"


def _last_words(work: Path) -> str:
    lines = [line for line in (work / "words").read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-2:])[:400]


if __name__ == "__main__":
    main()
