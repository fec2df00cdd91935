"""How one command starts another, and what it prints where nothing can be printed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wavegan_tf.core.commands import in_a_process

HELP = ("wavegan_tf.export", "--help")


@pytest.mark.parametrize("hostile", ["json.py", "runpy.py", "absl/__init__.py", "wavegan_tf/export.py", "site.py"])
def test_nothing_of_the_current_folder_is_executed(tmp_path, hostile):
    path: Path = tmp_path / hostile
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('EXECUTED')")
    (path.parent / "__init__.py").touch()
    done = subprocess.run(in_a_process(*HELP), capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and "--export_dir" in done.stdout
    if hostile not in ("site.py", "runpy.py"):  # which Python has imported by then
        done = subprocess.run([sys.executable, "-m", *HELP], capture_output=True, text=True, cwd=tmp_path)
        assert "EXECUTED" in done.stderr or "No module named" in done.stderr, "the folder is no trap"


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("argument", ["--published", "--help", "--helpxml"])
def test_a_standard_output_that_takes_nothing_is_one_line_and_a_closed_pipe_none(argument, buffered):
    reading, closed = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    line = "error: writing: the disk is full; make room and start again\n"
    for output, code, message in ((full, 1, line), (closed, 128 + signal.SIGPIPE, "")):
        done = subprocess.run(
            in_a_process("eval.score", argument), stdout=output, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": buffered},
        )  # fmt: skip
        os.close(output)
        assert (done.returncode, done.stderr) == (code, message)
