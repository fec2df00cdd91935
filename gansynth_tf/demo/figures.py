"""Figures that say how near generated notes come to real ones: pitch by an independent tracker, level and tone."""

from __future__ import annotations

import librosa
import numpy as np

from wavegan_tf.core.demo import Figure

# Of the tracker: 88 keys and a frame of an eighth of a second, at a rate at which it is exact.
_RATE, _FRAME = 16000, 2048
_LOWEST, _HIGHEST = 21, 108
_RANGE_DB = 60.0

MEANING = (
    "Pitch is measured by pYIN, a tracker that knows nothing of the model, and is right within half a semitone. Real "
    "notes are the yardstick; noise shows what chance gives. Level and tone should be near those of the real notes."
)
FIGURES = (
    Figure("right_percent", "Right pitch", "%", "notes whose median pitch is within 50 cents of the one asked for", 0),
    Figure("octave_percent", "But for octaves", "%", "likewise, where an octave up or down counts as right", 0),
    Figure("level_db", "Level", "dB", "median root mean square of the notes, full scale being 0 dB"),
    Figure("tone_db", "Tone", "dB", "distance to the nearest real note of that pitch (another one for real notes): "
           "mean absolute difference of 32 mel bands, each relative to the loudest and not under -60 dB"),
)  # fmt: skip


def measured_pitch(wave: np.ndarray, sample_rate: int) -> float:
    """Median MIDI pitch of the voiced frames of a note [t], by librosa's pYIN; NaN if there is none."""
    wave = np.asarray(wave, np.float32) / max(float(np.abs(wave).max()), 1e-9)
    if sample_rate != _RATE:
        wave = librosa.resample(wave, orig_sr=sample_rate, target_sr=_RATE)
    low, high = (float(librosa.midi_to_hz(pitch)) for pitch in (_LOWEST, _HIGHEST))
    frequency, voiced, _ = librosa.pyin(wave, fmin=low, fmax=high, sr=_RATE, frame_length=_FRAME)
    return float(np.median(librosa.hz_to_midi(frequency[voiced]))) if voiced.any() else float("nan")


def pitch_errors(waves: np.ndarray, pitches: np.ndarray, sample_rate: int) -> np.ndarray:
    """Semitones between the measured and the wanted pitch of each note [n, t]; NaN where none is found."""
    return np.array([measured_pitch(wave, sample_rate) for wave in waves]) - pitches


def tones(waves: np.ndarray, sample_rate: int, bands: int = 32) -> np.ndarray:
    """Levels of mel bands [n, bands] in dB relative to the loudest of each note [n, t], -60 at least."""
    power = np.abs(np.fft.rfft(waves.astype(np.float64), axis=1)) ** 2
    energy = power @ librosa.filters.mel(sr=sample_rate, n_fft=waves.shape[1], n_mels=bands, norm=None).T
    relative = energy / np.maximum(energy.max(axis=1, keepdims=True), 1e-30)
    return np.maximum(10.0 * np.log10(np.maximum(relative, 1e-30)), -_RANGE_DB)


def tone_distance(
    waves: np.ndarray, pitches: np.ndarray, real: np.ndarray, real_pitches: np.ndarray, sample_rate: int
) -> float | None:
    """Mean distance in dB of notes to the nearest real one of their pitch; None where there is none to compare with.

    A real note that is the very same is passed over.
    """
    found, reference, distances = tones(waves, sample_rate), tones(real, sample_rate), []
    for wave, tone, pitch in zip(waves, found, pitches, strict=True):
        of_pitch = np.flatnonzero(real_pitches == pitch)
        others = [index for index in of_pitch if not np.array_equal(real[index], wave)]
        if others:
            distances.append(np.abs(reference[others] - tone).mean(axis=1).min())
    return float(np.mean(distances)) if distances else None


def measure(
    waves: np.ndarray, pitches: np.ndarray, real: np.ndarray, real_pitches: np.ndarray, sample_rate: int
) -> dict[str, float | None]:
    """All of `FIGURES` of notes [n, t] that should have these MIDI pitches, against real notes [m, t]."""
    away = pitch_errors(waves, pitches, sample_rate)
    in_octaves = away - 12 * np.round(np.nan_to_num(away) / 12)
    rms = np.sqrt(np.mean(waves.astype(np.float64) ** 2, axis=1))
    return {
        "right_percent": 100.0 * float(np.mean(np.abs(away) < 0.5)),
        "octave_percent": 100.0 * float(np.mean(np.abs(in_octaves) < 0.5)),
        "level_db": 20.0 * float(np.log10(max(float(np.median(rms)), 1e-6))),
        "tone_db": tone_distance(waves, pitches, real, real_pitches, sample_rate),
    }
