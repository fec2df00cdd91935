"""One try of a reader with a damaged file: it may refuse it in one line, fast, and in little memory."""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from wavegan_tf.core.errors import UserError

SECONDS, MEBIBYTES = 1.0, 100


def peak() -> int:
    """Most memory that this process has held since `forget_peak`, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) >> 10


def forget_peak() -> None:
    """Begins anew to look for the most memory."""
    Path("/proc/self/clear_refs").write_text("5")


def fault_of(read: Callable[[], object]) -> str:
    """Calls a reader of a damaged file; returns what is wrong with the way in which it takes it, "" if nothing is."""
    forget_peak()
    before, begun = peak(), time.process_time()
    fault = ""
    try:
        read()
    except UserError as error:
        for line in (str(error), error.on_command_line):
            if not line.isprintable() or len(line) > 12000 or not line or "{{function" in line:
                fault = f"the line is {line[:300]!r}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)
        ours = next((frame for frame in reversed(place) if "site-packages" not in frame.filename), place[-1])
        fault = f"{type(error).__name__} at {os.path.basename(ours.filename)}:{ours.lineno}: {str(error)[:200]}"
    seconds, memory = time.process_time() - begun, peak() - before
    if seconds > SECONDS:
        fault = fault or f"it took {seconds:.1f} s"
    if memory > MEBIBYTES:
        fault = fault or f"it took {memory} MiB"
    return fault
