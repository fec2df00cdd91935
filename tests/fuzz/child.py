"""One process of `make fuzz`: tries a reader until it ends, and says before each try what it tries."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import kinds, mutations, trial
from tests.fuzz.readers import Reader

_ROUND = 200  # examples of one seed
_HARD_LIMIT = 8 << 30  # of the address space beyond what the imports took


def search(reader: Reader, work: Path, tries: int, seconds: float, first: int) -> list[str]:
    """Tries a reader; returns, and writes to `tries`, for each the fault, or "ok".

    Args:
      reader: what to try.
      work: a folder for its files.
      tries: how many; 0 for as many as there is time for.
      seconds: how long.
      first: seed.
    """
    seeds = reader.prepare(work)
    reader.use(seeds[0])
    reader.read()  # what is whole is read, and what is imported late is imported
    told: list[str] = []
    until = time.monotonic() + seconds
    kept: set[str] = set()
    # By which a process has ended: Hypothesis begins with the same ones.
    fatal = {path.read_bytes() for path in work.parent.glob(f"{reader.name}-*") if path.is_file()}
    with open(work / "tries", "a") as log:

        def one(steps: list[mutations.Step], choice: int, other: int) -> None:
            data = mutations.damaged(seeds[choice % len(seeds)], steps, seeds[other % len(seeds)])
            if data in fatal:
                return
            (work / "input").write_bytes(data)
            reader.use(data)
            fault = trial.fault_of(reader.read)
            if fault and fault.partition(": ")[0] not in kept:
                kept.add(fault.partition(": ")[0])
                path = work.parent / f"{reader.name}-{first}-{len(told)}"
                path.write_bytes(data)
                fault = f"{fault} ({path})"
            told.append(" ".join(fault.split()) or "ok")
            log.write(f"{told[-1]}\n")
            log.flush()

        while len(told) < tries if tries else time.monotonic() < until:
            count = min(_ROUND, tries - len(told)) if tries else 50
            run = given(mutations.steps, st.integers(0, 63), st.integers(0, 63))(one)
            run = settings(
                max_examples=count, deadline=None, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(run)  # fmt: skip
            seed(first + len(told))(run)()
    return told


def main() -> None:
    """Takes name, folder, tries and seed from the command line."""
    name, work, tries, first = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    reader = kinds.READERS[name]()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _HARD_LIMIT, size + _HARD_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    search(reader, work, tries, float(os.environ.get("FUZZ_SECONDS", "0")), first)


if __name__ == "__main__":
    main()
