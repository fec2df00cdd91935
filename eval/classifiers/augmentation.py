"""Random changes of training clips that leave the label as it is, or move it by as much as they move the pitch.

Real and generated clips differ in level and in where the sound begins; a classifier that relies on these would score
them and not the word or the note. None of this is in the originals, which had thousands of clips of each class.
"""

from __future__ import annotations

import tensorflow as tf

_SEMITONE = 2.0 ** (1.0 / 12.0)
_LATEST = 2000.0  # samples; at 16 kHz 1/8 s


def _uniform(seed: tf.Tensor, purpose: int, count: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Float32 [count] in [low, high)."""
    seeds = tf.random.experimental.stateless_fold_in(seed, purpose)
    return tf.random.stateless_uniform([count], seeds, low, high)


def resample(waves: tf.Tensor, speeds: tf.Tensor, shifts: tf.Tensor) -> tf.Tensor:
    """Clips played at other speeds, and begun later; linear interpolation, zeros outside of the clip.

    Args:
      waves: float32 [b, t].
      speeds: float32 [b]; 2 is an octave up and half as long.
      shifts: float32 [b], samples of silence before the clip.
    """
    length = tf.shape(waves)[1]
    times = tf.cast(tf.range(length), tf.float32)[None]
    positions = (times - shifts[:, None]) * speeds[:, None]
    before = tf.floor(positions)
    part = positions - before
    padded = tf.pad(waves, [[0, 0], [1, 1]])  # so that one sample before and after the clip is silence

    def at(index: tf.Tensor) -> tf.Tensor:
        index = tf.clip_by_value(tf.cast(index, tf.int32) + 1, 0, length + 1)
        return tf.gather(padded, index, batch_dims=1)

    return (1.0 - part) * at(before) + part * at(before + 1.0)


def gain(waves: tf.Tensor, decibels: tf.Tensor) -> tf.Tensor:
    """Clips [b, t] scaled so that their peaks are `decibels` [b] re full scale; silence stays silence."""
    peaks = tf.reduce_max(tf.abs(waves), axis=1)
    factors = tf.where(peaks > 0, 10.0 ** (decibels / 20.0) / tf.maximum(peaks, 1e-9), 0.0)
    return waves * factors[:, None]


def level_and_noise(
    waves: tf.Tensor, seed: tf.Tensor, quietest: float = -20.0, lowest: float = -140.0, highest: float = -40.0
) -> tf.Tensor:
    """Clips of another level (peak `quietest` to 0 dB) in white noise (RMS from `lowest` to `highest` dB).

    Where a file has no noise of its own, as above 4 kHz if it was once sampled at 8 kHz, the logarithm of a mel band
    holds rounding errors. A network that learns words from these hears none in generated clips, or in real ones that
    went through a codec. The lowest noise is below what the logarithm's 1e-6 shows.

    Args:
      waves: float32 [b, t].
      seed: int [2].
      quietest: smallest peak in dB.
      lowest: smallest noise, dB re full scale.
      highest: largest noise.
    """
    count = tf.shape(waves)[0]
    waves = gain(waves, _uniform(seed, 2, count, quietest, 0.0))
    deviations = 10.0 ** (_uniform(seed, 3, count, lowest, highest) / 20.0)
    noise = tf.random.stateless_normal(tf.shape(waves), tf.random.experimental.stateless_fold_in(seed, 4))
    return waves + deviations[:, None] * noise


def speech(waves: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor, quietest: float = -15.0) -> tf.Tensor:
    """Spoken words of another level (peak -15 to 0 dB) and speed (89 to 113 %), begun up to 1/8 s later.

    They stay whole. Other speeds stand for other voices: they move the formants, which is what differs most between
    speakers.

    Args:
      waves: float32 [b, t], the words at the start, followed by zeros.
      lengths: int [b], samples of the words.
      seed: int [2].
      quietest: smallest peak in dB.
    """
    count = tf.shape(waves)[0]
    speeds = tf.exp(_uniform(seed, 0, count, -0.12, 0.12))
    room = tf.cast(tf.shape(waves)[1], tf.float32) - tf.cast(lengths, tf.float32) / speeds
    latest = tf.clip_by_value(room, 0.0, _LATEST)
    waves = resample(waves, speeds, tf.floor(_uniform(seed, 1, count, 0.0, 1.0) * latest))
    return gain(waves, _uniform(seed, 2, count, quietest, 0.0))


def notes(
    waves: tf.Tensor, pitches: tf.Tensor, num_pitches: int, seed: tf.Tensor, semitones: int = 7, quietest: float = -40.0
) -> tf.Tensor:
    """Notes of another pitch and level, and the classes of the new pitches.

    A note played faster by k semitones is a note k semitones higher, so that rare pitches are learned from their
    neighbours. A note that would leave the range stays where it is. On top comes a detuning of up to 15 cents.

    Args:
      waves: float32 [b, t].
      pitches: int [b], classes from 0.
      num_pitches: classes.
      seed: int [2].
      semitones: largest move.
      quietest: smallest peak in dB.

    Returns:
      Notes [b, t] and classes [b].
    """
    count = tf.shape(waves)[0]
    moves = tf.cast(tf.round(_uniform(seed, 0, count, -semitones - 0.5, semitones + 0.5)), pitches.dtype)
    moved = pitches + moves
    inside = (moved >= 0) & (moved < num_pitches)
    moves, moved = tf.where(inside, moves, 0), tf.where(inside, moved, pitches)
    cents = _uniform(seed, 1, count, -0.15, 0.15)
    waves = resample(waves, _SEMITONE ** (tf.cast(moves, tf.float32) + cents), tf.zeros([count]))
    return gain(waves, _uniform(seed, 2, count, quietest, 0.0)), moved
