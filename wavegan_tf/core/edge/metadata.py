"""model.json of a TensorFlow Lite file: inside it and beside it, with what a page or an app has to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

NAME = "model.json"
# Of TensorFlow Lite files.
_IDENTIFIER = b"TFL3"
# What speaks of the SavedModel, or is in the graph.
_OF_SAVED_MODEL = ("signatures", "moments")


def describe(
    exported: Mapping[str, Any], weights: str, latent: str, inputs: Sequence[tf.TensorSpec], shape: Sequence[int]
) -> dict[str, Any]:
    """The metadata of a file.

    Args:
      exported: those of the SavedModel. Which of the generator's weights they name, "average" or "raw", becomes
        `generator`.
      weights: how numbers are stored.
      latent: how latents are distributed, "uniform" or "normal".
      inputs: of the file.
      shape: of its output, [1, t, c].
    """
    found = {name: value for name, value in exported.items() if name not in _OF_SAVED_MODEL}
    if "weights" in found:
        found["generator"] = found.pop("weights")
    taken = [{"name": spec.name, "dtype": spec.dtype.name, "shape": spec.shape.as_list()} for spec in inputs]
    given = [{"name": "audio", "dtype": "float32", "shape": list(shape)}]
    of_file = {"num_channels": shape[2], "samples": shape[1], "weights": weights, "latent": latent}
    return {**found, **of_file, "inputs": taken, "outputs": given}


def embed(model: bytes, text: str) -> bytes:
    """A TensorFlow Lite file with a text in it, by the name model.json."""
    whole = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    buffer = schema.BufferT()
    buffer.data = list(text.encode())
    entry = schema.MetadataT()
    entry.name, entry.buffer = NAME, len(whole.buffers)
    whole.buffers.append(buffer)
    whole.metadata = [*(whole.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + len(text) + 1024)
    builder.Finish(whole.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def embedded(model: bytes) -> str | None:
    """The text of model.json in a TensorFlow Lite file; None if there is none."""
    whole = schema.Model.GetRootAsModel(model, 0)
    for entry in map(whole.Metadata, range(whole.MetadataLength())):
        if entry.Name() == NAME.encode():
            return whole.Buffers(entry.Buffer()).DataAsNumpy().tobytes().decode()
    return None
