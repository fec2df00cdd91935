"""Where clips begin, and the streams of them, beside loops over samples, files and passes."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.oracles import profile
from wavegan_tf.core.audio import clips
from wavegan_tf.core.audio.clips import ClipStore, clip_batches, first_epoch
from wavegan_tf.core.audio.options import Slicing
from wavegan_tf.core.audio.slicing import clip_counts, clip_positions, expected_clips
from wavegan_tf.core.audio.store import AudioStore
from wavegan_tf.core.draws import purpose_seed

SLICE = 4


@st.composite
def slicings(draw):
    slice_len = draw(st.sampled_from([1, 2, SLICE, 7]))
    ratios = [ratio for ratio in (0.0, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9) if round(slice_len * (1 - ratio)) >= 1]
    flags = [draw(st.booleans()) for _ in range(3)]
    return Slicing(slice_len, draw(st.sampled_from(ratios)), *flags)


def lengths_of_files(slice_len, most=5):
    return st.lists(st.one_of(st.just(0), profile.sizes(slice_len)), min_size=1, max_size=most)


def starts_of(length, offset, slicing):
    """Samples at which the clips of a file begin, going on from the first by a hop at a time."""
    found, start = [], offset
    while start < length if slicing.pad_end else start + slicing.slice_len <= length:
        found.append(start)
        start += round(slicing.slice_len * (1 - slicing.overlap_ratio))
    return found[:1] if slicing.first_slice else found


@profile.examples(300)
@given(st.data(), slicings(), st.sampled_from([np.int32, np.int64]))
def test_positions(data, slicing, kind):
    lengths = data.draw(lengths_of_files(slicing.slice_len))
    offsets = [data.draw(st.integers(0, 2 * slicing.slice_len)) for _ in lengths]
    expected = [starts_of(length, offset, slicing) for length, offset in zip(lengths, offsets, strict=True)]
    remaining = np.array(lengths, kind) - np.array(offsets, kind)
    assert clip_counts(remaining, slicing).numpy().tolist() == [len(starts) for starts in expected]
    file, start = clip_positions(np.array(lengths, np.int64), np.array(offsets, np.int64), slicing)
    pairs = list(zip(file.numpy().tolist(), start.numpy().tolist(), strict=True))
    assert pairs == [(index, start) for index, starts in enumerate(expected) for start in starts]


@pytest.mark.parametrize("pad_end", [False, True])
@pytest.mark.parametrize("length", [0, 1, 16383, 16384, 16385, 32768, 2**31 + 5, 2**40])
def test_counts_of_long_files(length, pad_end):
    """As many hops as fit, in Python's integers."""
    slicing = Slicing(16384, 0.5, pad_end)
    expected = -(-length // 8192) if pad_end else max(0, (length - 16384) // 8192 + 1)
    assert clip_counts(np.array([length]), slicing).numpy().tolist() == [expected]


@profile.examples(200)
@given(st.data(), slicings())
def test_clips_of_a_pass_on_average(data, slicing):
    lengths = data.draw(lengths_of_files(slicing.slice_len))
    offsets = range(slicing.slice_len) if slicing.random_start else [0]
    # The command takes no first clip of a random start.
    assume(not (slicing.random_start and slicing.first_slice))
    counts = [len(starts_of(length, offset, slicing)) for length in lengths for offset in offsets]
    assert expected_clips(np.array(lengths), slicing) == pytest.approx(sum(counts) / len(offsets), rel=1e-12)


def ramp_store(lengths, slicing, channels=1):
    """Files of which each sample tells where it stands among all."""
    total = sum(lengths)
    samples = np.arange(1, total * channels + 1, dtype=np.float32).reshape(total, channels)
    names = tuple(f"{index}.wav" for index in range(len(lengths)))
    return ClipStore(AudioStore(names, np.array(lengths, np.int64), (), tf.constant(samples)), slicing, 16000)


def passes_of(store, seed, block, num_passes):
    """The clips (first sample, samples) of each pass of a block, in the order of the files and in that of the stream.

    Only what is random is drawn as the product does.
    """
    slicing, lengths = store.slicing, store.audio.lengths.tolist()
    first = [sum(lengths[:index]) for index in range(len(lengths))]
    seeds = [purpose_seed(seed, block, f"clips/{purpose}") for purpose in ("offsets", "order")]
    size = [num_passes * len(lengths)]
    offsets = tf.random.stateless_uniform(size, seeds[0], 0, slicing.slice_len, tf.int32, alg="philox").numpy().tolist()
    in_files: list[list[tuple[int, int]]] = []
    for number in range(num_passes):
        in_files.append([])
        for file, length in enumerate(lengths):
            offset = offsets[number * len(lengths) + file] if slicing.random_start else 0
            for start in starts_of(length, offset, slicing):
                in_files[-1].append((first[file] + start, min(length - start, slicing.slice_len)))
    count = sum(map(len, in_files))
    keys = tf.random.stateless_uniform([count], seeds[1], None, None, tf.int64, alg="philox").numpy().tolist()
    shuffled, at = [], 0
    for clips_of_pass in in_files:
        keyed = zip([key % 2**46 for key in keys[at : at + len(clips_of_pass)]], clips_of_pass, strict=True)
        shuffled.append([clip for _, clip in sorted(keyed, key=lambda pair: pair[0])])
        at += len(clips_of_pass)
    return in_files, shuffled


def at_zero(store):
    """The clips of files that start with their first sample."""
    lengths, slice_len = store.audio.lengths.tolist(), store.slicing.slice_len
    return [
        (sum(lengths[:file]) + start, min(length - start, slice_len))
        for file, length in enumerate(lengths)
        for start in starts_of(length, 0, store.slicing)
    ]


def stream_of(store, seed, count, num_passes):
    """The first clips of the endless stream."""
    found: list[tuple[int, int]] = []
    block = 0
    while len(found) < count:
        found += [clip for one in passes_of(store, seed, block, num_passes)[1] for clip in one]
        block += 1
    return found[:count]


def read(store, clips_of_store):
    """The samples of clips, [clips, slice_len, c], one by one."""
    samples = store.audio.samples.numpy()
    found = np.zeros([len(clips_of_store), store.slicing.slice_len, samples.shape[1]], np.float32)
    for row, (start, count) in enumerate(clips_of_store):
        for index in range(count):
            found[row, index] = samples[start + index]
    return found


def taken(store, num_batches, **options):
    return [batch.numpy() for batch in clip_batches(store, **options).take(num_batches)]


@profile.examples(20)
@given(st.data(), slicings(), st.integers(0, 2**31 - 1), st.sampled_from([1, 4, 9, 40]), st.integers(1, 2))
def test_streams_from_any_place_for_any_number_of_workers(data, slicing, seed, draws, channels):
    store = ramp_store(data.draw(lengths_of_files(slicing.slice_len)), slicing, channels)
    assume(store.clips_per_epoch >= 0.5)
    num_passes = max(1, int(draws // max(len(store.audio.lengths), store.clips_per_epoch)))
    workers, share = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    size = workers * share
    about_a_block = round(num_passes * store.clips_per_epoch)
    start = data.draw(st.sampled_from(sorted({0, 1, about_a_block - 1, about_a_block, 2 * about_a_block + 1} - {-1})))
    expected = read(store, stream_of(store, seed, start + 3 * size, num_passes)[start:]).reshape(
        3, size, slicing.slice_len, channels
    )
    with mock.patch.object(clips, "_BLOCK_DRAWS", draws):
        for worker in {0, workers - 1}:
            found = taken(store, 3, batch_size=size, seed=seed, start_example=start, worker=worker, num_workers=workers)
            np.testing.assert_array_equal(found, expected[:, worker * share : (worker + 1) * share])


@profile.examples(25)
@given(st.data(), slicings(), st.integers(0, 2**31 - 1), st.integers(1, 9))
def test_the_first_pass_in_the_order_of_the_files(data, slicing, seed, size):
    store = ramp_store(data.draw(lengths_of_files(slicing.slice_len)), slicing)
    with mock.patch.object(clips, "_BLOCK_DRAWS", 20):
        num_passes = max(1, int(20 // max(len(store.audio.lengths), store.clips_per_epoch)))
        found = [batch.numpy() for batch in first_epoch(store, batch_size=size, seed=seed)]
    expected = read(store, passes_of(store, seed, 0, num_passes)[0][0] or at_zero(store))
    assert [len(batch) for batch in found] == [len(expected[at : at + size]) for at in range(0, len(expected), size)]
    np.testing.assert_array_equal(np.concatenate([expected[:0], *found]), expected)


@pytest.mark.parametrize("lengths", [[16], [17, 3, 16], [16, 31]])
def test_the_first_pass_of_files_hardly_longer_than_a_clip(lengths):
    store = ramp_store(lengths, Slicing(16, 0.0, random_start=True))
    for seed in range(20):
        with mock.patch.object(clips, "_BLOCK_DRAWS", 1):
            (found,) = first_epoch(store, batch_size=9, seed=seed)
        expected = passes_of(store, seed, 0, 1)[0][0] or at_zero(store)
        np.testing.assert_array_equal(found, read(store, expected))


def test_the_block_that_a_run_uses():
    slicing = Slicing(16, 0.5, pad_end=True)
    store = ramp_store([100 + 7 * index for index in range(90)], slicing)
    num_passes = int(clips._BLOCK_DRAWS // store.clips_per_epoch)
    in_block = sum(map(len, passes_of(store, 3, 0, num_passes)[0]))
    assert num_passes > 1 and in_block > 60000
    for start in (0, in_block - 5, in_block):
        expected = read(store, stream_of(store, 3, start + 10, num_passes)[start:])
        np.testing.assert_array_equal(taken(store, 1, batch_size=10, seed=3, start_example=start)[0], expected)
