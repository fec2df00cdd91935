"""The stream of notes: every note once a pass, any start, any number of workers; and the options' checks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.options import NoteOptions
from gansynth_tf.notes.stream import note_batches
from tests.gansynth.notes.test_files import NOTES
from wavegan_tf.core.errors import UserError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The notes of the repository, cropped to keep tests quick."""
    return load_notes(NoteOptions(data_dir=str(NOTES), audio_length=8), str(tmp_path_factory.mktemp("cache")))


def indices(store, count, **options):
    """The indices and pitches of the first so many notes of a stream."""
    options = {"batch_size": 2, "seed": 5, **options}
    batches = list(note_batches(store, lambda index: index, **options).take(count // options["batch_size"]))
    return np.concatenate([batch.numpy() for batch, _ in batches]), np.concatenate([p.numpy() for _, p in batches])


def test_every_pass_holds_every_note_once_in_another_order(store):
    size = len(store)
    order, pitches = indices(store, 4 * size)
    passes = order.reshape(4, size)
    for one in passes:
        assert sorted(one) == list(range(size))
    assert len({tuple(one) for one in passes}) == 4
    np.testing.assert_array_equal(np.argmax(pitches, axis=1) + 24, store.pitches[order])
    assert not np.array_equal(order, indices(store, 4 * size, seed=6)[0])


@pytest.mark.parametrize("start", [2, 13, 26, 38])
def test_the_stream_goes_on_from_any_example(store, start):
    whole = indices(store, 80)[0]
    np.testing.assert_array_equal(indices(store, 20, start_example=start)[0], whole[start : start + 20])


def test_workers_share_each_batch(store):
    whole = indices(store, 24, batch_size=6, start_example=6)[0].reshape(-1, 3, 2)
    for worker in range(3):
        share = [
            batch.numpy()
            for batch, _ in note_batches(
                store, lambda index: index, batch_size=6, seed=5, start_example=6, worker=worker, num_workers=3
            ).take(4)
        ]
        np.testing.assert_array_equal(share, whole[:, worker])
    with pytest.raises(UserError, match="batch size 6: must be a multiple of the number of workers, 4"):
        note_batches(store, store.wave, batch_size=6, seed=0, num_workers=4)


def test_batches_are_waveforms_and_pitches(store):
    waves, pitches = next(iter(note_batches(store, store.wave, batch_size=3, seed=5)))
    order = indices(store, 4)[0][:3]
    for row, index in enumerate(order):
        np.testing.assert_array_equal(waves[row], store.wave(tf.constant(index)))
    assert pitches.shape == (3, 61)


def test_a_note_of_another_pitch_range_has_its_own_label(store):
    shifted = dataclasses.replace(store, first_pitch=30, pitch_counts=np.ones(50))
    assert np.argmax(shifted.one_hot(np.int64(0))) == store.pitches[0] - 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data_sources": "acustic"}, "data_sources=acustic: 'acustic' is none of acoustic, electronic, synthetic"),
        ({"data_families": "brass,tuba"}, "data_families=brass,tuba: 'tuba' is none of bass, brass"),
        ({"data_velocities": "loud"}, "data_velocities=loud: 'loud' is not a velocity from 0 to 127"),
        ({"data_velocities": "128"}, "not a velocity"),
        ({"data_min_pitch": 85}, "data_max_pitch=84: must be at least data_min_pitch=85"),
        ({"data_max_pitch": 128}, "data_max_pitch=128: must be at most 127"),
        ({"data_split": "all"}, "data_split=all: must be one of train, valid, test"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        NoteOptions(**options)
