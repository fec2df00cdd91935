"""The lock of a training directory, and what is left of a start that comes to nothing."""

import errno
import fcntl
import os
import re
import signal
import socket
import time

import pytest

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training.run_directory import RunDirectory

OPTIONS = "config.json"
OWNER = f"{os.getpid()} {socket.gethostname()}"


def hold_elsewhere(directory):
    """The id of a new process that holds the lock; a fork, because importing TensorFlow anew takes long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with RunDirectory(str(directory), OPTIONS):
                os.write(writing, b"held")
                time.sleep(600)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read(4) == b"held"
    return child


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # JAX's, of other tests in this process
def test_lock_keeps_others_out_until_its_process_is_killed(tmp_path):
    directory = tmp_path / "run"
    holder = hold_elsewhere(directory)
    try:
        message = f"train_dir={directory}: process {holder} is already training in this directory"
        for _ in range(2):
            with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
                RunDirectory(str(directory), OPTIONS)
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    with RunDirectory(str(directory), OPTIONS):
        assert (directory / ".lock").read_text() == OWNER
        with pytest.raises(UserError, match=f"process {os.getpid()} is already"):
            RunDirectory(str(directory), OPTIONS)
        assert (directory / ".lock").exists()
    with RunDirectory(str(directory), OPTIONS):
        pass
    assert not list(directory.iterdir())


def test_lock_of_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "run"
    with pytest.raises(UserError, match=rf"^train_dir={path}: cannot be written \(Not a directory\)$"):
        RunDirectory(str(path), OPTIONS)


@pytest.mark.parametrize("name", ["run[1]", "run*", "run?", "a\\b"])
def test_lock_of_a_path_that_tensorflow_could_not_restore_from(tmp_path, name):
    with pytest.raises(UserError, match=r"^train_dir=.*: TensorFlow takes .* for patterns; choose another path$"):
        RunDirectory(str(tmp_path / name), OPTIONS)
    assert not list(tmp_path.iterdir())


def fill(directory):
    """Writes as a start does before it knows whether it can go on."""
    (directory / "moments.npz").write_text("of other data")
    (directory / "stage_00000").mkdir()
    (directory / "stage_00000" / "checkpoint").write_text("")
    (directory / "config.json.tmp").write_text("{")


def test_lock_of_a_path_that_tensorflow_takes_for_no_text(tmp_path):
    with pytest.raises(UserError, match=r"^train_dir=.*/n\\xff: TensorFlow takes paths in UTF-8 only; choose another$"):
        RunDirectory(f"{tmp_path}/n\udcff", OPTIONS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [UserError("no audio"), KeyboardInterrupt(), RuntimeError("a bug")])
def test_a_start_that_fails_leaves_nothing_behind(tmp_path, error):
    directory = tmp_path / "made" / "for" / "it"
    with pytest.raises(type(error)), RunDirectory(str(directory), OPTIONS):
        fill(directory)
        raise error
    assert not list(tmp_path.iterdir())


def test_files_of_others_and_decoded_audio_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError), RunDirectory(str(tmp_path), OPTIONS):
        fill(tmp_path)
        (tmp_path / "data_cache").mkdir()
        (tmp_path / "data_cache" / "audio").write_text("decoded")
        raise UserError("the longest file is too short")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data_cache", "notes.txt"]
    assert (tmp_path / "data_cache" / "audio").exists()


def test_a_run_stays_whatever_happens_to_it(tmp_path):
    for _ in range(2):  # the second time it is there already
        with pytest.raises(UserError), RunDirectory(str(tmp_path), OPTIONS):
            (tmp_path / OPTIONS).write_text("{}")
            (tmp_path / "model.ckpt-1.index").write_text("")
            raise UserError("training has diverged")
        assert sorted(path.name for path in tmp_path.iterdir()) == [OPTIONS, "model.ckpt-1.index"]


def test_a_lock_that_its_holder_removed_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    """A second process may have opened the file before the first one removed it."""
    flock, calls = fcntl.flock, []

    def removed_first(file, operation):
        calls.append(operation)
        if len(calls) == 1:
            os.remove(tmp_path / ".lock")
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    with RunDirectory(str(tmp_path), OPTIONS):
        assert len(calls) == 2 and (tmp_path / ".lock").read_text() == OWNER
        monkeypatch.undo()
        with pytest.raises(UserError, match="is already training"):
            RunDirectory(str(tmp_path), OPTIONS)


@pytest.fixture
def no_flock(monkeypatch):
    """As on Lustre, on NFS without its lock daemon, or under some FUSE drivers."""

    def refuse(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_a_process_of_this_machine_is_kept_out_nevertheless(no_flock, tmp_path, caplog):
    with RunDirectory(str(tmp_path / "run"), OPTIONS):
        assert "cannot be locked (Function not implemented); a process on another machine" in caplog.text
        with pytest.raises(UserError, match=f"process {os.getpid()} is already training in this directory"):
            RunDirectory(str(tmp_path / "run"), OPTIONS)


@pytest.mark.parametrize(
    "owner", ["", "999999999", f"999999999 {socket.gethostname()}", "1 elsewhere", "\xff\xfe x"]
)
def test_without_locks_what_a_killed_process_left_hinders_nobody(no_flock, tmp_path, owner):
    (tmp_path / ".lock").write_bytes(owner.encode("latin-1"))
    with RunDirectory(str(tmp_path), OPTIONS):
        assert (tmp_path / ".lock").read_text() == OWNER
    assert not list(tmp_path.iterdir())


def test_a_directory_that_was_renamed_leaves_what_stands_in_its_place_alone(tmp_path):
    with pytest.raises(UserError, match="^first$"), RunDirectory(str(tmp_path / "run"), OPTIONS):
        os.rename(tmp_path / "run", tmp_path / "moved")
        raise UserError("first")  # nothing stands there
    with pytest.raises(UserError, match="^second$"), RunDirectory(str(tmp_path / "run"), OPTIONS):
        os.rename(tmp_path / "run", tmp_path / "moved too")
        other = RunDirectory(str(tmp_path / "run"), OPTIONS)
        fill(tmp_path / "run")
        raise UserError("second")
    assert len(list((tmp_path / "run").iterdir())) == 4, "files of a run that has begun there are removed"
    with other:
        (tmp_path / "run" / OPTIONS).write_text("{}")


def test_a_lock_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "getpid", full)
    with pytest.raises(UserError, match=r"^train_dir=.*: cannot be written \(the disk is full\)$"):
        RunDirectory(str(tmp_path / "a" / "b"), OPTIONS)
    assert not list(tmp_path.iterdir())
