"""Decoded audio in memory, in a file and found again, beside the files one after the other."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.oracles import profile
from wavegan_tf.core.audio import cache, decode
from wavegan_tf.core.audio import store as audio_store
from wavegan_tf.core.audio.cache import SampleSpool, cache_key, read_index
from wavegan_tf.core.audio.files import list_audio_files, stem_of
from wavegan_tf.core.audio.options import Decoding
from wavegan_tf.core.audio.store import open_store, spooled
from wavegan_tf.core.errors import UserError

BLOCK = 5


@st.composite
def blocks_of(draw, channels):
    """Blocks [t, c] of different lengths, in memory by rows, by columns or with gaps."""
    found, at = [], 1
    for length in draw(st.lists(st.one_of(st.just(0), profile.sizes(BLOCK)), min_size=1, max_size=4)):
        block = np.arange(at, at + length * channels, dtype=np.float32).reshape(length, channels)
        at += block.size
        form = draw(st.integers(0, 2))
        wide = np.zeros([length, 2 * channels], np.float32)
        wide[:, ::2] = block
        found.append((block, np.asfortranarray(block), wide[:, ::2])[form])
    return found


@profile.examples(150)
@given(st.data(), st.integers(1, 3), st.integers(-1, 1))
def test_blocks_at_every_limit_of_memory(tmp_path_factory, data, channels, over):
    blocks = data.draw(blocks_of(channels))
    folder = tmp_path_factory.mktemp("cache")
    path, key = str(folder / "samples.f32"), "key"
    edges = np.cumsum([0] + [block.nbytes for block in blocks]).tolist()
    limit = max(0, data.draw(st.sampled_from(edges)) + 4 * over)
    assume(edges[-1])
    whole = np.concatenate(blocks)
    filled: list[int] = []

    def fill(spool: SampleSpool) -> dict:
        filled.append(sum(spool.extend([block]) for block in blocks))
        return {"blocks": [len(block) for block in blocks]}

    for turn in range(2):
        contents, samples = spooled(path, key, channels, limit, fill)
        assert contents == {"blocks": [len(block) for block in blocks]}
        np.testing.assert_array_equal(samples, whole)
        is_kept = edges[-1] > limit
        assert sorted(os.listdir(folder)) == (["samples.f32", "samples.f32.json"] if is_kept else [])
        assert filled == [len(whole)] * (1 if is_kept else turn + 1)
    if is_kept:
        assert Path(path).read_bytes() == whole.astype("<f4").tobytes()


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_what_is_checked_of_a_file_at_its_true_size(tmp_path, over):
    """One byte that is wrong at the beginning or the end is seen; a file of more is trusted between."""
    size = 2 * cache._CHECKED_BYTES // 4 + over
    samples = np.random.default_rng(0).uniform(-1, 1, [size, 1]).astype(np.float32)
    path = str(tmp_path / "x.f32")

    def fill(spool: SampleSpool) -> dict:
        spool.extend([samples])
        return {}

    np.testing.assert_array_equal(spooled(path, "key", 1, 0, fill)[1], samples)
    assert read_index(path, "key") == {} and read_index(path, "other") is None
    for place in (0, cache._CHECKED_BYTES - 1, 4 * size - cache._CHECKED_BYTES, 4 * size - 1):
        with open(path, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1]))
            file.flush()
            assert read_index(path, "key") is None, place
            file.seek(place)
            file.write(bytes([byte]))
    assert read_index(path, "key") == {}


@profile.examples(40)
@given(st.data(), st.booleans(), st.integers(1, 2), st.integers(0, 2**32))
def test_files_in_memory_on_disk_and_again(tmp_path_factory, data, normalize, channels, seed):
    folder, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(seed)
    expected: list[np.ndarray] = []
    files, good = [], []
    for number in range(data.draw(st.integers(1, 5))):
        path = str(folder / f"{number}.wav")
        files.append(path)
        kind = data.draw(st.sampled_from(["sound", "sound", "sound", "silence", "no file", "empty", "infinite"]))
        n = data.draw(profile.sizes(BLOCK)) if kind != "empty" else 0
        sound = rng.uniform(-0.5, 0.5, [n, channels]).astype(np.float32) * (kind != "silence")
        if kind == "infinite":
            sound[-1] = np.inf
        if kind != "no file":
            soundfile.write(path, sound, data.draw(st.sampled_from([16000, 16000, 8000])), "FLOAT")
        if kind in ("sound", "silence"):
            good.append(path)
            expected.append(decode.decode(path, 16000, 1, normalize=False))
            peak = float(np.abs(expected[-1]).max())
            if normalize and peak:
                expected[-1] = np.array([[np.float32(x) / np.float32(peak)] for x in expected[-1][:, 0]])
    total = sum(wave.nbytes for wave in expected)
    limits = sorted({0, max(0, total - 4), total, total + 4, *(wave.nbytes for wave in expected)})
    limit, long_file = data.draw(st.sampled_from(limits)), data.draw(st.sampled_from(limits))
    with (
        mock.patch.object(audio_store, "LONG_FILE_BYTES", long_file),
        mock.patch.object(decode, "BLOCK_FRAMES", data.draw(st.sampled_from([1, BLOCK - 1, BLOCK, 100]))),
        mock.patch.object(audio_store, "report_skipped"),
    ):
        arguments = (files, Decoding(16000, 1, normalize))
        options = {"cache_dir": str(folder / "cache"), "memory_limit": limit}
        if len(good) < len(files):
            with pytest.raises(UserError, match=f"^{next(path for path in files if path not in good)}: "):
                open_store(*arguments, **options, skip_bad=False)
        for _ in range(2):
            if not good:
                with pytest.raises(UserError, match=f"^none of the {len(files)} audio files can be used"):
                    open_store(*arguments, **options)
                continue
            store = open_store(*arguments, **options)
            assert list(store.files) == good
            assert [path for path, _ in store.skipped] == [path for path in files if path not in good]
            assert store.lengths.tolist() == [len(wave) for wave in expected]
            assert store.starts.tolist() == [sum(map(len, expected[:index])) for index in range(len(expected))]
            np.testing.assert_array_equal(store.samples, np.concatenate(expected))
            assert isinstance(store.samples, tf.Tensor)
    assert (folder / "cache").exists() == bool(good and total > limit)


@profile.examples(80)
@given(st.lists(st.integers(0, 3), max_size=4), st.lists(st.integers(0, 3), max_size=4), st.booleans())
def test_keys_differ_where_files_do(tmp_path_factory, first, second, same_decoding):
    folder = tmp_path_factory.getbasetemp() / "keys"
    folder.mkdir(exist_ok=True)
    for number in range(3):  # the last is missing
        (folder / str(number)).write_bytes(b"x" * number)
        os.utime(folder / str(number), (1, 1))
    one, other = ([str(folder / str(number)) for number in numbers] for numbers in (first, second))
    keys = cache_key(one, {"rate": 1}), cache_key(other, {"rate": 1 if same_decoding else 2})
    assert (keys[0] == keys[1]) == (first == second and same_decoding)


SOUNDS = ("wav", "flac", "ogg", "oga", "opus", "aif", "aiff", "aifc", "au", "snd", "caf", "w64",
          "mp3", "mp2", "m4a", "aac", "wma", "ac3", "ape", "wv")  # fmt: skip
# What a file of no known extension may begin with, and whether it is audio.
HEADS = {
    b"RIFF....WAVE": True, b"RIFX....WAVE": True, b"RF64....WAVE": True, b"FORM....AIFF": True, b"FORM....AIFC": True,
    b"fLaC": True, b"OggS": True, b"ID3": True, b"caff": True, b"....ftypM4A ": True,
    b"RIFF....AVI ": False, b"FORM....ILBM": False, b"....ftypisom": False, b"": False, b"text": False, b" fLaC": False,
    b"RIFF": False, b"RIFF....WAV": False,
}  # fmt: skip


def audio_in(folder: Path, seen: set[Path]) -> list[str]:
    """By looking into each folder in turn, those that come first by name first, each once."""
    seen.add(folder.resolve())
    found = []
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith(".") and not entry.is_dir():
            extension = entry.name.rpartition(".")[2].lower() if "." in entry.name[1:] else ""
            data = entry.read_bytes() if entry.is_file() else b""
            if extension in SOUNDS or HEADS.get(data, False):
                found.append(str(entry))
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and entry.resolve() not in seen:
            found += audio_in(entry, seen)
    return found


@profile.examples(120)
@given(st.data(), st.lists(st.sampled_from(["a", "B", "a/b", "a/b/c.wav", ".git", "Ä", "a/ x"]), max_size=4))
def test_folders_of_files(tmp_path_factory, data, folders):
    root = tmp_path_factory.mktemp("tree")
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    places = [root, *(root / folder for folder in folders)]
    names = ["x", "x.txt", ".x.wav", "x.wav.bak", "WAV", "y.WAV", "y.Flac", "y.b.mp3", *(f"y.{e}" for e in SOUNDS)]
    for _ in range(data.draw(st.integers(0, 5))):
        path = data.draw(st.sampled_from(places)) / data.draw(st.sampled_from(names))
        path.write_bytes(data.draw(st.sampled_from(sorted(HEADS))))
    for number in range(data.draw(st.integers(0, 2))):
        link = data.draw(st.sampled_from(places)) / f"link{number}{data.draw(st.sampled_from(['', '.wav']))}"
        target = data.draw(st.sampled_from([*places, root / "x", root / "missing"]))
        if not link.is_symlink():
            link.symlink_to(target)
    assert list_audio_files(str(root)) == sorted(audio_in(root, set()))


@pytest.mark.parametrize("extension", SOUNDS)
def test_names_without_extensions(extension):
    for name in ("c4", "c4.x", ".c4"):
        assert stem_of(f"a.wav/{name}.{extension}") == name
        assert stem_of(f"{name}.mp3.{extension.upper()}") == name
    assert stem_of(f"x.{extension}.txt") == "x"
