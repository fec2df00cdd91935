"""Models that play steady tones in place of a GANSynth, and their pages."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tests.core.edge import tiny_models
from wavegan_tf.core.edge.page import make_page

DIM, LOW, HIGH, RATE, SECONDS = 4, 48, 72, 16000, 4
_HARMONICS = 3


def metadata(
    rate: int = RATE, samples: int = RATE * SECONDS, low: int = LOW, high: int = HIGH, channels: int = 1
) -> dict[str, Any]:
    """The model.json of such a model."""
    return {
        "model": "gansynth", "sample_rate": rate, "latent_dim": DIM, "latent": "normal", "num_channels": channels,
        "samples": samples, "audio_length": samples, "min_pitch": low, "max_pitch": high, "weights": "float32",
    }  # fmt: skip


@functools.cache
def model(rate: int = RATE, samples: int = RATE * SECONDS, channels: int = 1) -> bytes:
    """A TensorFlow Lite file; the first latents say how strong the harmonics are, of which each channel has fewer."""
    time = np.arange(samples, dtype=np.float32) / rate
    # Not computed, as the last bit of a frequency is much in the phase of the end.
    table = (440.0 * 2.0 ** ((np.arange(128) - 69.0) / 12)).astype(np.float32)

    def play(z: tf.Tensor, pitch: tf.Tensor) -> dict[str, tf.Tensor]:
        turns = tf.gather(table, pitch) * time
        turns -= tf.floor(turns)
        strengths = [0.2 + 0.1 * tf.tanh(z[0, harmonic]) for harmonic in range(_HARMONICS)]
        parts = [x * tf.sin(2 * np.pi * (harmonic + 1) * turns) for harmonic, x in enumerate(strengths)]
        return {"audio": tf.stack([tf.add_n(parts[: _HARMONICS - c]) for c in range(channels)], axis=-1)[None]}

    specs = [tf.TensorSpec([1, DIM], tf.float32, "z"), tf.TensorSpec([1], tf.int32, "pitch")]
    module = tf.Module()
    module.serve = tf.function(play, input_signature=specs, autograph=False)
    return tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module).convert()


def note(file: bytes, z: np.ndarray, pitch: int) -> np.ndarray:
    """The waveform of a note, float32 [samples], or [samples, channels] of several."""
    made = _runner(file)(z=np.asarray(z, np.float32)[None], pitch=np.array([pitch], np.int32))
    return made[:, 0] if made.shape[1] == 1 else made


@functools.cache
def _runner(file: bytes) -> Any:
    return tiny_models.runner(file)


def save(path: Path, file: bytes, described: dict[str, Any]) -> Path:
    """Writes the page of a model."""
    path.write_text(make_page(file, described), encoding="utf-8")
    return path
