"""How one command starts another."""

from __future__ import annotations

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
