import csv

import numpy as np
import pytest
import soundfile

from wavegan_tf.demo import __main__ as demo
from wavegan_tf.demo import figures

RATE = 16000


def hits():
    clips = []
    for path in sorted(demo.DRUMS.glob("*.flac")):
        clip, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE and clip.ndim == 1 and len(clip) <= 1.5 * RATE
        clip = clip[: demo.SLICE_LEN] / np.max(np.abs(clip))
        clips.append(np.pad(clip, (0, demo.SLICE_LEN - len(clip))))
    return np.array(clips)[..., None]


def test_drum_hits_are_the_public_domain_ones_of_their_list():
    with open(demo.DRUMS / "drums.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 70
    assert {row["licence"] for row in rows} == {"CC0-1.0"}
    assert sorted(row["file"] for row in rows) == sorted(path.name for path in demo.DRUMS.glob("*.flac"))


def test_the_other_real_hits_are_nearest_noise_is_far_and_copies_of_one_hit_have_no_variety():
    clips = hits()
    reference, held_out = clips[::2], clips[1::2]
    noise = demo._white_noise(len(reference))
    fading = noise * np.exp(-np.arange(demo.SLICE_LEN) / 1600)[:, None]
    repeated = np.repeat(held_out[:1], len(reference), axis=0)
    noisy = held_out + 0.01 * noise
    real, *others = (
        figures.measure(each, reference, RATE) for each in (held_out, noisy, fading, repeated, noise)
    )
    envelopes = [real["envelope_db"], *(each["envelope_db"] for each in others)]
    # A faint hiss, then a drum-like fade, then one hit only, then plain noise: further and further away.
    assert envelopes == sorted(envelopes) and envelopes[-1] > 5 * envelopes[0]
    for each in others[1:]:
        assert each["spectrum_db"] > 2 * real["spectrum_db"]
        assert each["mean_spectrum_db"] > 3 * real["mean_spectrum_db"]
    assert others[2]["variety_db"] < 1e-9
    assert others[3]["variety_db"] < 1.0 < 10.0 < real["variety_db"]
    itself = figures.measure(reference, reference, RATE)
    assert itself["envelope_db"] == itself["spectrum_db"] == itself["mean_spectrum_db"] == 0.0


def test_envelope_of_steps_silence_and_stereo():
    clip = np.repeat(np.array([1.0, 0.1, 1e-5, 0.0], np.float32), 8)
    left_only = np.stack([clip, np.zeros_like(clip)], axis=-1)
    levels = figures.envelope_db(np.stack([np.stack([clip, clip], axis=-1), left_only]), frames=4)
    np.testing.assert_allclose(levels[0], [0, -20, -60, -60], atol=1e-5)
    np.testing.assert_allclose(levels[1], [-3.0103, -23.0103, -60, -60], atol=1e-4)


def test_spectrum_of_a_tone_lies_in_its_band_and_shares_sum_to_one():
    time = np.arange(RATE) / RATE
    tones = np.stack([np.sin(2 * np.pi * f * time) for f in (200, 1000, 6000)])[..., None]
    shares = figures.spectrum_shares(np.concatenate([tones, np.zeros((1, RATE, 1))]), RATE)
    np.testing.assert_allclose(shares.sum(axis=1), [1, 1, 1, 0], atol=1e-12)
    assert (np.sort(shares[:3], axis=1)[:, -2:].sum(axis=1) > 0.999).all()
    assert np.all(np.diff(np.argmax(shares[:3], axis=1)) > 0)
    # A quieter copy has the same tone.
    np.testing.assert_allclose(figures.spectrum_shares(0.01 * tones, RATE), shares[:3], atol=1e-9)


def test_match_counts_both_ways_and_variety_leaves_out_a_row_with_itself():
    a, b = np.array([[0.0], [1.0]]), np.array([[0.0], [10.0]])
    np.testing.assert_allclose(figures.pairwise_db(a, b), [[0, 10], [1, 9]])
    assert figures.match_db(a, b) == pytest.approx(((0 + 1) / 2 + (0 + 9) / 2) / 2)
    assert figures.variety_db(np.array([[0.0], [1.0], [3.0]])) == pytest.approx((1 + 3 + 2) / 3)
    assert figures.variety_db(np.zeros((1, 4))) == 0.0


def test_attack_decay_and_crest_of_known_shapes():
    time = np.arange(RATE) / RATE
    sine = np.sin(2 * np.pi * 500 * time)
    rise, fall = 0.1, 0.5  # seconds; 20 dB are ln(10) = 2.303 time constants
    envelope = np.where(time < rise, np.exp((time - rise) / 0.02), np.exp(-(time - rise) / 0.1))
    clips = np.stack([sine * envelope, sine * (time < fall), np.zeros(RATE)])[..., None]
    attack, decay = figures.attack_decay_seconds(clips, RATE)
    np.testing.assert_allclose(attack[[0, 2]], [2.303 * 0.02, 0.0], atol=0.006)
    np.testing.assert_allclose(decay[0], 2.303 * 0.1, atol=0.006)
    np.testing.assert_allclose((attack + decay)[1:], [fall, 0.0], atol=0.006)
    crest = figures.crest_db(np.stack([sine, 0.1 * sine, np.zeros(RATE)])[..., None])
    np.testing.assert_allclose(crest, [3.0103, 3.0103, 0.0], atol=1e-3)
