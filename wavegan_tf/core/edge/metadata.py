"""model.json of a TensorFlow Lite file: inside it and beside it, with what a page or an app has to know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from wavegan_tf.core.edge.conversion import OUTPUT

# What speaks of the SavedModel, or is in the graph.
_OF_SAVED_MODEL = ("signatures", "moments", "gains_db", "normalize", "fade_out_ms")


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
    given = [{"name": OUTPUT, "dtype": "float32", "shape": list(shape)}]
    of_file = {"num_channels": shape[2], "samples": shape[1], "weights": weights, "latent": latent}
    return {**found, **of_file, "inputs": taken, "outputs": given}


def as_text(described: Mapping[str, Any]) -> str:
    """JSON of the metadata; raises ValueError for what JSON has no number for, such as NaN."""
    return f"{json.dumps(described, indent=2, allow_nan=False)}\n"
