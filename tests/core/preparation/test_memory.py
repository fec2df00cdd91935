"""Memory of a training from more prepared data than the memory holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from tests.core.preparation.sparse import write_sparse_set


@pytest.mark.slow
def test_twenty_gigabytes_in_less_than_one(tmp_path):
    """Of clips from all over the set, which together are more than may be resident."""
    write_sparse_set(tmp_path / "set", 20 << 30)
    command = [
        sys.executable, "-m", "wavegan_tf.train", f"--train_dir={tmp_path / 'run'}", "--wavegan_dim=1",
        "--wavegan_kernel_len=4", "--wavegan_latent_dim=4", "--wavegan_disc_nupdates=4", "--train_batch_size=16",
        "--preview_n=1", "--train_steps=400", f"--data_prepared={tmp_path / 'set'}",
    ]  # fmt: skip
    started = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, errors
    assert re.search(r"data: 67\d\d\d files, \d+ clips an epoch, 67\d\d\d\d seconds", errors), errors
    print(f"{usage.ru_maxrss >> 10} MiB resident at most, {time.monotonic() - started:.0f} s")
    assert usage.ru_maxrss < 1 << 20  # KiB
