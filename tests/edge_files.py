"""Running TensorFlow Lite files with LiteRT's own package, and comparing them with the SavedModels that they are of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ai_edge_litert.interpreter
import numpy as np

import wavegan_tf
from tests.served import log_spectral_distance
from wavegan_tf.core.edge import flatbuffer
from wavegan_tf.core.serving.model import GeneratorModel

# Code of operations that TensorFlow Lite does not have built in.
_CUSTOM = 32


def runner(file: bytes, interpreter: Any = ai_edge_litert.interpreter.Interpreter) -> Callable[..., np.ndarray]:
    """The signature of a file: its inputs by name -> audio."""
    run = interpreter(model_content=file).get_signature_runner("serving_default")
    return lambda **inputs: run(**inputs)["audio"]


class Difference(NamedTuple):
    """How far what a file makes is from what its SavedModel makes.

    Attributes:
      largest: difference of two samples.
      relative: RMS of the differences of a clip over that of the clip, of the clip where it is largest.
      spectral: log-spectral distance in dB.
    """

    largest: float
    relative: float
    spectral: float


def difference(model_dir: str, path: Path, count: int = 2) -> Difference:
    """Compares `count` clips, of pitches from the lowest to the highest."""
    model = wavegan_tf.load_model(model_dir)
    rows = inputs_of(model, count)
    expected = np.stack(list(model.stream(rows, 1)))
    file = path.read_bytes()
    assert _CUSTOM not in {code.builtinCode for code in flatbuffer.parse(file).operatorCodes}
    run = runner(file)
    made = np.concatenate([run(**{n: v[i : i + 1] for n, v in rows.items()}) for i in range(count)])
    assert made.shape == expected.shape and np.isfinite(made).all() and np.std(expected) > 1e-3
    errors, levels = (np.sqrt(np.mean(np.square(x, dtype=float), axis=(1, 2))) for x in (made - expected, expected))
    first, second = (clips.transpose(0, 2, 1).reshape(-1, clips.shape[1]) for clips in (expected, made))
    return Difference(
        float(np.abs(made - expected).max()), float((errors / levels).max()), log_spectral_distance(first, second)
    )


def inputs_of(model: GeneratorModel, count: int) -> dict[str, np.ndarray]:
    """Latents, and for a model with pitches or labels these too."""
    rows = {"z": model.latents(count, seed=5)}
    if model.pitches is not None:
        rows["pitch"] = np.linspace(model.pitches[0], model.pitches[-1], count).astype(np.int32)
    if model.labels is not None:
        rows["label"] = np.arange(count, dtype=np.int32) % len(model.labels)
    return rows
