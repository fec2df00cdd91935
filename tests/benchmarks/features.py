"""SpecGAN's features and their inversion, beside librosa on the same settings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import librosa
import numpy as np
import tensorflow as tf

from specgan_tf import features, moments
from tests.benchmarks.measure import Row, Timing, timed, wait_for
from wavegan_tf.core.audio import decode, spectral
from wavegan_tf.core.audio.options import INVERSIONS

CLIPS = 64


def real_clips(folder: Path) -> np.ndarray:
    """The first 64 sounds of a folder, peak-normalised and padded: [64, 16384, 1]."""
    clips = []
    for path in sorted(folder.glob("*.flac"))[:CLIPS]:
        clip = decode.decode(str(path), 16000, num_channels=1, normalize=True)[:16384]
        clips.append(np.pad(clip, [(0, 16384 - len(clip)), (0, 0)]))
    return np.stack(clips)


def _both(ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> tuple[Timing, Timing]:
    return timed(ours, runs, CLIPS), timed(theirs, max(runs // 2, 1), CLIPS)


def bench_features(folder: Path, runs: int) -> Iterator[Row]:
    """Extraction, and each inversion with the spectral convergence that it reaches."""
    x = real_clips(folder)
    stored = moments.of_batches([tf.constant(x)])
    clips = tf.constant(x)

    def librosa_forward() -> None:
        for clip in x[:, :, 0]:
            spectra = librosa.stft(np.pad(clip, (0, 128)), n_fft=256, hop_length=128, center=False)[:-1].T
            standardised = (np.log(np.abs(spectra) + 1e-6) - stored.mean[:-1]) / np.maximum(stored.std[:-1], 1e-5)
            np.clip(standardised / 3.0, -1.0, 1.0)

    forward = tf.function(lambda x: features.waveforms_to_spectrograms(x, stored))
    timings = _both(lambda: forward(clips).numpy(), librosa_forward, runs)
    yield Row(f"{CLIPS} clips to spectrograms", *timings, unit="clips", note="twin: librosa, one by one")

    magnitudes = features.spectrograms_to_magnitudes(forward(clips), stored)

    def librosa_inverse(momentum: float) -> list[np.ndarray]:
        return [
            librosa.griffinlim(m.T, n_iter=16, hop_length=128, n_fft=256, center=False, init=None, momentum=momentum)
            for m in magnitudes.numpy()
        ]

    for method in INVERSIONS:
        inverse = tf.function(lambda m, method=method: spectral.griffin_lim(m, 256, 128, 16, method))
        momentum = spectral.FAST_MOMENTUM if method == "fast" else 0.0
        timings = _both(
            functools.partial(wait_for, inverse, magnitudes), functools.partial(librosa_inverse, momentum), runs
        )
        reached = [
            20 * np.log10(np.mean(spectral.spectral_convergence(magnitudes, found, 256, 128)))
            for found in (inverse(magnitudes), np.stack(librosa_inverse(momentum)))
        ]
        note = f"convergence {reached[0]:.1f} dB, twin {reached[1]:.1f} dB"
        yield Row(f"Griffin-Lim 16, {method}", *timings, unit="clips", note=note)
