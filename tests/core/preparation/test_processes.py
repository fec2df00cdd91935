"""Pipelines of several processes, as the commands start them: the same shards, whoever is killed."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import soundfile

from specgan_tf.prepare import prepare
from tests.commands import run as run_command
from tests.core.preparation.sounds import IN_MEMORY, RATE, leftovers, options, prepared, shards_of, tone
from wavegan_tf.core.audio import tensorflow_io
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import manifest, pipeline, processes

PROCESSES = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
THREADS = ("--direct_running_mode=multi_threading", "--direct_num_workers=2")
PORTABLE = ("--runner=PortableRunner", "--job_endpoint=embed", "--sdk_worker_parallelism=2")
LOOPBACK = (*PORTABLE, "--environment_type=LOOPBACK")
SUBPROCESS = (
    *PORTABLE, "--environment_type=beam:env:harness_subprocess_python:v1",
    f"--environment_config={sys.executable} -m apache_beam.runners.worker.sdk_worker_main",
)  # fmt: skip
# Beam's own job service gives a job one worker; a module that Python imports at its start makes it two.
TWO_WORKERS = """
from apache_beam.runners.portability.fn_api_runner import fn_runner
begin = fn_runner.FnApiRunner.__init__
def begin_with_two(self, *arguments, **named):
    begin(self, *arguments, **named)
    self._num_workers = 2
fn_runner.FnApiRunner.__init__ = begin_with_two
"""


@pytest.mark.slow
def test_same_shards_from_another_place_and_by_processes(sounds, drums_set, tmp_path):
    """By two processes, of a copy of the folder, as by this one."""
    copy = shutil.copytree(sounds, tmp_path / "copy")
    made = prepare(options(copy, tmp_path / "set", data_labels="folder", num_shards=3), PROCESSES)
    assert shards_of(tmp_path / "set") == shards_of(drums_set)
    assert made.tables == manifest.read(str(drums_set)).tables
    assert leftovers(tmp_path / "set") == []


def children(pid: int) -> list[int]:
    """Processes that a process has started, and those that these have."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    found = list(map(int, listed.read_text().split())) if listed.exists() else []
    for task in Path(f"/proc/{pid}/task").iterdir() if found or listed.exists() else ():
        found += [int(child) for child in (task / "children").read_text().split() if int(child) not in found]
    return found + [other for child in found for other in children(child)]


def is_worker(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"sdk_worker_main" in command and not command.startswith(b"/bin/sh")


def many_sounds(folder: Path, count: int) -> None:
    """Files of noise that take a while."""
    folder.mkdir()
    soundfile.write(folder / "0.wav", tone(1 << 20), 44_100)
    data = (folder / "0.wav").read_bytes()
    for number in range(1, count):
        (folder / f"{number}.wav").write_bytes(data)


def start(sounds: Path, output: Path, beam: Sequence[str] = PROCESSES, **environment: str) -> subprocess.Popen:
    """audio_prepare by two processes."""
    command = [
        sys.executable, "-m", "specgan_tf.prepare", f"--data_dir={sounds}", f"--output_dir={output}", "--nomoments",
        "--num_shards=12", "--", *beam,
    ]  # fmt: skip
    environment = {**os.environ, **environment}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for_shards(process: subprocess.Popen, output: Path, count: int) -> None:
    """Waits until so many shards are whole."""
    until = time.monotonic() + 200
    while len(list(output.glob("*.npz"))) < count:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "beam"), [("worker", PROCESSES), ("worker", SUBPROCESS), ("pipeline", PROCESSES), ("command", PROCESSES)]
)
def test_killed_in_the_middle(tmp_path, victim, beam):
    """A worker or the pipeline is started again; after the command was killed, the next one goes on."""
    many_sounds(tmp_path / "sounds", 60)
    output = tmp_path / "set"
    (tmp_path / "site").mkdir()
    if beam is SUBPROCESS:
        (tmp_path / "site" / "sitecustomize.py").write_text(TWO_WORKERS)
    process = start(tmp_path / "sounds", output, beam, PYTHONPATH=str(tmp_path / "site"))
    wait_for_shards(process, output, 2)
    started = children(process.pid)
    workers = [pid for pid in started if is_worker(pid)]
    assert len(workers) == 2
    os.kill({"worker": workers[0], "pipeline": started[0], "command": process.pid}[victim], signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    if victim == "command":
        assert process.returncode == -signal.SIGKILL
        until = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in started):
            assert time.monotonic() < until, "processes go on without the command"
            time.sleep(0.1)
        kept = {path: path.stat().st_mtime_ns for path in output.glob("*.npz")}
        assert len(kept) >= 2
        process = start(tmp_path / "sounds", output)
        _, errors = process.communicate(timeout=300)
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
    else:
        assert "a process of the pipeline was lost" in errors
    assert process.returncode == 0, errors
    assert leftovers(output) == []
    other = tmp_path / "other"
    prepare(options(tmp_path / "sounds", other, num_shards=12), IN_MEMORY)
    assert shards_of(output) == shards_of(other)


def test_decoding_imports_no_tensorflow(tmp_path):
    """In the command, nor in what its workers do: that costs seconds and half a gigabyte each."""
    (tmp_path / "sounds").mkdir()
    samples = tensorflow_io.MIN_SAMPLES + 1
    soundfile.write(tmp_path / "sounds" / "long.wav", tone(samples), RATE, "PCM_16")
    program = (
        "import sys; from specgan_tf.prepare import AudioPreparationOptions, prepare; "
        "made = prepare(AudioPreparationOptions(moments=False, data_dir=sys.argv[1], output_dir=sys.argv[2]), "
        f"{list(IN_MEMORY)}); print(made.samples, *(name for name in ('tensorflow', 'keras') if name in sys.modules))"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "sounds"), str(tmp_path / "set")]
    assert subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True).stdout == f"{samples}\n"


@pytest.mark.slow
def test_command_line(sounds, tmp_path):
    """Of both commands as users run them, with options of Beam's that are right and wrong."""
    output = tmp_path / "set"
    arguments = [f"--data_dir={sounds}", f"--output_dir={output}", "--data_first_slice"]
    errors = run_command("specgan_tf.prepare", *arguments, "--", "--nonsense", code=1)
    assert errors == "error: -- --nonsense: is no option of Apache Beam's direct runner\n"
    errors = run_command("specgan_tf.prepare", *arguments, "extra", "--", "--direct_num_workers=2", code=2)
    assert errors == "error: unexpected argument 'extra' (see --help)\n"
    errors = run_command("specgan_tf.prepare", *arguments, "--", "--direct_running_mode=multi_processing")
    assert "9 files" in errors and "Traceback" not in errors and "WARNING" not in errors
    assert "specgan_moments" in json.loads((output / "manifest.json").read_text())["extras"]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [THREADS, LOOPBACK, SUBPROCESS], ids=["threads", "loopback", "subprocess"])
def test_other_runners(sounds, tmp_path, arguments):
    """Beam's direct runner with threads, and its portable runner: the same shards, and a mistake as one line."""
    prepare(options(sounds, tmp_path / "set", num_shards=3), arguments)
    assert shards_of(tmp_path / "set") == shards_of(prepared(sounds, tmp_path / "other", num_shards=3))
    assert leftovers(tmp_path / "set") == []
    with pytest.raises(UserError, match=r"^\S+/(kick/broken|snare/empty)\.wav: .*; repair or remove it, or set \S+$"):
        prepare(options(sounds, tmp_path / "bad", num_shards=3, data_skip_bad=False), arguments)


@pytest.mark.parametrize("count", range(1, 8))
@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_shares_of_units(count, workers):
    """Each worker may do all of them, and begins with what is its own, which the others come to last."""
    units = [{"number": number} for number in range(count)]
    found = [[unit["number"] for unit in share] for share in pipeline.shares(units, workers)]
    assert len(found) == min(workers, count) and {len(share) for share in found} == {count}
    assert all(sorted(share) == list(range(count)) for share in found)
    assert sorted(share[0] for share in found) == list(range(len(found)))
    if len(found) == 2:
        assert found[0] == [*range(0, count, 2), *reversed(range(1, count, 2))]


def test_claims_of_units(tmp_path):
    """A unit is one worker's until it is done or fails, and nobody's after it is done."""
    folder = str(tmp_path)
    with pytest.raises(ZeroDivisionError), pipeline.claimed(folder, 3) as is_mine:
        assert is_mine
        with pipeline.claimed(folder, 3) as is_mine:
            assert not is_mine
        with pipeline.claimed(folder, 4) as is_mine:
            assert is_mine
        1 / 0  # noqa: B018
    for expected in (True, False, False):
        with pipeline.claimed(folder, 3) as is_mine:
            assert is_mine == expected
    for _ in range(2):
        with pipeline.claimed(None, 3) as is_mine:
            assert is_mine


def test_claims_need_a_disk_with_locks(tmp_path, monkeypatch):
    assert os.path.dirname(pipeline.folder_of_claims(str(tmp_path)) or "") == str(tmp_path)

    def no_locks(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert pipeline.folder_of_claims(str(tmp_path)) is None
    assert len(os.listdir(tmp_path)) == 1


def test_pipelines_that_lose_their_workers_again_and_again(sounds, tmp_path, monkeypatch, caplog):
    """They are given up, with one line, and what is there stays."""
    starts = iter([-signal.SIGKILL] * 3)
    monkeypatch.setattr(processes, "_run_process", lambda *arguments: next(starts))
    with pytest.raises(UserError, match=r"a process of the pipeline was lost 3 times \(last exit code -9\): "):
        prepare(options(sounds, tmp_path / "set"), ["--direct_running_mode=multi_processing"])
    assert next(starts, None) is None
