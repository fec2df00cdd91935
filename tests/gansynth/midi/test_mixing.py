"""Envelopes and the mix of notes, against the original's and by their properties."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gansynth_tf.midi import mixing
from gansynth_tf.midi.reading import NoteSequence
from tests.originals import GOLDENS, assert_near

GOLDEN = np.load(GOLDENS / "gansynth" / "generate_util.npz")
ORIGINAL_NAMES = {"t_note_length": "note_length", "t_attack": "attack", "t_release": "release", "sr": "sample_rate"}


def sequence(starts, ends, velocities=None):
    velocities = [127] * len(starts) if velocities is None else velocities
    parts = (np.full(len(starts), 60), np.array(velocities), np.array(starts, float), np.array(ends, float))
    return NoteSequence(*parts)


@pytest.mark.parametrize("case", range(5))
def test_envelopes_are_the_originals(case):
    settings = json.loads(str(GOLDEN[f"envelope_{case}_settings_json"]))
    envelope = mixing.note_envelope(**{ORIGINAL_NAMES[name]: value for name, value in settings.items()})
    assert len(envelope) == GOLDEN[f"envelope_{case}_length"]
    kept = envelope if len(envelope) < 6000 else envelope[::8]
    np.testing.assert_allclose(kept, GOLDEN[f"envelope_{case}"], atol=1e-12)


def test_envelopes_fit_into_shorter_waveforms():
    whole = mixing.note_envelope(1.0, sample_rate=1000)
    assert len(whole) == 1300
    np.testing.assert_array_equal(mixing.note_envelope(1.0, sample_rate=1000, max_samples=2000), whole)
    fitted = mixing.note_envelope(1.0, sample_rate=1000, max_samples=500)
    assert len(fitted) == 500
    np.testing.assert_array_equal(fitted, mixing.note_envelope(0.2, sample_rate=1000))
    shortest = mixing.note_envelope(1.0, sample_rate=1000, max_samples=100)
    np.testing.assert_allclose(shortest, np.linspace(1, 0, 100))


def mixed_golden():
    audio = np.load(GOLDENS / "gansynth" / "nsynth_notes.npz")["audio"]
    waves = audio[GOLDEN["combine_audio_note_index_in_nsynth_notes"]]
    notes = sequence(*(GOLDEN[f"combine_{name}"] for name in ("start_times", "end_times", "velocities")))
    return waves, notes, mixing.combine_notes(waves, notes, 16000)


def test_clips_are_the_originals_but_not_cut_at_the_whole_second():
    _, _, clip = mixed_golden()
    assert len(clip) == round(7.5 * 16000) > GOLDEN["combine_out_length"]
    assert_near(clip[: int(GOLDEN["combine_out_length"]) : 8], GOLDEN["combine_out_every8"], 1e-9)
    assert_near(clip[:4000], GOLDEN["combine_out_first4000"], 1e-9)
    assert clip.max() == pytest.approx(0.5) and not clip[-int(2.6 * 16000) :].any()


def test_the_mix_is_the_sum_of_its_notes_wherever_they_stand():
    rng = np.random.default_rng(0)
    starts = np.sort(rng.uniform(0, 30, 40))
    starts[20:] += 200  # a long rest
    notes = sequence(starts, starts + rng.uniform(0.01, 4, 40), rng.integers(1, 128, 40))
    waves = rng.normal(size=(40, 3000))
    expected = np.zeros(mixing.clip_samples(notes.end_times, 800))
    for wave, start, end, velocity in zip(waves, starts, notes.end_times, notes.velocities, strict=True):
        shaped = wave[: int(800 * min(end - start, 3.0)) + 240]
        shaped = shaped * mixing.note_envelope(end - start, sample_rate=800)
        at = int(start * 800)
        expected[at : at + len(shaped)] += shaped / shaped.max() * velocity / 127
    pieces = list(mixing.mix(iter(waves), notes, 800))
    assert max(map(len, pieces)) <= 1 << 16
    np.testing.assert_allclose(np.concatenate(pieces), expected, atol=1e-12)


def test_a_note_is_mixed_as_soon_as_it_comes():
    """Memory stays bounded: what no later note can change is given away before the next is asked for."""
    asked = []

    def waves():
        for number in range(3):
            asked.append(number)
            yield np.ones(100)

    pieces = mixing.mix(waves(), sequence([0, 1, 2], [0.5, 1.5, 2.5]), 100)
    assert len(next(pieces)) == 100 and asked == [0, 1]
    next(pieces)
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_channels_have_one_level(channels):
    """Note by note the peak is that of all channels, so that each stays where it stands between them."""
    rng = np.random.default_rng(channels)
    starts = np.array([0.5, 0.75, 3.0])
    notes = sequence(starts, starts + 0.75, [100, 50, 127])
    waves = rng.normal(size=(3, 900, channels)) * rng.uniform(0.1, 1, [3, 1, channels])
    clip = mixing.combine_notes(waves, notes, 800)
    assert clip.shape == (mixing.clip_samples(notes.end_times, 800), channels) and clip.max() == pytest.approx(0.5)
    heard = waves[:, : 600 + 240] * mixing.note_envelope(0.75, sample_rate=800)[:, None]
    level = heard.max(axis=(1, 2))
    expected = np.zeros_like(clip)
    for note, peak, start, velocity in zip(heard, level, starts, notes.velocities, strict=True):
        expected[int(start * 800) : int(start * 800) + len(note)] += note / peak * velocity / 127
    np.testing.assert_allclose(clip, expected * 0.5 / expected.max(), atol=1e-12)
    if channels == 1:
        np.testing.assert_array_equal(clip[:, 0], mixing.combine_notes(waves[..., 0], notes, 800))


def test_silence_stays_silent():
    notes = sequence([0, 1], [1, 2])
    assert not mixing.combine_notes(np.zeros([2, 4000]), notes, 1000).any()
    one = mixing.combine_notes(np.stack([np.zeros(4000), np.ones(4000)]), notes, 1000)
    assert not one[:1000].any() and one.max() == 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_does_not_pass_for_silence(value):
    waves = np.ones([2, 4000])
    waves[0, 700] = value
    with np.errstate(invalid="ignore"):
        clip = mixing.combine_notes(waves, sequence([0, 1], [1, 2]), 1000)
    assert not np.isfinite(clip).all()


def test_a_note_that_is_nowhere_above_zero_is_scaled_by_its_depth():
    shaped = mixing.shape_note(-np.full(1000, 0.01), 0.5, 127, 1000)
    assert shaped.min() == pytest.approx(-1.0) and shaped.max() == 0
