"""Folders that generate commands fill: what is refused, what is removed, and what stays."""

from __future__ import annotations

import json
import os

import pytest

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.generated import LIST_FILE, NumberedFiles, claim_folder


def write(folder, *names):
    """Stands in for a run."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run(folder, *names, overwrite=False):
    claim_folder(str(folder), names, overwrite)
    write(folder, *names)


def test_a_second_run_needs_overwrite_and_removes_the_first(tmp_path):
    out = tmp_path / "deep" / "out"
    run(out, "latents.npy", "0.wav", "1.wav", "2.wav", "interpolation.wav")
    before = names_in(out)
    with pytest.raises(UserError, match=r"out: holds audio already \(0.wav\); name another folder, or .* overwrite$"):
        run(out, "latents.npy", "3.wav")
    assert names_in(out) == before
    run(out, "latents.npy", "0.flac", "1.flac", overwrite=True)
    assert names_in(out) == ["0.flac", "1.flac", LIST_FILE, "latents.npy"]
    run(out, "song.wav", overwrite=True)
    assert names_in(out) == [LIST_FILE, "song.wav"]


def test_what_no_run_wrote_stays(tmp_path, caplog):
    out = tmp_path / "out"
    run(out, "0.wav", "1.wav")
    write(out, "mine.wav", "notes.txt", "sub/0.wav", "0.wav.txt", "1.wav.tmp-123", "2.wav.tmp-4", ".hidden.wav")
    run(out, "0.wav", overwrite=True)
    kept = [".hidden.wav", "0.wav", "0.wav.txt", "2.wav.tmp-4", LIST_FILE, "mine.wav", "notes.txt", "sub/0.wav"]
    assert names_in(out) == sorted(kept)
    assert "keeps audio that was not generated, such as mine.wav" in caplog.text
    for name in ("mine.wav", "notes.txt"):
        with pytest.raises(UserError, match=f"out: {name} there was not generated; name another folder"):
            run(out, "2.wav", name, overwrite=True)
    assert names_in(out) == sorted(kept)
    os.remove(out / "0.wav")
    with pytest.raises(UserError, match=r"holds audio already \(mine.wav\); name another folder$"):
        run(out, "0.wav")


def test_folders_without_audio_are_taken(tmp_path):
    write(tmp_path, "notes.txt", "latents.npy")
    run(tmp_path, "0.wav")
    with pytest.raises(UserError, match="latents.npy there was not generated"):
        run(tmp_path, "latents.npy", overwrite=True)
    os.remove(tmp_path / "0.wav")
    run(tmp_path, "0.wav")
    assert names_in(tmp_path) == ["0.wav", LIST_FILE, "latents.npy", "notes.txt"]


@pytest.mark.parametrize("form", ["000000.wav", "000000_midi000.flac"])
def test_numbered_clips_are_listed_however_many(tmp_path, form):
    clips, few = NumberedFiles(2**31 - 1, form), NumberedFiles(3, form)
    claim_folder(str(tmp_path), ["latents.npy"], False, clips)
    assert (tmp_path / LIST_FILE).stat().st_size < 300
    ours = [clips.name(number, 61) for number in (0, 7, 999_999, 1_000_000, 2**31 - 2)]
    assert len(ours[0]) == len(form) and all(name in clips for name in ours) and few.name(3, 61) not in few
    others = [clips.name(2**31 - 1, 61), "0000001.wav", "00001.wav", "000001.ogg", "mine.wav", "٠٠٠٠٠١.wav"]
    write(tmp_path, "latents.npy", f"{ours[1]}.tmp-7", *ours, *others)
    assert not any(name in clips for name in others)
    with pytest.raises(UserError, match="holds audio already .* overwrite$"):
        claim_folder(str(tmp_path), ["latents.npy"], False, few)
    claim_folder(str(tmp_path), ["latents.npy"], True, few)
    assert names_in(tmp_path) == sorted([LIST_FILE, *others])
    write(tmp_path, ours[1])
    with pytest.raises(UserError, match=f"{ours[1]} there was not generated"):
        claim_folder(str(tmp_path), ["latents.npy"], True, clips)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": 1}', '{"files": [1]}', '{"files": ["../x.wav"]}', '{"files": [".."]}', "\0",
     '{"files": [], "clips": 1}', '{"files": [], "clips": {"count": 9}}',
     '{"files": [], "clips": {"count": 9, "form": "../000000.wav"}}',
     '{"files": [], "clips": {"count": true, "form": "000000.wav"}}',
     '{"files": [], "clips": {"count": 9, "form": "000000"}}'],
)
def test_lists_that_no_run_wrote_remove_nothing(tmp_path, text):
    write(tmp_path, "x.wav", "out/0.wav")
    (tmp_path / "out" / LIST_FILE).write_text(text)
    with pytest.raises(UserError, match=f"{LIST_FILE} there is no list of generated files"):
        run(tmp_path / "out", "0.wav", overwrite=True)
    absolute = json.dumps({"files": [str(tmp_path / "x.wav")]})
    (tmp_path / "out" / LIST_FILE).write_text(absolute)
    with pytest.raises(UserError, match=f"{LIST_FILE} there is no list of generated files"):
        run(tmp_path / "out", "0.wav", overwrite=True)
    assert names_in(tmp_path) == sorted(["x.wav", "out/0.wav", f"out/{LIST_FILE}"])
