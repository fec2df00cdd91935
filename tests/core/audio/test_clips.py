"""The stream of clips: the original's slices, and an order that depends on seed and example index alone."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from absl import logging

from tests import other_decoders
from wavegan_tf.core.audio import cache as audio_cache
from wavegan_tf.core.audio import clips, decode, files, joined
from wavegan_tf.core.audio import store as audio_store
from wavegan_tf.core.audio.batches import read_batches
from wavegan_tf.core.audio.clips import ClipStore, clip_batches, load_clips
from wavegan_tf.core.audio.options import ClipOptions, Decoding, Slicing
from wavegan_tf.core.audio.slicing import clip_counts, clip_positions, expected_clips
from wavegan_tf.core.audio.store import AudioStore, open_store
from wavegan_tf.core.errors import UserError

TESTS = str(Path(__file__).parents[2])
BAD = os.path.join(TESTS, "data", "bad")
LOADER = os.path.join(TESTS, "goldens", "wavegan", "loader")
CASES = sorted(name for name in os.listdir(LOADER) if name.startswith("expected_"))


def ramp_store(lengths, slicing: Slicing, channels: int = 1) -> ClipStore:
    """Files whose sample number i of all is the value i + 1, so that a clip shows where it comes from."""
    total = sum(lengths)
    samples = tf.tile(tf.range(1, total + 1, dtype=tf.float32)[:, None], [1, channels])
    names = tuple(f"{i}.wav" for i in range(len(lengths)))
    return ClipStore(AudioStore(names, np.array(lengths, np.int64), (), samples), slicing, 16000)


def take(store: ClipStore, num_batches: int, **kwargs) -> np.ndarray:
    """Batches of the stream as one array [clips, t, c]."""
    kwargs = {"batch_size": 4, "seed": 5} | kwargs
    return np.concatenate([batch.numpy() for batch in clip_batches(store, **kwargs).take(num_batches)])


@pytest.mark.parametrize("case", CASES)
def test_cuts_as_the_original(case, tmp_path):
    golden = np.load(os.path.join(LOADER, case))
    config = json.loads(str(golden["config"]))
    slicing = Slicing(
        config["slice_len"],
        overlap_ratio=config.get("slice_overlap_ratio", 0.0),
        pad_end=config["slice_pad_end"],
        first_slice=config.get("slice_first_only", False),
        random_start=False,
    )
    decoding = Decoding(
        config["decode_fs"],
        config["decode_num_channels"],
        config["decode_normalize"],
        config.get("decode_fast_wav", False),
    )
    files = [os.path.join(LOADER, "audio", name) for name in golden["files"]]
    store = open_store(files, decoding, cache_dir=str(tmp_path), memory_limit=1 << 30)
    np.testing.assert_array_equal(clip_counts(store.lengths, slicing), golden["slices_per_file"])
    index, start = clip_positions(store.lengths, np.zeros_like(store.lengths), slicing)
    np.testing.assert_array_equal(np.bincount(index), golden["slices_per_file"])
    cut = []
    for file, at in zip(index.numpy(), start.numpy(), strict=True):
        begin = store.starts[file]
        clip = store.samples[begin + at : begin + min(at + slicing.slice_len, store.lengths[file])].numpy()
        cut.append(np.pad(clip, ((0, slicing.slice_len - len(clip)), (0, 0))))
    np.testing.assert_allclose(np.stack(cut), golden["slices"][:, :, 0], rtol=0, atol=1e-6)
    # The stream holds the same clips in another order.
    streamed = take(ClipStore(store, slicing, 16000), 1, batch_size=len(cut))
    np.testing.assert_array_equal(sorted_clips(streamed), sorted_clips(np.stack(cut)))


def sorted_clips(batch: np.ndarray) -> np.ndarray:
    return np.array(sorted(clip.tobytes() for clip in batch))


@pytest.mark.parametrize("pad_end", [False, True])
@pytest.mark.parametrize("overlap_ratio", [0.0, 0.1, 0.5, 0.75, 0.9])
def test_positions_with_offsets(overlap_ratio, pad_end):
    """Against tf.signal.frame of audio[offset:], which is what the original runs; and the mean over all offsets."""
    slicing = Slicing(20, overlap_ratio=overlap_ratio, pad_end=pad_end)
    lengths = np.array([1, 5, 19, 20, 21, 39, 40, 64, 100, 263], np.int64)
    store = ramp_store(lengths, slicing)
    counts = np.zeros(slicing.slice_len)
    for offset in range(slicing.slice_len):
        index, start = clip_positions(lengths, np.full_like(lengths, offset), slicing)
        expected = []
        for i, length in enumerate(lengths):
            frames = tf.signal.frame(tf.range(length)[offset:], 20, slicing.hop, pad_end=pad_end, pad_value=-1).numpy()
            expected += [(i, frame[0]) for frame in frames]
        assert list(zip(index.numpy(), start.numpy(), strict=True)) == expected
        counts[offset] = len(expected)
    assert store.clips_per_epoch == pytest.approx(counts.mean(), rel=1e-12)
    assert expected_clips(lengths, slicing) == store.clips_per_epoch


def test_every_clip_once_in_each_pass():
    lengths = [50, 7, 33, 90, 12]
    store = ramp_store(lengths, Slicing(10, pad_end=True, random_start=False))
    per_pass = int(store.clips_per_epoch)
    assert per_pass == 5 + 1 + 4 + 9 + 2
    first = take(store, 6, batch_size=per_pass)[:, 0, 0].reshape(6, per_pass)
    starts = np.concatenate([np.arange(0, n, 10) + s + 1 for n, s in zip(lengths, store.audio.starts, strict=True)])
    for one_pass in first:
        np.testing.assert_array_equal(np.sort(one_pass), np.sort(starts))
    assert len({tuple(one_pass) for one_pass in first}) == 6, "each pass has an order of its own"
    other = take(store, per_pass, batch_size=1, seed=6)[:, 0, 0]
    assert tuple(other) != tuple(first[0])


def test_random_starts_are_uniform_and_independent():
    """Two files of exactly three clips from start 0: the first clip of each file in a pass shows its start."""
    slicing = Slicing(16, random_start=True, pad_end=True)
    store = ramp_store([48, 48], slicing)
    drawn = take(store, 100, batch_size=60)[:, 0, 0].astype(int) - 1
    offsets = [drawn[drawn < 48] % 16, drawn[drawn >= 48] % 16]
    for draws in offsets:
        frequencies = np.bincount(draws, minlength=16) / len(draws)
        np.testing.assert_allclose(frequencies, 1 / 16, atol=0.03)
    # Three clips of each file follow within a pass: the multiset of starts repeats three times, then changes.
    passes = drawn.reshape(-1, 6) % 16
    pairs = {tuple(sorted(set(one_pass))) for one_pass in passes}
    assert all(len(set(one_pass)) <= 2 for one_pass in passes) and len(pairs) > 100


def test_goes_on_anywhere(monkeypatch):
    """The stream from example n is the tail of the stream from 0, within a pass, at its end and many passes on."""
    monkeypatch.setattr(clips, "_BLOCK_DRAWS", 3000)
    lengths = list(np.random.default_rng(0).integers(3, 60, 300))
    store = ramp_store(lengths, Slicing(16, overlap_ratio=0.5, pad_end=False))
    straight = take(store, 50, batch_size=400)
    for start in (0, 1, 4, 777, 12_344, 19_990):
        resumed = take(store, 2, batch_size=4, start_example=start)
        np.testing.assert_array_equal(resumed, straight[start : start + 8])
    first = ramp_store(lengths, Slicing(16, pad_end=True, first_slice=True, random_start=False))
    straight = take(first, 10, batch_size=100)
    np.testing.assert_array_equal(take(first, 2, start_example=901), straight[901:909])


def test_workers_share_each_batch():
    store = ramp_store([100, 64, 31], Slicing(8, pad_end=True), channels=2)
    whole = take(store, 5, batch_size=6, start_example=3).reshape(5, 6, 8, 2)
    for workers in (2, 3):
        shares = [
            take(store, 5, batch_size=6, start_example=3, worker=w, num_workers=workers).reshape(5, -1, 8, 2)
            for w in range(workers)
        ]
        np.testing.assert_array_equal(np.concatenate(shares, axis=1), whole)
    with pytest.raises(UserError, match="batch size 6: must be a multiple of the number of workers, 4"):
        clip_batches(store, batch_size=6, seed=0, num_workers=4)


def test_elements():
    """Static shapes, and zeros after the end of a file."""
    store = ramp_store([100, 5], Slicing(8, pad_end=True), channels=2)
    assert clip_batches(store, batch_size=3, seed=5).element_spec == tf.TensorSpec([3, 8, 2], tf.float32)
    flat = take(store, 8, batch_size=3)
    begin, end = flat[:, 0, 0], np.where(flat[:, 0, 0] <= 100, 100, 105)
    for clip, first, last in zip(flat[..., 0], begin, end, strict=True):
        ramp = first + np.arange(8)
        np.testing.assert_array_equal(clip, np.where(ramp <= last, ramp, 0))


def test_graph_without_python_or_state():
    dataset = clip_batches(ramp_store([99], Slicing(8)), batch_size=2, seed=1, num_workers=2)
    refuse_state = 2  # ExternalStatePolicy.FAIL
    graph = tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor, external_state_policy=refuse_state)
    assert b"PyFunc" not in graph.numpy()


def test_rare_clips_do_not_hang():
    """A file just as long as a clip gives one in 16384 passes."""
    store = ramp_store([16384], Slicing(16384))
    assert store.clips_per_epoch == 1 / 16384
    drawn = take(store, 2)
    assert (drawn[:, 0, 0] == 1).all() and len(drawn) == 8


def test_order_is_the_same_everywhere():
    """Pinned: another value here means that runs can't be repeated across this change."""
    drawn = take(ramp_store([1000, 500, 16], Slicing(16)), 2)
    assert drawn[:, 0, 0].astype(int).tolist() == [83, 1330, 275, 1218, 403, 1202, 723, 259]


@pytest.fixture
def sounds(tmp_path):
    """A folder of files of several lengths, rates and channels."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i, (length, rate, channels) in enumerate(
        [(9000, 16000, 1), (30000, 22050, 2), (1, 16000, 1), (20000, 8000, 1)]
    ):
        soundfile.write(folder / f"{i}.wav", rng.uniform(-0.5, 0.5, (length, channels)), rate)
    return str(folder)


def load(sounds, cache_dir, **kwargs) -> ClipStore:
    return load_clips(ClipOptions(data_dir=sounds, data_pad_end=True, **kwargs), str(cache_dir))


@pytest.mark.parametrize("normalize", [True, False])
def test_cache_equals_memory(sounds, tmp_path, monkeypatch, normalize):
    memory = load(sounds, tmp_path / "cache", data_normalize=normalize)
    assert not (tmp_path / "cache").exists()
    expected = [decode.decode(name, 16000, 1, normalize) for name in memory.audio.files]
    np.testing.assert_array_equal(memory.audio.samples, np.concatenate(expected))
    monkeypatch.setattr(audio_store, "LONG_FILE_BYTES", 40_000)  # some files in blocks, some whole
    monkeypatch.setattr(decode, "BLOCK_FRAMES", 1000)
    disk = load(sounds, tmp_path / "cache", data_normalize=normalize, data_cache_mb=0)
    assert len(os.listdir(tmp_path / "cache")) == 2
    np.testing.assert_array_equal(memory.audio.samples, disk.audio.samples)
    np.testing.assert_array_equal(take(memory, 5), take(disk, 5))
    assert memory.summary == disk.summary


def test_cache_is_used_again_only_if_it_fits(sounds, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    decoded = []
    decode_blocks = decode.decode_blocks

    def counted(*args):
        decoded.append(args)
        return decode_blocks(*args)

    monkeypatch.setattr(decode, "decode_blocks", counted)

    def times_decoded(**kwargs):
        decoded.clear()
        store = load(sounds, cache, data_cache_mb=0, **kwargs)
        reference = [decode.decode(name, 16000, 1, kwargs.get("data_normalize", True)) for name in store.audio.files]
        np.testing.assert_array_equal(store.audio.samples, np.concatenate(reference))
        return len(decoded) - len(reference)

    assert times_decoded() == 4
    assert times_decoded() == 0
    assert times_decoded(data_normalize=False) == 4
    assert times_decoded() == 0
    os.utime(os.path.join(sounds, "0.wav"), (1, 1))
    assert times_decoded() == 4
    newest = max(cache.glob("*.f32"), key=os.path.getmtime)
    for damage in (
        lambda: os.truncate(newest, 4000),
        lambda: newest.write_bytes(b"\0" * newest.stat().st_size),
        lambda: (cache / f"{newest.name}.json").write_text("{"),
        lambda: (cache / f"{newest.name}.json").write_text("[1]"),
        lambda: newest.unlink(),
    ):
        damage()
        assert times_decoded() == 4
        assert times_decoded() == 0
    assert not [name for name in os.listdir(cache) if "tmp" in name]


def test_cache_without_room(sounds, tmp_path, monkeypatch):
    abandoned = tmp_path / "cache" / f"audio-0.f32.tmp-{socket.gethostname()}-999999999-01234567"
    abandoned.parent.mkdir()
    abandoned.write_bytes(b"left by a process that was killed")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(audio_cache.os, "fsync", full)
    with pytest.raises(UserError, match="the disk is full.*free space there") as raised:
        load(sounds, tmp_path / "cache", data_cache_mb=0)
    assert "\n" not in str(raised.value) and os.listdir(tmp_path / "cache") == []
    with pytest.raises(UserError, match="cannot be written"):
        load(sounds, os.path.join(sounds, "0.wav"), data_cache_mb=0)


def test_bad_files_are_named_and_counted(tmp_path, monkeypatch):
    lines: list[str] = []
    damaged: list[str] = []

    def warn(text, *args):
        line = text % args
        (damaged if "samples are missing" in line else lines).append(line)

    monkeypatch.setattr(logging, "warning", warn)
    joined.warn_once.cache_clear()  # another test may have read these files
    store = load(BAD, tmp_path)
    # Used as far as it goes, but not without a word.
    assert [Path(line.partition(":")[0]).name for line in damaged] == ["32_truncated_in_the_middle.mp3"]
    assert (store.summary.files, store.summary.skipped) == (29, 14)
    assert len(lines) == 14 and "10_float32_nan_inf.wav: holds samples" in "".join(lines)
    assert np.isfinite(store.audio.samples.numpy()).all()
    monkeypatch.setattr(files, "MAX_REPORTED", 3)
    lines.clear()
    for _ in range(2):  # decoded, then from the cache
        load(BAD, tmp_path, data_cache_mb=0)
        assert lines[-1] == "skipped 11 more" and len(lines) == 4
        lines.clear()
        with pytest.raises(UserError, match="00_empty.wav: is empty.*set data_skip_bad=true"):
            load(BAD, tmp_path, data_cache_mb=0, data_skip_bad=False)


def test_what_was_skipped_is_tried_again(sounds, tmp_path, monkeypatch):
    """A cache on disk remembers no failure that is over, such as of a decoder that was not installed."""
    for name in ("a.m4a", "z.m4a"):
        (Path(sounds) / name).write_bytes(b"for ffmpeg alone")
    programs = tmp_path / "bin"
    other_decoders.install(monkeypatch, programs, None)
    arguments = {"cache_dir": tmp_path / "cache", "data_cache_mb": 0, "data_normalize": False}
    for _ in range(2):  # decoded, then from the cache
        before = load(sounds, **arguments)
        assert (before.summary.files, before.summary.skipped) == (4, 2)
        with pytest.raises(UserError, match="a.m4a: cannot be decoded .*; ffmpeg .* is not installed"):
            load(sounds, data_skip_bad=False, **arguments)
    samples = np.arange(-2000, 2000, dtype=np.int16)
    other_decoders.install(monkeypatch, programs, samples / 32768)
    for _ in range(2):
        after = load(sounds, **arguments)
        assert (after.summary.files, after.summary.skipped) == (6, 0)
        wave = (samples / np.float32(32768))[:, None]
        np.testing.assert_array_equal(after.audio.samples, np.concatenate([before.audio.samples, wave, wave]))
        other_decoders.install(monkeypatch, programs, None)  # what is in the cache needs no decoder


def test_nothing_to_train_on(sounds, tmp_path):
    with pytest.raises(UserError, match="data_dir must be given"):
        load("", tmp_path)
    with pytest.raises(UserError, match="the longest file has 40000 samples, a clip 65536; data_pad_end"):
        load_clips(ClipOptions(data_dir=sounds, data_slice_len=65536), str(tmp_path))
    for name in os.listdir(sounds):
        with open(os.path.join(sounds, name), "w") as file:
            file.write("text")
    with pytest.raises(UserError, match="none of the 4 audio files can be used; the first is .*0.wav: cannot be"):
        load(sounds, tmp_path)
    with pytest.raises(UserError, match="data_overlap_ratio=1.0: must be"):
        ClipOptions(data_overlap_ratio=1.0)


def test_first_slice_takes_the_beginning_of_each_file(sounds, tmp_path):
    """As the original: it implies zero padding, no overlap and no random start."""
    options = ClipOptions(data_dir=sounds, data_first_slice=True, data_overlap_ratio=0.5)
    store = load_clips(options, str(tmp_path))
    assert store.summary.clips == 4
    expected = [
        np.resize(np.pad(decode.decode(name, 16000), ((0, 16384), (0, 0))), (16384, 1)) for name in store.audio.files
    ]
    np.testing.assert_array_equal(sorted_clips(take(store, 1)), sorted_clips(np.stack(expected)))


def test_streams_do_without_the_thread_that_their_end_would_wait_for():
    """TensorFlow's autotuning sleeps for up to a minute; without it, a stage of a training ends at once."""
    rows = tf.data.Dataset.range(10)
    batches = read_batches(rows, lambda index: index, batch_size=2, worker=0, num_workers=1)
    assert batches.options().autotune.enabled is False
    assert [list(batch) for batch in batches.as_numpy_iterator()] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
