"""The page's envelopes, mix, instruments over time and latents of a seed, against the Python ones."""

import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.draws import normal_latents
from gansynth_tf.midi import instruments, mixing
from gansynth_tf.midi.reading import NoteSequence
from tests import javascript
from wavegan_tf.core.draws import uniform_latents
from wavegan_tf.core.serving import latents, saved_model

MIX = """
const { addNote, clipSamples, levelClip } = await load("mixing.js");
answer(given.map(({ notes, waves, rate, channels }) => {
  const clip = new Float32Array(channels * clipSamples(notes, rate));
  notes.forEach((note, index) => addNote(clip, Float32Array.from(waves[index]), note, rate, channels));
  return [...levelClip(clip)];
}));
"""


def test_envelopes():
    cases = [
        (length, rate, samples)
        for length in (0, 0.001, 0.0101, 0.3, 0.7004, 2.9999, 3, 17)
        for rate in (50, 101, 1000)
        for samples in (1, 3, 20, 301, 900, 4000)
    ]
    source = 'const { noteEnvelope } = await load("mixing.js"); answer(given.map((row) => [...noteEnvelope(...row)]));'
    for (length, rate, samples), found in zip(cases, javascript.run(source, cases), strict=True):
        expected = mixing.note_envelope(length, sample_rate=rate, max_samples=samples)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12, err_msg=str((length, rate, samples)))


def test_clips():
    rng = np.random.default_rng(0)
    cases, expected = [], []
    for rate, samples, channels in ((1000, 700, 1), (811, 3000, 1), (2000, 100, 1), (500, 901, 2)):
        starts = np.sort(np.round(rng.uniform(0, 5, 12), 3))
        ends = starts + rng.uniform(0.001, 4, 12)
        velocities, waves = rng.integers(1, 128, 12), rng.normal(size=(12, samples, channels)).astype(np.float32)
        waves[3], waves[4] = 0, -np.abs(waves[4])
        expected.append(mixing.combine_notes(waves, NoteSequence(0 * velocities, velocities, starts, ends), rate))
        rows = zip(velocities.tolist(), starts.tolist(), ends.tolist(), strict=True)
        notes = [{"velocity": velocity, "start": start, "end": end} for velocity, start, end in rows]
        interleaved = waves.reshape(12, -1).tolist()
        cases.append({"notes": notes, "waves": interleaved, "rate": rate, "channels": channels})
    silent = {"notes": [{"velocity": 9, "start": 0.0, "end": 0.1}], "waves": [[0.0] * 50], "rate": 100, "channels": 1}
    *found, silence = javascript.run(MIX, [*cases, silent])
    assert silence == [0.0] * 310
    for clip, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(clip, wanted.ravel(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_instruments_over_time(count):
    rng = np.random.default_rng(count)
    z, starts, total = rng.normal(size=(count, 7)), [0.0, 0.3, 1.0, 2.2, 3.99, 4.0], 4.0
    if count == 5:
        z[2], z[4] = 2 * z[1], 0  # on one line, and nothing
    times = instruments.instrument_times(count, total)
    source = """
    const { instrumentTimes, latentsAt } = await load("instruments.js");
    const times = instrumentTimes(given.z.length, given.total);
    answer([times, given.starts.map((start) => [...latentsAt(start, given.z, times)])]);
    """
    found_times, found = javascript.run(source, {"z": z.tolist(), "total": total, "starts": starts})
    np.testing.assert_allclose(found_times, times, rtol=0, atol=1e-15)
    expected = instruments.note_latents(np.array(starts), z, times)
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-7)


def test_instruments_of_a_clip():
    source = """
    const { instrumentsOfClip } = await load("instruments.js");
    answer(given.map(([total, z, each]) => instrumentsOfClip(total, z, each, (count) => Array(count).fill([7]))));
    """
    given = [[1.0], [2.0], [3.0]]
    cases = [(total, z, each) for total in (0.5, 11.9, 40.0) for z in (None, given) for each in (None, 0.7, 6.0)]
    for (total, z, each), found in zip(cases, javascript.run(source, cases), strict=True):
        chosen = None if z is None else np.array(z, np.float32)
        expected = instruments.instruments_of_clip(total, chosen, each, lambda count: np.full([count, 1], 7.0))
        assert found == expected.tolist(), (total, z, each)


def test_arcs():
    rng = np.random.default_rng(0)
    pairs = [rng.normal(size=(2, 64)) * scale for scale in (0.1, 1, 30)] + [np.stack([np.ones(8), -np.ones(8)])]
    cases = [(*pair.tolist(), share) for pair in pairs for share in (0.0, 0.25, 0.9, 1.0)]
    source = 'const { slerp } = await load("instruments.js"); answer(given.map((row) => [...slerp(...row)]));'
    for (a, b, share), found in zip(cases, javascript.run(source, cases), strict=True):
        np.testing.assert_allclose(found, latents.slerp(np.array(a), np.array(b), share), rtol=1e-12, atol=1e-12)


SEEDS = [0, 1, 5, 20_001, 2**31 - 1, 2**32 - 1]


@pytest.mark.parametrize(("kind", "draw"), [("normal", normal_latents), ("uniform", uniform_latents)])
def test_a_seed_gives_the_latents_of_the_generate_commands(kind, draw):
    source = """
    const { latents } = await load("../latents.js");
    const draw = (seed, ...skipped) => latents(seed, 3, given.dim, given.kind, ...skipped).map((row) => [...row]);
    answer(given.seeds.map((seed) => [draw(seed), draw(seed, 1002)]));
    """
    for dim in (1, 8, 101):
        found = javascript.run(source, {"kind": kind, "seeds": SEEDS, "dim": dim})
        for seed, (first, later) in zip(SEEDS, found, strict=True):
            expected = draw(1005, dim, saved_model.latents_seed(tf.constant(seed, tf.int64))).numpy()
            np.testing.assert_allclose(first, expected[:3], rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(later, expected[1002:], rtol=1e-6, atol=1e-7)
