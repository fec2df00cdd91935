"""Streams of batches, and of notes, beside lists of Python's; notes in records beside the same notes in files."""

from __future__ import annotations

import dataclasses
import itertools
from unittest import mock

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

from gansynth_tf.features import crop_or_pad
from gansynth_tf.notes import loading
from gansynth_tf.notes.files import Note
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.options import FAMILIES, SOURCES, NoteOptions
from gansynth_tf.notes.stream import NoteStore, note_batches
from tests.gansynth.notes import record_files
from tests.oracles import profile
from wavegan_tf.core.audio.batches import read_batches
from wavegan_tf.core.draws import purpose_seed
from wavegan_tf.core.errors import UserError

BLOCK = 6


@profile.examples(40)
@given(st.one_of(st.just(0), profile.sizes(BLOCK, 2)), st.integers(1, 4), st.sampled_from([1, 2, 3, BLOCK]), st.data())
def test_batches_of_any_number_of_rows(n, workers, share, data):
    worker, size = data.draw(st.integers(0, workers - 1)), workers * share
    rows = tf.data.Dataset.range(100, 100 + n)
    batches = read_batches(rows, lambda row: (row, row * 2), batch_size=size, worker=worker, num_workers=workers)
    found = [(row.numpy().tolist(), double.numpy().tolist()) for row, double in batches]
    expected = []
    for start in range(100, 100 + n - size + 1, size):
        part = [start + worker * share + index for index in range(share)]
        expected.append((part, [2 * row for row in part]))
    assert found == expected
    if workers > 1:
        with pytest.raises(UserError, match=f"^batch size {size + 1}: must be a multiple of the number of workers"):
            read_batches(rows, lambda row: row, batch_size=size + 1, worker=worker, num_workers=workers)


def fitted(wave, length):
    """A wave in the middle of `length` samples, nearer to the end by the odd one; or its beginning."""
    found = [0.0] * length
    before = max(0, (length - len(wave) + 1) // 2)
    for index, sample in enumerate(wave[:length]):
        found[before + index] = sample
    return found


@profile.examples(60)
@given(st.one_of(st.just(0), profile.sizes(BLOCK)), st.sampled_from([1, 2, BLOCK, BLOCK + 1]), st.integers(1, 3))
def test_sounds_of_any_length_are_fitted(n, length, channels):
    wave = np.arange(1, n + 1, dtype=np.float32)
    found = crop_or_pad(tf.constant(wave)[None, :, None], length, channels).numpy()
    expected = fitted(wave.tolist(), length)
    assert found.shape == (1, length, channels)
    for channel in range(channels):
        assert found[0, :, channel].tolist() == expected


def store_of(lengths, pitches, first_pitch, num_pitches, audio_length):
    """Notes whose samples tell where they stand."""
    samples = np.arange(1, sum(lengths) + 1, dtype=np.float32)[:, None]
    names = tuple(str(index) for index in range(len(lengths)))
    return NoteStore(names, np.array(pitches, np.int64), np.array(lengths, np.int64), tf.constant(samples),
                     first_pitch, np.ones(num_pitches), audio_length, "key", ())  # fmt: skip


@profile.examples(30)
@given(st.data(), st.integers(1, BLOCK), st.integers(0, 2**31 - 1), st.integers(1, 3), st.integers(1, 4))
def test_streams_from_any_place_for_any_number_of_workers(data, n, seed, workers, share):
    lengths = [data.draw(profile.sizes(BLOCK)) for _ in range(n)]
    pitches = [data.draw(st.integers(30, 33)) for _ in range(n)]
    store = store_of(lengths, pitches, 29, 5, BLOCK)
    start, size = data.draw(st.sampled_from(sorted({0, 1, n - 1, n, n + 1, 2 * n + 1}))), workers * share
    order: list[int] = []
    for number in itertools.count():
        if len(order) >= start + 3 * size:
            break
        seeds = purpose_seed(seed, number, "notes/order")
        shuffled = tf.random.experimental.stateless_shuffle(tf.range(n, dtype=tf.int64), seeds).numpy().tolist()
        assert sorted(shuffled) == list(range(n))
        order += shuffled
    waves = [fitted(range(sum(lengths[:i]) + 1, sum(lengths[: i + 1]) + 1), BLOCK) for i in range(n)]
    worker = data.draw(st.integers(0, workers - 1))
    options = {"batch_size": size, "seed": seed, "start_example": start, "worker": worker, "num_workers": workers}
    for batch, (found, one_hot) in enumerate(note_batches(store, store.wave, **options).take(3)):
        at = start + batch * size + worker * share
        assert found.numpy()[:, :, 0].tolist() == [waves[index] for index in order[at : at + share]]
        expected = [[float(pitch == pitches[index]) for pitch in range(29, 34)] for index in order[at : at + share]]
        assert one_hot.numpy().tolist() == expected


WORDS = st.sampled_from(["", "acoustic", "synthetic", "acoustic,electronic", " acoustic , synthetic "])


@profile.examples(200)
@given(st.data(), WORDS, st.sampled_from(["", "bass", "bass,flute"]), st.sampled_from(["", "0", "75,100", " 075 "]))
def test_notes_are_chosen_by_all_that_is_known_of_them(data, sources, families, velocities):
    low = data.draw(st.integers(0, 127))
    high = data.draw(st.integers(low, 127))
    options = NoteOptions(data_sources=sources, data_families=families, data_velocities=velocities,
                          data_min_pitch=low, data_max_pitch=high)  # fmt: skip
    note = Note(
        "x",
        data.draw(st.sampled_from(sorted({0, low, high, min(high + 1, 127), max(low - 1, 0), 127}))),
        data.draw(st.sampled_from([None, *FAMILIES[:3]])),
        data.draw(st.sampled_from([None, *SOURCES])),
        data.draw(st.sampled_from([None, 0, 75, 100])),
    )
    wanted = [
        ("--data_min_pitch", low <= note.pitch <= high),
        ("--data_sources", not sources or note.source is None or note.source in sources.replace(" ", "").split(",")),
        ("--data_families", not families or note.family is None or note.family in families.split(",")),
        ("--data_velocities", not velocities or note.velocity is None
         or note.velocity in [int(word) for word in velocities.split(",")]),
    ]  # fmt: skip
    reason = next((flag for flag, is_met in wanted if not is_met), "")
    found = options.reason_against(note)
    assert found.startswith(reason) and bool(found) == bool(reason)


@profile.examples(40)
@given(
    st.data(), st.sampled_from([(16000, 16000), (8000, 16000), (44100, 16000), (16000, 22050), (11025, 8000)]),
    st.booleans(), st.booleans(), st.integers(0, 2**32),
)  # fmt: skip
def test_records_and_files_hold_the_same_notes(tmp_path_factory, data, rates, normalize, in_memory, seed):
    """NSynth's names, so that both tell the same; a note without samples is bad in both."""
    folder, rng = tmp_path_factory.mktemp("notes"), np.random.default_rng(seed)
    lengths = data.draw(st.lists(st.one_of(st.just(0), profile.sizes(100), st.just(3001)), min_size=1, max_size=4))
    assume(any(lengths))
    records, names = [], []
    for number, length in enumerate(lengths):
        source, family, pitch = number % 3, number % len(FAMILIES), 40 + number % 2
        name = f"{FAMILIES[family]}_{SOURCES[source]}_{number:03d}-{pitch:03d}-100"
        wave = rng.uniform(-0.9, 0.9, length).astype(np.float32)
        soundfile.write(folder / f"{name}.wav", wave, rates[0], "FLOAT")
        records.append((name, record_files.nsynth_example(name, pitch, wave, source, family, sample_rate=rates[0])))
        names.append(name)
    records.sort()
    path = record_files.write(folder / "records" / "x.tfrecord", [record for _, record in records])
    sources = data.draw(st.sampled_from(["", "acoustic", "acoustic,electronic"]))
    options = NoteOptions(sample_rate=rates[1], data_normalize=normalize, audio_length=64, data_sources=sources,
                          data_cache_mb=2048 if in_memory else 0)  # fmt: skip

    def chosen(name):
        return not sources or name.split("_")[-2] in sources

    kept = [name for name, length in sorted(zip(names, lengths, strict=True)) if length and chosen(name)]
    with mock.patch.object(loading, "report_skipped"):
        stores = []
        of_files = dataclasses.replace(options, data_dir=str(folder))
        for made in (of_files, dataclasses.replace(options, train_data_path=str(path))):
            if not kept:
                with pytest.raises(UserError):
                    load_notes(made, str(folder / "cache"))
                continue
            stores.append(load_notes(made, str(folder / "cache")))
    for store in stores:
        assert list(store.names) == kept
        # What nobody chose is not called bad.
        assert len(store.bad) == sum(not length for name, length in zip(names, lengths, strict=True) if chosen(name))
        assert store.pitches.tolist() == [int(name.split("-")[-2]) for name in kept]
        counts = [sum(pitch == other for other in store.pitches) for pitch in range(24, 85)]
        assert store.pitch_counts.tolist() == counts
    if stores:
        np.testing.assert_array_equal(stores[0].lengths, stores[1].lengths)
        np.testing.assert_array_equal(stores[0].samples, stores[1].samples)
        assert stores[0].left_out == stores[1].left_out
        for index in range(len(kept)):
            at = int(stores[0].lengths[:index].sum())
            wave = stores[0].samples.numpy()[at : at + int(stores[0].lengths[index]), 0]
            found = stores[1].wave(tf.constant(index, tf.int64)).numpy()[:, 0]
            np.testing.assert_array_equal(found, np.array(fitted(wave.tolist(), 64), np.float32))
