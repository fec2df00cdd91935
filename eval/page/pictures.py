"""Pictures of a clip, and the numbers that clips are sorted by.

A clip is float32 [t, c] in full-scale units; a picture is uint8 [height, width, 3], a waveform the path of an SVG.
"""

from __future__ import annotations

import math

import numpy as np

# A polynomial of degree 6 fitted to matplotlib's "inferno", lowest power first, red green blue.
# Source: Matt Zucker, https://www.shadertoy.com/view/WlfXRN, public domain (CC0).
_INFERNO = np.array([
    [0.0002189403691192265, 0.001651004631001012, -0.01948089843709184],
    [0.1065134194856116, 0.5639564367884091, 3.932712388889277],
    [11.60249308247187, -3.972853965665698, -15.9423941062914],
    [-41.70399613139459, 17.43639888205313, 44.35414519872813],
    [77.162935699427, -33.40235894210092, -81.80730925738993],
    [-71.31942824499214, 32.62606426397723, 73.20951985803202],
    [25.13112622477341, -12.24266895238567, -23.07032500287172],
])  # fmt: skip
RANGE_DB = 80.0
_MAX_COLUMNS = 1024


def colours(levels: np.ndarray) -> np.ndarray:
    """Levels in [0, 1], of any shape, as uint8 red, green and blue on a last axis (the "inferno" map)."""
    powers = np.clip(levels, 0.0, 1.0)[..., None] ** np.arange(len(_INFERNO))
    return np.rint(255.0 * np.clip(powers @ _INFERNO, 0.0, 1.0)).astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    """A picture uint8 [height, width, 3] as the bytes of a PNG."""
    import tensorflow as tf

    return bytes(tf.io.encode_png(picture, compression=9).numpy())


def _power_of_two(samples: float) -> int:
    """The nearest power of two, at least 64."""
    return max(64, 2 ** round(math.log2(max(samples, 1.0))))


def spectrogram(clip: np.ndarray, sample_rate: int, bands: int = 96) -> np.ndarray:
    """Picture of a clip, channels averaged: time rightwards, mel frequency upwards; uint8 [bands, frames, 3].

    Frames are about 64 ms long, but of 256 samples at the least, as many bands need, and an eighth of that apart, or
    further in a clip of more than 1024 of them. Silence makes shorter clips as long as a frame. The colours span 80 dB
    below a full-scale sine, the same for every clip, so that pictures can be compared.
    """
    import librosa

    n_fft = max(256, _power_of_two(0.064 * sample_rate))
    hop = max(n_fft // 8, math.ceil(len(clip) / _MAX_COLUMNS))
    wave = np.pad(clip.mean(axis=1), (0, max(0, n_fft - len(clip))))
    spectrum = librosa.stft(wave, n_fft=n_fft, hop_length=hop, pad_mode="constant")
    full_scale = n_fft / 4  # magnitude of a sine of amplitude 1 under a Hann window, whose sum is n_fft / 2
    power = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=bands, norm=None) @ (
        np.abs(spectrum / full_scale) ** 2
    )
    decibels = 10.0 * np.log10(np.maximum(power, 1e-20))
    return colours(1.0 + decibels[::-1] / RANGE_DB)


def rainbowgram(clip: np.ndarray, sample_rate: int) -> np.ndarray:
    """Picture of a clip's rainbowgram, channels averaged, by frames of about 64 ms, a quarter of a frame apart.

    Returns:
      uint8 [height, width, 3].
    """
    from gansynth_tf.rainbowgram import wave_rainbowgrams

    bins = _power_of_two(sample_rate / 32)
    wave = np.pad(clip.mean(axis=1), (0, max(0, 2 * bins - len(clip))))
    picture = wave_rainbowgrams(wave[None, :, None], sample_rate, bins)[0]
    return picture[:, :: math.ceil(picture.shape[1] / _MAX_COLUMNS)]


def waveform_path(clip: np.ndarray, columns: int = 160) -> str:
    """Outline of a waveform as the `d` of an SVG path: x from 0 to `columns`, y from 0 (+1) to 100 (-1).

    Each column is from the least to the greatest sample of all channels in it, and at least a hairline high.
    """
    edges = np.linspace(0, len(clip), min(columns, len(clip)) + 1).astype(int)[:-1]
    high = np.maximum.reduceat(clip.max(axis=1), edges)
    low = np.minimum.reduceat(clip.min(axis=1), edges)
    x = np.linspace(0, columns, len(edges) + 1)
    y = 50.0 - 50.0 * np.clip([high, low], -1.0, 1.0) + [[-1.0], [1.0]]
    across = [f"{position:g} {level:.0f}" for position, level in zip(x[:-1], y[0], strict=True)]
    back = [f"{position:g} {level:.0f}" for position, level in zip(x[1:][::-1], y[1][::-1], strict=True)]
    return "M" + "L".join(across + back) + "Z"


def level_db(clip: np.ndarray) -> float | None:
    """Root mean square of a clip in dB, full scale being 0; None for silence."""
    mean_square = float(np.mean(np.square(clip, dtype=np.float64)))
    return 10.0 * math.log10(mean_square) if mean_square > 0 else None


def centroid_hz(clip: np.ndarray, sample_rate: int) -> float | None:
    """Mean frequency in Hz of a clip, weighted by power, channels added; None where there is no power."""
    power = np.sum(np.abs(np.fft.rfft(clip.astype(np.float64), axis=0)) ** 2, axis=1)
    total = float(power.sum())
    return float(power @ np.fft.rfftfreq(len(clip), 1.0 / sample_rate)) / total if total > 0 else None
