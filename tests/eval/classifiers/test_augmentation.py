import numpy as np
import tensorflow as tf

from eval.classifiers import augmentation

SEED = tf.constant([3, 4])


def test_resample_is_interpolation_with_silence_around():
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(3, 50)).astype(np.float32)
    speeds, shifts = np.array([1.0, 0.7, 1.9], np.float32), np.array([0.0, 5.0, 12.0], np.float32)
    ours = augmentation.resample(tf.constant(waves), tf.constant(speeds), tf.constant(shifts)).numpy()
    for row in range(3):
        positions = (np.arange(50) - shifts[row]) * speeds[row]
        padded = np.concatenate([[0], waves[row], [0]])
        expected = np.interp(positions, np.arange(-1, 51), padded, left=0, right=0)
        np.testing.assert_allclose(ours[row], expected, atol=2e-5)


def test_gain_sets_the_peak_and_leaves_silence():
    waves = tf.constant([[0.1, -0.2], [0.0, 0.0]])
    ours = augmentation.gain(waves, tf.constant([-6.0206, 0.0])).numpy()
    np.testing.assert_allclose(ours, np.array([[0.25, -0.5], [0.0, 0.0]]), atol=1e-5)


def test_words_stay_whole_and_loud_enough():
    length = 3000
    waves = np.zeros([64, 16384], np.float32)
    waves[:, :length] = np.sin(np.arange(length) * 0.05)
    ours = augmentation.speech(tf.constant(waves), tf.fill([64], length), SEED).numpy()
    peaks = 20 * np.log10(np.abs(ours).max(axis=1))
    assert peaks.min() > -15.1 and peaks.max() < 0.1 and np.ptp(peaks) > 5
    heard = np.count_nonzero(np.abs(ours) > 1e-6, axis=1)
    assert heard.min() > 0.98 * length / np.exp(0.12) and heard.max() < 1.02 * length * np.exp(0.12)
    starts = np.argmax(np.abs(ours) > 1e-6, axis=1)
    assert np.ptp(starts) > 1000 and starts.max() <= 2001


def test_a_full_word_is_not_moved():
    waves = np.ones([8, 4000], np.float32)
    ours = augmentation.speech(tf.constant(waves), tf.fill([8], 4000), SEED).numpy()
    starts = np.argmax(np.abs(ours) > 1e-6, axis=1)
    assert starts.max() <= 4000 - 4000 / np.exp(0.12) + 1


def test_noise_is_white_and_levels_are_those_asked_for():
    waves = np.zeros([400, 4000], np.float32)
    waves[:, 7] = 0.01
    ours = augmentation.level_and_noise(tf.constant(waves), SEED, -10.0, -80.0, -30.0).numpy()
    peaks, noise = 20 * np.log10(ours[:, 7]), ours[:, 8:]
    assert -11 < peaks.min() < -9 and -1 < peaks.max() < 1
    levels = 20 * np.log10(noise.std(axis=1))
    assert levels.min() > -80.5 and levels.max() < -29.5
    assert abs(np.mean(levels) + 55) < 3 and abs(np.std(levels) - 50 / np.sqrt(12)) < 2
    power = np.mean(np.square(np.abs(np.fft.rfft(noise / noise.std(axis=1, keepdims=True)))), axis=0) / noise.shape[1]
    np.testing.assert_allclose(power[1:-1], 1.0, atol=0.35)
    assert abs(power[1:1000].mean() - power[1000:-1].mean()) < 0.02


def test_moved_notes_have_the_pitch_that_their_class_says():
    rate, count, middle = 16000, 32, 30
    wave = np.sin(2 * np.pi * 440 * np.arange(16000) / rate).astype(np.float32)
    pitches = tf.fill([count], tf.constant(middle, tf.int64))
    waves, moved = augmentation.notes(tf.constant(np.tile(wave, [count, 1])), pitches, 61, SEED)
    moves = moved.numpy() - middle
    assert np.abs(moves).max() <= 7 and len(set(moves)) > 8
    for note, move in zip(waves.numpy(), moves, strict=True):
        crossings = np.count_nonzero(np.diff(np.signbit(note[:8000]).astype(int)) == 1) / 0.5
        semitones = 12 * np.log2(crossings / 440)
        assert abs(semitones - move) < 0.25


def test_notes_do_not_leave_the_range():
    waves = tf.ones([200, 10])
    pitches = tf.constant(np.resize([0, 2], 200))
    _, moved = augmentation.notes(waves, pitches, 3, SEED)
    assert set(moved.numpy()) <= {0, 1, 2}
