"""Figures that say how near a set of clips comes to real ones: envelope, spectrum, attack, decay, variety.

Clips are float arrays [n, t, c] in full-scale units. Distances are mean absolute differences of levels in dB,
after every level was raised to `FLOOR_DB`, so that two silent stretches count as equal.
"""

from __future__ import annotations

import numpy as np

from wavegan_tf.core.demo import Figure

FLOOR_DB = -60.0
_TINY = 1e-20  # keeps log10 finite; far below the floor


MEANING = (
    "Every set is measured against the same real hits, every second file. The other half of the files is the first "
    "row, as a yardstick; white noise is the last. The first three figures are distances: less is nearer (less than "
    "the yardstick would mean hits learned by heart). For the others, near the first row is good."
)
FIGURES = (
    Figure("envelope_db", "Envelope", "dB",
           "loudness over time (32 steps): distance of each clip to the nearest real hit, and of each real "
           "hit to the nearest clip"),
    Figure("spectrum_db", "Spectrum", "dB",
           "tone (32 mel bands, each as a share of the clip): distance to the nearest, both ways as above"),
    Figure("mean_spectrum_db", "Average spectrum", "dB",
           "distance of the whole set's average tone to that of the real hits"),
    Figure("attack_ms", "Attack", "ms", "median time to rise from 20 dB below a clip's loudest moment to it", 0),
    Figure("decay_ms", "Decay", "ms", "median time until a clip stays 20 dB below its loudest moment", 0),
    Figure("crest_db", "Peak over RMS", "dB", "median ratio of peak to mean level; a sharp hit has more"),
    Figure("variety_db", "Variety", "dB",
           "mean distance (envelope and spectrum) of two clips of the set; near 0 if all sound alike"),
)  # fmt: skip


def _decibels(power: np.ndarray) -> np.ndarray:
    return np.maximum(10.0 * np.log10(np.maximum(power, _TINY)), FLOOR_DB)


def envelope_db(clips: np.ndarray, frames: int = 32) -> np.ndarray:
    """RMS level [n, frames] in dB re full scale of clips [n, t, c]; a part-frame at the end is skipped."""
    n, length, channels = clips.shape
    hop = length // frames
    cut = clips[:, : hop * frames].astype(np.float64).reshape(n, frames, hop * channels)
    return _decibels(np.mean(cut**2, axis=-1))


def spectrum_shares(clips: np.ndarray, sample_rate: int, bands: int = 32) -> np.ndarray:
    """Share [n, bands] of a clip's energy in each mel band up to half the sample rate; zeros for silence."""
    import librosa

    power = np.sum(np.abs(np.fft.rfft(clips.astype(np.float64), axis=1)) ** 2, axis=-1)
    weights = librosa.filters.mel(sr=sample_rate, n_fft=clips.shape[1], n_mels=bands, norm=None)
    energy = power @ weights.T.astype(np.float64)
    total = energy.sum(axis=-1, keepdims=True)
    return np.divide(energy, total, out=np.zeros_like(energy), where=total > _TINY)


def pairwise_db(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean absolute differences [n, m] in dB between the rows of a [n, k] and of b [m, k]."""
    return np.mean(np.abs(a[:, None] - b[None]), axis=-1)


def match_db(a: np.ndarray, b: np.ndarray) -> float:
    """Distance in dB of the sets a [n, k] and b [m, k]: each row to the nearest of the other set, both ways.

    One way alone would call a set good whose clips all sound like one real hit, and white noise too where one
    real hit is a shaker. Compare sets of equal size: more rows come nearer by chance.
    """
    distances = pairwise_db(a, b)
    return float((np.mean(np.min(distances, axis=1)) + np.mean(np.min(distances, axis=0))) / 2.0)


def variety_db(features: np.ndarray) -> float:
    """Mean distance in dB between two different rows of features [n, k]; 0.0 for fewer than two rows."""
    n = len(features)
    return float(pairwise_db(features, features).sum() / (n * (n - 1))) if n > 1 else 0.0


def attack_decay_seconds(clips: np.ndarray, sample_rate: int, hop: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Rise and fall times of clips [n, t, c], in seconds, to the nearest `hop` samples.

    Returns:
      attack [n]: from the first frame less than 20 dB below the loudest frame until that loudest frame.
      decay [n]: from the loudest frame until the end of the last frame less than 20 dB below it.
      Silent clips give 0 for both.
    """
    levels = envelope_db(clips, frames=clips.shape[1] // hop)
    loudest = np.argmax(levels, axis=1)
    peak = np.take_along_axis(levels, loudest[:, None], axis=1)
    sounding = (levels > peak - 20.0) & (peak > FLOOR_DB)
    first = np.argmax(sounding, axis=1)
    end = levels.shape[1] - np.argmax(sounding[:, ::-1], axis=1)
    seconds = hop / sample_rate * sounding.any(axis=1)
    return (loudest - first) * seconds, (end - loudest) * seconds


def crest_db(clips: np.ndarray) -> np.ndarray:
    """Peak over root mean square [n] of clips [n, t, c] in dB; 0 for silent clips."""
    peak = np.max(np.abs(clips), axis=(1, 2))
    rms = np.sqrt(np.mean(clips.astype(np.float64) ** 2, axis=(1, 2)))
    return 20.0 * np.log10(np.where(rms > 0, peak, 1.0) / np.where(rms > 0, rms, 1.0))


def measure(clips: np.ndarray, reference: np.ndarray, sample_rate: int) -> dict[str, float]:
    """All of `FIGURES` for clips [n, t, c] against reference clips [m, t, c] (real ones), by key."""
    envelopes, real_envelopes = envelope_db(clips), envelope_db(reference)
    shares, real_shares = spectrum_shares(clips, sample_rate), spectrum_shares(reference, sample_rate)
    spectra, real_spectra = _decibels(shares), _decibels(real_shares)
    attack, decay = attack_decay_seconds(clips, sample_rate)
    return {
        "envelope_db": match_db(envelopes, real_envelopes),
        "spectrum_db": match_db(spectra, real_spectra),
        "mean_spectrum_db": float(
            np.mean(np.abs(_decibels(shares.mean(axis=0)) - _decibels(real_shares.mean(axis=0))))
        ),
        "attack_ms": 1000.0 * float(np.median(attack)),
        "decay_ms": 1000.0 * float(np.median(decay)),
        "crest_db": float(np.median(crest_db(clips))),
        "variety_db": variety_db(np.concatenate([envelopes, spectra], axis=1)),
    }
