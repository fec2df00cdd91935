"""Memory of a training from more prepared data than the memory holds."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.core.preparation.sparse import write_sparse_set


def peak_of(process: subprocess.Popen) -> int:
    """MiB that a process had resident at most. What the system says afterwards counts its parent, too."""
    found = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = max(found, *map(int, re.findall(r"VmHWM:\s+(\d+) kB", status)), 0)
        time.sleep(0.2)
    return found >> 10


@pytest.mark.slow
def test_twenty_gigabytes_in_less_than_one(tmp_path):
    """Of clips from all over the set, which together are more than may be resident."""
    write_sparse_set(tmp_path / "set", 20 << 30)
    command = [
        sys.executable, "-m", "wavegan_tf.train", f"--train_dir={tmp_path / 'run'}", "--wavegan_dim=1",
        "--wavegan_kernel_len=4", "--wavegan_latent_dim=4", "--wavegan_disc_nupdates=4", "--train_batch_size=16",
        "--preview_n=1", "--train_steps=400", f"--data_prepared={tmp_path / 'set'}",
    ]  # fmt: skip
    with open(tmp_path / "errors", "w+") as log, subprocess.Popen(command, stderr=log) as process:
        memory = peak_of(process)
        log.seek(0)
        errors = log.read()
    assert process.returncode == 0, errors
    assert re.search(r"data: 67\d\d\d files, \d+ clips an epoch, 67\d\d\d\d seconds", errors), errors
    assert 300 < memory < 1024
