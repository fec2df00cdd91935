"""TensorFlow Lite files as the page takes them, made in a moment, and what they compute."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from wavegan_tf.core.edge.page import make_page

# By name, what differs from a mono WaveGAN of 16 kHz.
KINDS: dict[str, dict[str, Any]] = {
    "wavegan": {},
    "labelled": {
        "model": "specgan", "sample_rate": 22050, "num_channels": 2, "samples": 3000, "latent": "normal",
        "latent_dim": 5, "labels": ["kick", "snare", "hi-hat </script>"],
        "description": "Trained on <b>nothing</b> & less.", "licence": "MIT",
    },
}  # fmt: skip


def metadata_of(kind: str) -> dict[str, Any]:
    """The metadata of one of KINDS."""
    usual = {
        "model": "wavegan", "sample_rate": 16000, "latent_dim": 100, "num_channels": 1, "samples": 4096, "step": 1234,
        "version": "0.1.0", "weights": "float32", "latent": "uniform",
    }  # fmt: skip
    return {**usual, **KINDS[kind]}


def convert(metadata: dict[str, Any]) -> bytes:
    """A model whose sounds are noise that dies away, shaped by the latent and, where there are labels, by the label."""
    size, samples, channels = metadata["latent_dim"], metadata["samples"], metadata["num_channels"]
    random = np.random.default_rng(1)
    decay = np.exp(-np.arange(samples) / (0.1 * samples))[:, None]
    weights = (random.normal(size=[size, samples, channels]) * decay).reshape([size, -1]).astype(np.float32)
    levels = np.linspace(0.2, 1.0, max(1, len(metadata.get("labels", [])))).astype(np.float32)

    def sound(z: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        audio = tf.reshape(tf.tanh(tf.matmul(z, weights) / size**0.5), [1, samples, channels])
        return {"audio": audio if label is None else audio * tf.gather(levels, label)[:, None, None]}

    specs = [tf.TensorSpec([1, size], tf.float32, name="z")]
    if "labels" in metadata:
        specs.append(tf.TensorSpec([1], tf.int32, name="label"))
    return _converted(sound, specs, tf.Module())


def convert_wavegan(model_dir: str, weights: str = "float32") -> tuple[bytes, dict[str, Any]]:
    """An exported WaveGAN and its metadata, with the given type of weights."""
    loaded = tf.saved_model.load(model_dir)
    signature = loaded.signatures["serving_default"]
    metadata = json.loads(Path(model_dir, "assets.extra", "model.json").read_text())
    specs = [tf.TensorSpec([1, metadata["latent_dim"]], tf.float32, name="z")]
    model = _converted(lambda z: {"audio": signature(z=z)["G_z"]}, specs, loaded, weights)
    samples, channels = signature.structured_outputs["G_z"].shape[1:]
    return model, {**metadata, "latent": "uniform", "weights": weights, "samples": samples, "num_channels": channels}


def _converted(function: Callable, specs: list[tf.TensorSpec], owner: Any, weights: str = "float32") -> bytes:
    owner.converted = tf.function(function, input_signature=specs, autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([owner.converted.get_concrete_function()], owner)
    if weights == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def runner(model: bytes) -> Callable[..., np.ndarray]:
    """A function of inputs by name, as TensorFlow Lite's own interpreter computes it: float32 [samples, channels]."""
    signature = tf.lite.Interpreter(model_content=model).get_signature_runner("serving_default")
    return lambda **inputs: signature(**inputs)["audio"][0]


class Tiny:
    """Models and pages of KINDS, each made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._models: dict[str, bytes] = {}

    def model(self, kind: str) -> bytes:
        """The TensorFlow Lite file."""
        if kind not in self._models:
            self._models[kind] = convert(metadata_of(kind))
        return self._models[kind]

    def page(self, kind: str) -> Path:
        """The HTML file."""
        path = self.folder / f"{kind}.html"
        if not path.exists():
            path.write_text(make_page(self.model(kind), metadata_of(kind)), encoding="utf-8")
        return path
