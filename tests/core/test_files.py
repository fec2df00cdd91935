"""Files that appear whole or not at all, whatever stands where they are to be."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wavegan_tf.core import files
from wavegan_tf.core.files import replacing


def put(path, text):
    with replacing(str(path)) as temporary:
        Path(temporary).write_text(text)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(files, "_tidied", set())


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    put(tmp_path / "a", "first")
    put(tmp_path / "a", "second")
    with pytest.raises(ZeroDivisionError), replacing(str(tmp_path / "a")) as temporary:
        Path(temporary).write_text("half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_text() == "second"


def test_of_a_link_the_target_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "target").write_text("old")
    (tmp_path / "to_target").symlink_to(tmp_path / "folder" / "target")
    (tmp_path / "to_link").symlink_to("to_target")
    (tmp_path / "to_nothing").symlink_to("folder/new")
    for name in ("to_target", "to_link", "to_nothing"):
        put(tmp_path / name, name)
        assert (tmp_path / name).is_symlink() and (tmp_path / name).read_text() == name
    assert sorted(os.listdir(tmp_path / "folder")) == ["new", "target"]
    assert (tmp_path / "folder" / "target").read_text() == "to_link"


def test_nothing_but_a_regular_file_is_replaced(tmp_path):
    """Else a root user's --output=/dev/null would put a file in the place of the device."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("pipe", "folder", "device"):
        with pytest.raises(OSError, match="Is a directory" if name == "folder" else "it is not a regular file"):
            put(tmp_path / name, "lost")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert sorted(os.listdir(tmp_path)) == ["device", "folder", "pipe"]


def test_what_killed_processes_leave_is_removed_once_a_process(tmp_path):
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    gone, here, alive = int(child.stdout), socket.gethostname(), os.getpid()
    abandoned = [
        f"x.wav.tmp-{here}-{gone}-0123abcd",
        f"1.tmp-{here}-{gone}-00000000",
        f"c.f32.tmp-{here}-{gone}-89abcdef.json",
    ]
    kept = [
        f"x.tmp-{here}-{alive}-0123abcd", f"x.tmp-elsewhere-{gone}-0123abcd", f"x.tmp-{gone}-0123abcd",
        f"x.tmp-{here}-{gone}-0123abcd.wav.bak", "x.tmp", "x.tmp-7",
    ]  # fmt: skip
    for name in [*abandoned, *kept]:
        (tmp_path / name).write_text("half")
    (tmp_path / f"2.tmp-{here}-{gone}-11111111" / "variables").mkdir(parents=True)
    put(tmp_path / "y", "whole")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "y"])
    (tmp_path / abandoned[0]).write_text("half")
    put(tmp_path / "y", "whole")
    assert (tmp_path / abandoned[0]).exists(), "a folder of thousands of files is listed for each of them"
