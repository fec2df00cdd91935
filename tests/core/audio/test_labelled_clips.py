"""Streams of clips with labels, beside loops over files."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from wavegan_tf.core.audio.clips import ClipStore, clip_batches, first_epoch, first_epoch_labels
from wavegan_tf.core.audio.options import Slicing
from wavegan_tf.core.audio.store import AudioStore

SLICINGS = {
    "random": Slicing(4), "overlapping": Slicing(4, 0.5, True), "first": Slicing(4, 0.0, True, True, False),
}  # fmt: skip
# File i has label LABELS[i]; the last label has few clips, and none in passes that start late in its only file.
LENGTHS, LABELS = [9, 21, 4, 13, 30, 5], [0, 1, 0, 1, 1, 2]


def store_of(slicing: Slicing, balanced: bool = False, labelled: bool = True) -> ClipStore:
    """Files whose samples tell where they stand among all."""
    samples = tf.range(1, sum(LENGTHS) + 1, dtype=tf.float32)[:, None]
    names = tuple(f"{i}.wav" for i in range(len(LENGTHS)))
    store = ClipStore(AudioStore(names, np.array(LENGTHS, np.int64), (), samples), slicing, 16000)
    if not labelled:
        return store
    return dataclasses.replace(store, labels=("a", "b", "c"), file_labels=np.array(LABELS), is_balanced=balanced)


def take(store, count, **options):
    options = {"batch_size": 1, "seed": 3} | options
    batches = list(clip_batches(store, **options).take(count))
    return [np.concatenate([part.numpy() for part in parts]) for parts in zip(*batches, strict=True)]


def label_of(clip):
    """By its first sample."""
    return LABELS[int(np.searchsorted(np.cumsum(LENGTHS), clip[0, 0]))]


@pytest.mark.parametrize("name", SLICINGS)
def test_labels_are_those_of_the_files_and_change_no_clip(name):
    clips, labels = take(store_of(SLICINGS[name]), 60)
    assert labels.dtype == np.int32 and labels.tolist() == [label_of(clip) for clip in clips]
    plain = np.concatenate(list(clip_batches(store_of(SLICINGS[name], labelled=False), batch_size=1, seed=3).take(60)))
    np.testing.assert_array_equal(clips, plain)
    without = np.concatenate(list(first_epoch(store_of(SLICINGS[name]), batch_size=9, seed=3)))
    expected = first_epoch(store_of(SLICINGS[name], labelled=False), batch_size=9, seed=3)
    np.testing.assert_array_equal(without, np.concatenate(list(expected)))
    assert first_epoch_labels(store_of(SLICINGS[name]), 3).tolist() == [label_of(clip) for clip in without]


@pytest.mark.parametrize(
    ("name", "balanced"),
    [("random", True), ("first", False)]
    + [pytest.param(name, balanced, marks=pytest.mark.slow) for name in SLICINGS for balanced in (False, True)],
)
def test_a_stream_goes_on_from_any_place_for_any_number_of_workers(name, balanced, monkeypatch):
    # Blocks of few passes, so that places in later ones are reached.
    monkeypatch.setattr("wavegan_tf.core.audio.clips._BLOCK_DRAWS", 40)
    store = store_of(SLICINGS[name], balanced)
    clips, labels = take(store, 200)
    for start in (1, 64, 130):
        later = take(store, 20, start_example=start)
        np.testing.assert_array_equal(later[0], clips[start : start + 20])
        np.testing.assert_array_equal(later[1], labels[start : start + 20])
    halves = [take(store, 10, batch_size=4, worker=worker, num_workers=2) for worker in range(2)]
    for part, whole in enumerate((clips, labels)):
        found = np.stack([half[part].reshape(10, 2, *whole.shape[1:]) for half in halves], axis=1)
        np.testing.assert_array_equal(found.reshape(40, *whole.shape[1:]), whole[:40])


def test_balanced_epochs_have_as_many_clips_of_each_label_and_take_none_twice_more_than_another():
    store = store_of(SLICINGS["first"], balanced=True)
    # Without random starts every epoch has one clip of each file: 2, 3 and 1 of the labels, and so 3 of each.
    clips, labels = take(store, 9 * 50)
    orders = set()
    for epoch in range(50):
        part = slice(9 * epoch, 9 * epoch + 9)
        assert collections.Counter(labels[part].tolist()) == {0: 3, 1: 3, 2: 3}
        files = collections.Counter(int(np.searchsorted(np.cumsum(LENGTHS), clip[0, 0])) for clip in clips[part])
        assert sorted([files[0], files[2]]) == [1, 2] and files[5] == 3
        assert [files[number] for number in (1, 3, 4)] == [1, 1, 1]
        orders.add(tuple(labels[part].tolist()))
    assert len(orders) > 40, "epochs are shuffled"
    twice = take(store, 9 * 50)[0]
    np.testing.assert_array_equal(clips, twice)
    assert store.label_shares == (1 / 3, 1 / 3, 1 / 3)


def test_shares_are_those_of_the_stream():
    for balanced in (False, True):
        store = store_of(SLICINGS["overlapping"], balanced)
        labels = take(store, 6000)[1]
        shares = np.bincount(labels, minlength=3) / 6000
        np.testing.assert_allclose(shares, store.label_shares, atol=0.03)
