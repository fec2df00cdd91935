"""Moments and ranges gathered batch by batch beside those of everything at once, in float64."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

from gansynth_tf import normalizer
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.normalizer import RangeStatistics
from gansynth_tf.notes.stream import note_batches
from gansynth_tf.representation import FREQ, SIMPLE
from gansynth_tf.stages import features as stage_features
from specgan_tf import moments
from specgan_tf.geometry import PAPER, Framing
from tests.oracles import profile
from tests.oracles.test_clips import passes_of, ramp_store, read, slicings
from tests.oracles.test_notes import store_of
from wavegan_tf.core.audio import clips

BATCH = 3


def log_magnitudes(wave, framing=PAPER):
    """[frames, bins] of one waveform, frame by frame: under a periodic Hann window, with zeros after the end."""
    length = framing.window_len
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    rows = []
    for start in range(0, len(wave), framing.hop_len):
        frame = np.zeros(length)
        part = wave[start : start + length]
        frame[: len(part)] = part
        rows.append(np.log(np.abs(np.fft.rfft(frame * window)) + 1e-6))
    return np.array(rows)


def moments_of(waves, framing=PAPER):
    """Of waveforms [n, t, c]."""
    channels = np.moveaxis(waves.astype(np.float64), 2, 1).reshape(-1, waves.shape[1])
    rows = np.concatenate([log_magnitudes(channel, framing) for channel in channels])
    mean = rows.sum(axis=0) / len(rows)
    return mean, np.sqrt(((rows - mean) ** 2).sum(axis=0) / len(rows))


@profile.examples(20)
@given(
    st.data(), profile.sizes(BATCH), st.sampled_from([1, 127, 128, 129, 256, 1000]), st.integers(0, 2**32),
    st.sampled_from([(1.0, 0.0), (1e-3, 0.5), (1e-5, 0.0)]),
    st.sampled_from([(PAPER, 1), (PAPER, 3), (Framing(66, 33), 2), (Framing(64, 16), 1)]),
)  # fmt: skip
def test_moments_of_any_batches(data, n, length, seed, kind, size):
    (scale, offset), (framing, channels) = kind, size
    waves = (np.random.default_rng(seed).normal(size=[n, length, channels]) * scale + offset).astype(np.float32)
    sizes: list[int] = []
    while sum(sizes) < n:
        sizes.append(min(data.draw(profile.sizes(BATCH)), n - sum(sizes)))
    batches = [tf.constant(batch) for batch in np.split(waves, np.cumsum(sizes)[:-1])]
    found = moments.of_batches(iter(batches), framing)
    assert found.mean.shape == found.std.shape == (framing.num_bins,) and found.mean.dtype == np.float32
    mean, std = moments_of(waves, framing)
    # Float32 spectra of a loud constant are right to a part of it, which quiet bins feel.
    tolerance = 2e-2 if offset else 5e-4
    np.testing.assert_allclose(found.mean, mean, atol=tolerance)
    np.testing.assert_allclose(found.std, std, atol=tolerance)
    # Merged in float64: no matter how it is divided, the same but for the last float32 digit.
    whole = moments.of_batches([tf.constant(waves)], framing)
    np.testing.assert_allclose(found.mean, whole.mean, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(found.std, whole.std, rtol=2e-6, atol=2e-5)


def test_no_batch_has_no_moments():
    with pytest.raises(ValueError, match="no audio"):
        moments.of_batches([])


@profile.examples(12)
@given(st.data(), slicings(), st.integers(0, 2**31 - 1))
def test_moments_of_a_folder_count_each_clip_of_a_pass_once(data, slicing, seed):
    lengths = data.draw(st.lists(profile.sizes(slicing.slice_len), min_size=1, max_size=4))
    store = ramp_store(lengths, slicing)
    with mock.patch.object(moments, "BATCH", BATCH), mock.patch.object(clips, "_BLOCK_DRAWS", 1):
        clips_of_pass = passes_of(store, seed, 0, 1)[0][0]
        assume(clips_of_pass)
        found = moments.of_store(store, seed)
    mean, std = moments_of(read(store, clips_of_pass))
    np.testing.assert_allclose(found.mean, mean, atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(found.std, std, atol=1e-4, rtol=1e-3)


@profile.examples(150)
@given(st.data(), profile.sizes(BATCH), st.integers(1, 3), st.integers(1, 4), st.sampled_from([0.8, 1.0]))
def test_ranges_of_any_batches(data, n, t, f, margin):
    size = n * t * f * 2
    numbers = st.sampled_from([-3.5, -1.0, 0.0, 0.25, 2.0, 1e6, -1e-6])
    batch = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size)), np.float32).reshape(n, t, f, 2)
    statistics = RangeStatistics()
    at = 0
    while at < n:
        count = data.draw(profile.sizes(BATCH))
        statistics.add(batch[at : at + count])
        at += count

    def row(values):
        """Scale and offset that bring a range to [-margin, margin]."""
        low, high = min(values), max(values)
        width = float(np.float32(high) - np.float32(low))
        return (margin * 2 / width, margin * (-2 * low / width - 1)) if width else (1.0, -low)

    columns = [[[batch[i, j, k, c].item() for i in range(n) for j in range(t)] for c in (0, 1)] for k in range(f)]
    by_frequency = [[*row(first), *row(second)] for first, second in columns]
    np.testing.assert_allclose(statistics.rows(FREQ, margin), by_frequency, rtol=1e-12)
    joined = [sum((column[c] for column in columns), []) for c in (0, 1)]
    np.testing.assert_allclose(statistics.rows(SIMPLE, margin), [*row(joined[0]), *row(joined[1])], 1e-12)
    made = normalizer.of_rows(statistics.rows(FREQ, margin))
    x = tf.constant(batch)
    scaled = [[[[np.clip(batch[i, j, k, c] * by_frequency[k][2 * c] + by_frequency[k][2 * c + 1], -1, 1)
                 for c in (0, 1)] for k in range(f)] for j in range(t)] for i in range(n)]  # fmt: skip
    np.testing.assert_allclose(made.normalize(x), scaled, atol=2e-6, rtol=1e-5)
    assert np.abs(made.normalize(x)).max() <= 1.0


@profile.examples(20)
@given(st.data(), st.integers(1, 25), st.sampled_from([1, 9, 10, 11, 20, 1000]), st.integers(0, 2**31 - 1))
def test_normalisers_of_as_many_notes_as_are_wanted(tmp_path_factory, data, n, wanted, seed):
    """Whole batches of ten, as the original takes them: the first notes of the stream, from all if there are few."""
    folder = str(tmp_path_factory.mktemp("run"))
    store = store_of([2] * n, [60] * n, 24, 61, 2)
    config = GANSynthConfig(data_type="wave", data_normalizer=SIMPLE, normalizer_num_examples=wanted,
                            seed=seed, audio_length=2, sample_rate=16000, start_height=2, start_width=1, scale_mode="H",
                            num_resolutions=1)  # fmt: skip
    features = stage_features.make_features(config)
    made = stage_features.run_normalizer(config, store, features, folder)
    num_batches = -(-min(wanted, n) // stage_features._NORMALIZER_BATCH)
    order = [int(i) for batch, _ in note_batches(store, lambda i: i, batch_size=1, seed=seed).take(10 * num_batches)
             for i in batch]  # fmt: skip
    values = [2.0 * index + step for index in order for step in (1, 2)]
    width = max(values) - min(values)
    np.testing.assert_allclose(made.scale.ravel(), [2 * config.normalizer_margin / width] * 2, rtol=1e-6)
    again = stage_features.run_normalizer(config, None, features, folder)
    np.testing.assert_array_equal(again.scale, made.scale)
