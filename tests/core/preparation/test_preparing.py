"""Preparing: what is written, whatever is interrupted, twice at once, on a full disk, or by any number of workers."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from specgan_tf.prepare import prepare
from tests.commands import run as run_command
from tests.core.preparation.sounds import IN_MEMORY, RATE, options, prepared, tone, write_sounds
from wavegan_tf.core.audio.options import Decoding
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import manifest, pipeline, processes, shards
from wavegan_tf.core.preparation.filesystems import Found
from wavegan_tf.core.preparation.preparing import SHARD_BYTES, Plan


def shards_of(folder: Path) -> dict[str, bytes]:
    """The shards of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.audio"))}


def leftovers(folder: Path) -> list[str]:
    """What a folder holds of work that was not finished."""
    return [path.name for path in folder.rglob("*") if ".tmp-" in path.name or path.name in (".lock", "lists")]


def test_manifest_and_skipped_files(sounds, drums_set):
    made = manifest.read(str(drums_set))
    assert (made.kind, made.files, made.skipped, made.labels) == ("audio", 9, 2, ("kick", "snare"))
    assert len(made.shards) == 3 and sum(shard.files for shard in made.shards) == 9
    assert made.seconds == pytest.approx(sum(np.load(drums_set / "tables" / "lengths.npy")) / RATE)
    assert {sum(made.histograms[name]["counts"]) for name in ("seconds", "peak_db", "rms_db")} == {9}
    rows = list(csv.DictReader((drums_set / "skipped.csv").read_text().splitlines()))
    assert [Path(row["file"]).name for row in rows] == ["broken.wav", "empty.wav"]
    assert "is empty (0 bytes)" in rows[1]["reason"] and "cannot be decoded" in rows[0]["reason"]
    assert leftovers(drums_set) == []


@pytest.mark.slow
def test_same_shards_from_another_place_and_by_processes(sounds, drums_set, tmp_path):
    """By two processes, of a copy of the folder, as by this one."""
    import shutil

    copy = shutil.copytree(sounds, tmp_path / "copy")
    arguments = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    made = prepare(options(copy, tmp_path / "set", data_labels="folder", num_shards=3), arguments)
    assert shards_of(tmp_path / "set") == shards_of(drums_set)
    assert made.tables == manifest.read(str(drums_set)).tables
    assert leftovers(tmp_path / "set") == []


def test_finished_shards_are_kept(sounds, tmp_path, monkeypatch):
    folder = prepared(sounds, tmp_path / "set", num_shards=4)
    before, times = shards_of(folder), {path: path.stat().st_mtime_ns for path in folder.glob("*.audio")}
    # As after a kill: no manifest, one shard half written, one whole but without its facts.
    names = sorted(before)
    (folder / "manifest.json").unlink()
    (folder / f"{names[1]}.npz").unlink()
    (folder / names[2]).write_bytes(before[names[2]][:100])
    (folder / f"{names[0]}.tmp-{os.uname().nodename}-999999999-00000000").write_bytes(b"half")
    prepared(sounds, folder, num_shards=4)
    assert shards_of(folder) == before and leftovers(folder) == []
    kept = [path.name for path, at in times.items() if path.stat().st_mtime_ns == at]
    assert sorted(kept) == [names[0], names[3]]
    monkeypatch.setattr(pipeline, "run", None)
    prepared(sounds, folder, num_shards=4)  # nothing is left to do


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_sample_rate": 8000}, "data_sample_rate=8000: output_dir=.* was begun with 16000; "),
        ({"data_labels": "folder"}, "data_labels=folder: output_dir=.* was begun with none; "),
        ({"num_shards": 2}, "num_shards: output_dir=.* was begun with 3 shards, not 2"),
        ({"data_glob": "SOUNDS/kick/*", "data_dir": ""}, "output_dir=.*: was begun with other files"),
    ],
)
def test_other_sets_do_not_mix(sounds, tmp_path, changes, message):
    folder = prepared(sounds, tmp_path / "set", num_shards=3)
    changes = {name: str(v).replace("SOUNDS", str(sounds)) if name == "data_glob" else v for name, v in changes.items()}
    before = shards_of(folder)
    with pytest.raises(UserError, match=message):
        prepared(sounds, folder, **{"num_shards": 3, **changes})
    assert shards_of(folder) == before


def test_changed_files_are_other_files(tmp_path):
    write_sounds(tmp_path / "sounds")
    folder = prepared(tmp_path / "sounds", tmp_path / "set")
    soundfile.write(tmp_path / "sounds" / "kick" / "a.wav", tone(100), RATE)
    with pytest.raises(UserError, match="was begun with other files"):
        prepared(tmp_path / "sounds", folder)


def test_folders_that_hold_something_else(sounds, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="holds other files; choose another folder"):
        prepared(sounds, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_patterns(sounds, tmp_path):
    folder = prepared(sounds, tmp_path / "set", data_dir="", data_glob=f"{sounds}/*/*.wav", data_labels="folder")
    made = manifest.read(str(folder))
    assert made.files == 7 and made.labels == ("kick", "snare")
    assert (folder / "tables" / "names.bin").read_bytes().startswith(b"kick/a.wavkick/b.wavsnare/e.wav")
    with pytest.raises(UserError, match=r"data_glob=.*: matches no file"):
        prepared(sounds, tmp_path / "other", data_dir="", data_glob=f"{sounds}/*.aiff")


def test_bad_files_stop_it_only_if_they_are_to(sounds, tmp_path):
    with pytest.raises(UserError, match=r"(broken|empty)\.wav: .*; repair or remove it, or set data_skip_bad=true"):
        prepared(sounds, tmp_path / "set", data_skip_bad=False)
    # Shards that were finished with files skipped are no way around it.
    folder = prepared(sounds, tmp_path / "set")
    with pytest.raises(UserError, match=r"broken\.wav: .*; repair or remove it"):
        prepared(sounds, folder, data_skip_bad=False)


def test_files_without_labels_are_skipped(sounds, tmp_path):
    import shutil

    copy = shutil.copytree(sounds, tmp_path / "copy")
    soundfile.write(copy / "alone.wav", tone(100), RATE)
    folder = prepared(copy, tmp_path / "set", data_labels="folder")
    assert "alone.wav,has no label by --data_labels=folder" in (folder / "skipped.csv").read_text()
    with pytest.raises(UserError, match=r"alone\.wav: is in no sub-folder"):
        prepared(copy, tmp_path / "other", data_labels="folder", data_skip_bad=False)


def test_nothing_usable(tmp_path):
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").touch()
    with pytest.raises(UserError, match=r"none of the 1 audio files can be used; the first is .*a\.wav: is empty"):
        prepared(tmp_path / "sounds", tmp_path / "set")


def test_two_at_once(sounds, tmp_path, monkeypatch):
    """The second is refused, and the first comes to its end."""
    begun, go_on = threading.Event(), threading.Event()
    write = shards.write_shard

    def slowly(settings, unit):
        begun.set()
        assert go_on.wait(60)
        write(settings, unit)

    monkeypatch.setattr(shards, "write_shard", slowly)
    pipeline.resolve.cache_clear()
    first = threading.Thread(target=prepared, args=(sounds, tmp_path / "set"))
    try:
        first.start()
        assert begun.wait(60)
        with pytest.raises(UserError, match=f"process {os.getpid()} is already preparing data in this directory"):
            prepared(sounds, tmp_path / "set")
    finally:
        go_on.set()
        first.join()
        pipeline.resolve.cache_clear()
    assert manifest.read(str(tmp_path / "set")).files == 9 and leftovers(tmp_path / "set") == []


def test_full_disk_leaves_whole_shards_only(sounds, tmp_path, monkeypatch):
    written, write = [0], shards._Sink.write

    def until_full(sink, data):
        written[0] += len(data)
        if written[0] > 200_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(sink, data)

    with monkeypatch.context() as patch:
        patch.setattr(shards._Sink, "write", until_full)
        with pytest.raises(UserError, match=r"shard-\d+-of-00006\.audio: cannot be written \(the disk is full\)"):
            prepared(sounds, tmp_path / "set", num_shards=6)
    folder = tmp_path / "set"
    there = shards_of(folder)
    assert 0 < len(there) < 6 and all((folder / f"{name}.npz").exists() for name in there)
    assert not [name for name in leftovers(folder) if ".tmp-" in name] and not (folder / "manifest.json").exists()
    prepared(sounds, folder, num_shards=6)
    assert shards_of(folder) == shards_of(prepared(sounds, tmp_path / "other", num_shards=6))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_unwritable_place(sounds, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"cannot be written \(Permission denied\)"):
        prepared(sounds, tmp_path / "set")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runner=Nonsense"], "Nonsense"),
        (["--direct_num_workers=many"], "invalid int value: 'many'"),
        (["--nonsense=1"], "-- nonsense=1: is no option of Apache Beam's direct runner"),
        (["--direct_running_mode=elsewhere"], "elsewhere"),
    ],
)
def test_options_that_beam_refuses(sounds, tmp_path, arguments, message, capfd):
    with pytest.raises(UserError, match=message) as raised:
        prepare(options(sounds, tmp_path / "set"), arguments)
    assert len(str(raised.value)) < 400
    assert capfd.readouterr() == ("", "")


def test_without_beam(sounds, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.io.filesystems", None)
    message = r"^preparing data needs Apache Beam: pip install 'adversarial-audio-tf\[beam\]'$"
    with pytest.raises(UserError, match=message):
        prepare(options(sounds, tmp_path / "set"))


def plan(sizes, num_shards=0):
    files = [Found(f"{number}.wav", size, 0.0) for number, size in enumerate(sizes)]
    return Plan(
        kind="audio", folder="", options={}, decoding=Decoding(RATE), skip_bad=True, files=files,
        names=[file.path for file in files], num_shards=num_shards,
    )  # fmt: skip


@pytest.mark.parametrize("sizes", [[5], [0, 0, 0], [1, 1000, 1], [10] * 97, [7, 1, 9, 1 << 40, 3, 2], list(range(50))])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 50, 1000])
def test_every_file_is_in_one_shard(sizes, count):
    parts = plan(sizes, count).parts
    assert [place for part in parts for place in part] == list(range(len(sizes)))
    assert len(parts) == min(count, len(sizes))
    if len(set(sizes)) == 1:
        counts = [len(part) for part in parts]
        assert max(counts) - min(counts) <= 1


def test_default_number_of_shards():
    assert len(plan([SHARD_BYTES // 4] * 400).parts) == 101  # each file counts a byte more
    assert len(plan([1 << 20] * 100).parts) == 16
    assert len(plan([1 << 10] * 10).parts) == 1


CODES = [[0], [-32768, 32767], [1, -1, 0, 5]]


@pytest.mark.parametrize("codes", CODES)
def test_codes_are_exact_or_none(codes):
    block = np.array(codes, np.float32)[:, None] / np.float32(32768)
    np.testing.assert_array_equal(shards._codes(block)[:, 0], codes)
    for wrong in (np.float32(-0.0), np.float32(1.0), np.float32(2), np.float32(0.5 / 32768), np.float32(1e-45)):
        assert shards._codes(np.concatenate([block, [[wrong]]]).astype(np.float32)) is None


def test_long_files_in_blocks(tmp_path, monkeypatch):
    """A file that is not held whole becomes the same bytes."""
    (tmp_path / "sounds").mkdir()
    for name, subtype in (("a.wav", "PCM_16"), ("b.wav", "FLOAT")):
        soundfile.write(tmp_path / "sounds" / name, tone(700_000, seed=1), RATE, subtype)
    whole = shards_of(prepared(tmp_path / "sounds", tmp_path / "whole"))
    monkeypatch.setattr(shards, "_LONG_BYTES", 1 << 20)
    assert shards_of(prepared(tmp_path / "sounds", tmp_path / "blocks")) == whole


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


def start(sounds: Path, output: Path) -> subprocess.Popen:
    """audio_prepare by two processes."""
    command = [
        sys.executable, "-m", "specgan_tf.prepare", f"--data_dir={sounds}", f"--output_dir={output}", "--nomoments",
        "--num_shards=12", "--", "--direct_running_mode=multi_processing", "--direct_num_workers=2",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_shards(process: subprocess.Popen, output: Path, count: int) -> None:
    """Waits until so many shards are whole."""
    until = time.monotonic() + 200
    while len(list(output.glob("*.npz"))) < count:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "pipeline", "command"])
def test_killed_in_the_middle(tmp_path, victim):
    """A worker or the pipeline is started again; after the command was killed, the next one goes on."""
    many_sounds(tmp_path / "sounds", 60)
    output = tmp_path / "set"
    process = start(tmp_path / "sounds", output)
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
def test_portable_runner(sounds, tmp_path):
    """Beam's portable runner, with workers in processes."""
    arguments = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]
    prepare(options(sounds, tmp_path / "set", num_shards=3), arguments)
    assert shards_of(tmp_path / "set") == shards_of(prepared(sounds, tmp_path / "other", num_shards=3))


def test_pipelines_that_lose_their_workers_again_and_again(sounds, tmp_path, monkeypatch, caplog):
    """They are given up, with one line, and what is there stays."""
    starts = []
    monkeypatch.setattr(processes, "_run_process", lambda *arguments: starts.append(1) or -signal.SIGKILL)
    with pytest.raises(UserError, match=r"a process of the pipeline was lost 3 times \(last exit code -9\): "):
        prepare(options(sounds, tmp_path / "set"), ["--direct_running_mode=multi_processing"])
    assert len(starts) == 3
