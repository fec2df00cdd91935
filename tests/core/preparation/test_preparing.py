"""Preparing: what is written, whatever is interrupted, twice at once, on a full disk, or by any number of workers."""

from __future__ import annotations

import csv
import errno
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from specgan_tf.prepare import prepare
from tests.core.preparation.sounds import RATE, leftovers, options, prepared, shards_of, tone, write_sounds
from wavegan_tf.core.audio.options import Decoding
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import manifest, pipeline, shards
from wavegan_tf.core.preparation.listing import Files, Found
from wavegan_tf.core.preparation.plan import SHARD_BYTES, Plan


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


def test_finished_shards_are_kept(sounds, tmp_path, monkeypatch):
    folder = prepared(sounds, tmp_path / "set", num_shards=4)
    before, times = shards_of(folder), {path: path.stat().st_mtime_ns for path in folder.glob("*.audio")}
    # As after a kill: no manifest, one shard half written, one whole but without its facts.
    names = sorted(before)
    (folder / "manifest.json").unlink()
    (folder / f"{names[1]}.npz").unlink()
    (folder / names[2]).write_bytes(before[names[2]][:100])
    for pid in (999999999, os.getppid()):  # one that is gone, and one that another process has now
        (folder / f"{names[0]}.tmp-{os.uname().nodename}-{pid}-00000000").write_bytes(b"half")
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
    files = Files.of(Found(f"{number}.wav", size, 0.0) for number, size in enumerate(sizes))
    return Plan(
        kind="audio", folder="", options={}, decoding=Decoding(RATE), skip_bad=True, files=files,
        names=files.paths, num_shards=num_shards,
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
    found = shards._codes(block)
    assert found is not None
    np.testing.assert_array_equal(found[:, 0], codes)
    for wrong in (np.float32(-0.0), np.float32(1.0), np.float32(0.5 / 32768), np.float32(1e-45)):
        assert shards._codes(np.concatenate([block, [[wrong]]]).astype(np.float32)) is None


def test_long_files_in_blocks(tmp_path, monkeypatch):
    """A file that is not held whole becomes the same bytes."""
    (tmp_path / "sounds").mkdir()
    for name, subtype in (("a.wav", "PCM_16"), ("b.wav", "FLOAT")):
        soundfile.write(tmp_path / "sounds" / name, tone(700_000, seed=1), RATE, subtype)
    whole = shards_of(prepared(tmp_path / "sounds", tmp_path / "whole"))
    monkeypatch.setattr(shards, "_LONG_BYTES", 1 << 20)
    assert shards_of(prepared(tmp_path / "sounds", tmp_path / "blocks")) == whole
