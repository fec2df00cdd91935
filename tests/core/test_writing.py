"""Reasons for failed writes in one line, and lines that are appended whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from wavegan_tf.core import writing as module
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.writing import EventFiles, Problems, append_lines, npy, npz, why, write_file, writing

FULL = os.strerror(errno.ENOSPC)


def of_tensorflow(kind, text):
    return kind(None, None, f"{{{{function_node __wrapped__SaveV2_dtypes_3_device_/job:x}}}} {text} [Op:SaveV2]")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, FULL, "a"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system", "a"), "Read-only file system"),
        (OSError(errno.EFBIG, "File too large"), "File too large"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a", None, "b"), "No such file or directory"),
        (OSError(errno.EINVAL, "it is not a regular file", "a"), "it is not a regular file"),
        (OSError("640 requested and 12 written"), "640 requested and 12 written"),
        (OSError(), "OSError"),
        (OSError(f"[Errno 28] Can't write data (error message = '{FULL}', buf = 0x5)"), "the disk is full"),
        (OSError(errno.EIO, "Can't write (error\nmessage = 'Input/output error', buf = 0x5)"), "Input/output error"),
        (of_tensorflow(tf.errors.ResourceExhaustedError, f"/x/y.data; {FULL}\n\tFailed"), "the disk is full"),
        (of_tensorflow(tf.errors.NotFoundError, "/x/y; No such file or directory"), "No such file or directory"),
        (of_tensorflow(tf.errors.UnknownError, "strange\n\tthing"), "strange thing"),
    ],
)
def test_the_reason_is_the_systems(error, reason):
    assert why(error) == reason
    with pytest.raises(UserError) as raised, writing("--output_dir=x"):
        raise error
    assert raised.value.on_command_line == f"--output_dir=x: cannot be written ({reason})"


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), UserError("--a=1: is wrong")])
def test_what_is_no_failed_write_passes(error):
    with pytest.raises(type(error)) as raised, writing("x"):
        raise error
    assert raised.value is error


def test_a_file_is_written_whole_or_left_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_file(str(path), "é")
    assert path.read_bytes() == "é".encode()
    write_file(str(path), npy(np.arange(3)))
    np.testing.assert_array_equal(np.load(path), np.arange(3))
    write_file(str(path), npz(x=np.eye(2)))
    np.testing.assert_array_equal(np.load(path)["x"], np.eye(2))
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, FULL)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=r"^here: cannot be written \(the disk is full\)$"):
        write_file(str(path), "new", "here")
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a"]
    with pytest.raises(UserError, match="No such file"):
        write_file(str(tmp_path / "gone" / "a"), "new")
    assert os.listdir(tmp_path) == ["a"], "a folder that was removed is made again"


def test_nothing_is_a_view_of_a_buffer():
    """Python 3.12 crashes where both are garbage, as after a full disk: what an error holds is often in a cycle."""
    assert type(npy(np.arange(3))) is type(npz(x=np.eye(2))) is bytes
    root = Path(module.__file__).parents[2]
    for package in ("wavegan_tf", "specgan_tf", "gansynth_tf", "eval"):
        for path in (root / package).rglob("*.py"):
            assert ".getbuffer(" not in path.read_text(encoding="utf-8"), path


class Almost(io.FileIO):
    """A file on a disk with room for few bytes more."""

    room = 0

    def write(self, data):
        data = bytes(data)[: Almost.room]
        if not data:
            raise OSError(errno.ENOSPC, FULL)
        Almost.room -= len(data)
        return super().write(data)


@pytest.mark.parametrize("before", [b"", b"first\n", b"first\nhalf"])
def test_lines_are_appended_all_or_none_at_any_room(tmp_path, monkeypatch, before):
    path, lines = tmp_path / "x.jsonl", '{"a": 1}\n{"b": 2}\n'
    whole = before + (b"\n" if before.endswith(b"half") else b"") + lines.encode()
    needed = len(whole) - len(before)
    for room in range(needed + 1):
        path.write_bytes(before)
        Almost.room = room
        with monkeypatch.context() as patch:
            patch.setattr(module, "open", lambda path, mode, buffering: Almost(path, mode), raising=False)
            if room < needed:
                with pytest.raises(UserError, match="the disk is full"):
                    append_lines(str(path), lines)
            else:
                append_lines(str(path), lines)
        assert path.read_bytes() == (before if room < needed else whole), room


def test_event_files_go_on_in_a_new_file_and_never_in_a_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    events, problems = EventFiles(str(tmp_path / "run")), Problems("training")
    with problems.going_on(), events.at(1):
        tf.summary.scalar("a", 1.0)
    problems.check()
    os.rename(tmp_path / "run", tmp_path / "moved")
    with problems.going_on(), events.at(2):
        tf.summary.scalar("a", 2.0)
    assert os.listdir(tmp_path) == ["moved"]
    with pytest.raises(UserError, match="TensorBoard.s file: cannot be written .No such file or directory.; training"):
        problems.check()
