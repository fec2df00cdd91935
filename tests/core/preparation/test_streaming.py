"""Sets that are shuffled some shards at a time: from a folder, and from a remote filesystem without a copy of all."""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.core.preparation.remote_sets import put
from tests.core.preparation.sounds import prepared, tone
from wavegan_tf.core.audio import clips
from wavegan_tf.core.audio.options import ClipOptions
from wavegan_tf.core.errors import UserError, found_in, from_tensorflow
from wavegan_tf.core.preparation import remote, streaming
from wavegan_tf.core.preparation.loading import load_clips

SHARDS, LENGTH = 12, 256


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Twelve shards of 5 files each of 3 to 7 clips."""
    import soundfile

    folder = tmp_path_factory.mktemp("many")
    (folder / "in").mkdir()
    for number in range(60):
        samples = tone(LENGTH * (3 + number % 5), 1, number)
        soundfile.write(folder / "in" / f"{number:02d}.wav", samples, 16000, "FLOAT" if number % 3 else "PCM_16")
    return prepared(folder / "in", folder / "set", num_shards=SHARDS)


@pytest.fixture
def address(many):
    with put(many) as root:
        yield root


def opened(place, cache, size, **changes):
    options = ClipOptions(
        data_prepared=str(place), data_slice_len=LENGTH, data_pad_end=True, data_shuffle_shards=size, **changes
    )
    return load_clips(options, str(cache))


def batches(store, count, start=0, worker=0, workers=1, seed=3):
    stream = clips.clip_batches(
        store, batch_size=4, seed=seed, start_example=start, worker=worker, num_workers=workers
    )
    return np.stack(list(itertools.islice(stream.as_numpy_iterator(), count)))


def held(cache):
    """Shards that are in the folders of streams."""
    return sorted(path.name for folder in cache.glob(".shards*") for path in folder.glob("*.audio"))


@pytest.mark.parametrize("size", [1, 2, 5, 11, 12, 13])
def test_windows(many, tmp_path, size):
    """An epoch has every clip once, by windows of so many shards in a row, another order in each; all is one window."""
    store = opened(many, tmp_path, size)
    order = clips._Order(store, 3)
    rows, groups = (column.numpy() for column in order.block(tf.constant(0, tf.int64)))
    whole, _ = (column.numpy() for column in clips._Order(opened(many, tmp_path, 0), 3).block(tf.constant(0, tf.int64)))
    if size >= SHARDS:
        assert store.window is None
        np.testing.assert_array_equal(rows, whole)
        return
    assert sorted(map(tuple, rows)) == sorted(map(tuple, whole))
    shards = np.searchsorted(store.audio.samples.shard_starts, rows[:, 0], side="right") - 1
    count = -(-SHARDS // size)
    assert (np.diff(groups) >= 0).all() and set(groups) == set(range(order._passes * count))
    taken = [sorted(set(shards[groups == group])) for group in range(3 * count)]
    for epoch in (taken[:count], taken[count : 2 * count]):
        assert sorted(itertools.chain(*epoch)) == list(range(SHARDS))
        assert [len(window) for window in epoch] == [size] * (SHARDS // size) + [SHARDS % size] * bool(SHARDS % size)
    assert size == SHARDS - 1 or taken[:count] != taken[count : 2 * count]
    first = shards[groups == 0]
    assert size == 1 or (np.diff(first) < 0).any()  # shuffled within


@pytest.mark.parametrize("size", [1, 5])
def test_streamed_batches_are_those_of_the_folder(many, address, tmp_path, size):
    """Over several epochs, from any example on, for any number of workers, with few shards at a time on the disk."""
    folder, stream = opened(many, tmp_path / "a", size), opened(address, tmp_path / "b", size)
    assert stream.audio.samples.is_streamed and not folder.audio.samples.is_streamed
    assert stream.audio.samples.content == folder.audio.samples.content
    epoch = int(folder.clips_per_epoch) // 4
    whole = batches(folder, 3 * epoch)
    np.testing.assert_array_equal(whole, batches(stream, 3 * epoch))
    for start in (1, epoch - 1, 2 * epoch + 3):
        np.testing.assert_array_equal(whole[start : start + 9], batches(stream, 9, 4 * start))
    parts = [batches(stream, 12, worker=worker, workers=2) for worker in range(2)]
    np.testing.assert_array_equal(whole[:12], np.concatenate(parts, axis=1))
    (copy,) = [path for path in (tmp_path / "b").iterdir() if path.name.startswith("prepared-")]
    assert not list(copy.glob("*.audio"))
    del stream


def test_what_has_been_read_is_removed(many, address, tmp_path, monkeypatch):
    """Never more shards than those of the windows that are read, come next, or may still be read."""
    monkeypatch.setattr("wavegan_tf.core.audio.batches._MOST_CALLS", 8)
    store = opened(address, tmp_path, 2)
    stream = clips.clip_batches(store, batch_size=4, seed=1).as_numpy_iterator()
    most = 0
    for _ in range(int(store.clips_per_epoch)):  # four epochs
        next(stream)
        most = max(most, len(held(tmp_path)))
    assert 4 <= most <= 10
    del stream, store
    time.sleep(0.2)
    assert not held(tmp_path) or tf.io.gfile.exists(address)


def test_first_epoch(many, address, tmp_path):
    """Moments are taken in the order of the files."""
    folder, stream = opened(many, tmp_path, 3), opened(address, tmp_path, 3)
    one, other = (np.concatenate(list(clips.first_epoch(store, batch_size=8, seed=2))) for store in (folder, stream))
    np.testing.assert_array_equal(one, other)


def test_a_whole_copy_is_used(address, tmp_path):
    assert not opened(address, tmp_path, 0).audio.samples.is_streamed
    assert not opened(address, tmp_path, 3).audio.samples.is_streamed


@contextlib.contextmanager
def replaced(address, name, data):
    path = f"{address}/{name}"
    with tf.io.gfile.GFile(path, "rb") as file:
        before = file.read()
    tf.io.gfile.remove(path)
    if data is not None:
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(data(before))
    yield
    with contextlib.suppress(tf.errors.NotFoundError):
        tf.io.gfile.remove(path)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(before)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, r"shard-00007-of-00012.audio: (cannot be read|has 0 bytes and)"),  # this filesystem finds it, empty
        (lambda before: before[:-1], r"shard-00007-of-00012.audio: has \d+ bytes and not \d+; "),
    ],
)
def test_missing_and_short_shards_are_named_before_training(address, tmp_path, data, message):
    with replaced(address, "shard-00007-of-00012.audio", data), pytest.raises(UserError, match=message):
        opened(address, tmp_path, 3)


def test_damaged_shards_are_named_when_they_come(address, tmp_path):
    with replaced(address, "shard-00007-of-00012.audio", lambda before: before[:-1] + b"\x55"):
        unseen = opened(address, tmp_path, 3)
        assert len(batches(unseen, 100)) == 100
        store = opened(address, tmp_path, 3, data_verify=True)
        damage = r"shard-00007-of-00012.audio: is damaged: its sha256 is \w{64}, and "
        with pytest.raises(UserError, match=damage), from_tensorflow():
            batches(store, 100)


def test_a_shard_that_is_gone_ends_the_run_in_one_line(address, tmp_path):
    store = opened(address, tmp_path, 1)
    with replaced(address, "shard-00003-of-00012.audio", None):
        with pytest.raises(tf.errors.OpError) as caught:
            batches(store, 100)
        assert re.search("shard-00003-of-00012.audio: (cannot be read|has 0 bytes)", str(found_in(caught.value)))
    assert len(batches(store, 100)) == 100  # it is asked for again


def test_filesystems_that_fail_for_a_while(address, tmp_path, monkeypatch):
    calls: dict[str, int] = {}
    copy = remote.copy

    def fails_twice(source, *arguments, **keywords):
        calls[source] = calls.get(source, 0) + 1
        if calls[source] < 3:
            raise tf.errors.UnavailableError(None, None, "busy")
        copy(source, *arguments, **keywords)

    monkeypatch.setattr(remote, "RETRY_SECS", (0.0, 0.0))
    monkeypatch.setattr(remote, "copy", fails_twice)
    store = opened(address, tmp_path, 4)
    assert len(batches(store, 80)) == 80
    assert set(calls.values()) == {3}
    monkeypatch.setattr(remote, "RETRY_SECS", (0.0,))
    calls.clear()
    with pytest.raises(UserError, match="cannot be read .busy."):
        opened(address, tmp_path / "other", 4)


def test_waiting_ends_with_the_set(many, address, tmp_path, monkeypatch):
    """A copy that takes for ever keeps nobody from leaving."""
    begun = threading.Event()

    def waits(source, target, shard, verify, is_over):
        begun.set()
        while not is_over():
            time.sleep(0.01)
        raise remote.Over

    store = opened(address, tmp_path, 2)
    monkeypatch.setattr(remote, "copy", waits)
    ends = threading.Timer(0.3, lambda: begun.wait() and store.audio.samples._shards.close())
    ends.start()
    with pytest.raises(UserError, match="were closed"), from_tensorflow():
        batches(store, 1)
    ends.join()
    assert not held(tmp_path)


def test_shards_of_what_comes_stay(many, tmp_path):
    """A shard of the window that is read, before it and after it, is copied once."""
    with put(many) as root:
        mapped = streaming.MappedFiles([path.stat().st_size for path in sorted(many.glob("*.audio"))])
        manifest = remote.fetch(root, str(tmp_path), 1)[1]
        shards = streaming.LocalShards(root, manifest.shards, str(tmp_path / "c"), mapped, False)
        for window in ([0, 1], [2, 3], [4], [0, 5], [6], [7]):
            numbers = np.array(window, np.int64)
            shards.announce(np.array([0, 5], np.int64))
            shards.require(numbers, np.array(10), np.array(5))
            assert "shard-00000-of-00012.audio" in held(tmp_path / "c")
        assert "shard-00002-of-00012.audio" not in held(tmp_path / "c")
        shards.close()
