"""Reading the files of a run as TensorBoard does, which shows a tag as what it was first written as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def shown(directory: Path) -> dict[str, dict[str, dict[int, Any]]]:
    """Kind ("scalars", "histograms", "images" or "audio") -> tag -> step -> what is shown.

    There are lists of pictures, uint8 [height, width, channels], and of sounds, pairs of samples [t, c] and their rate.
    """
    events = EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()
    decoders: dict[str, Callable[[np.ndarray], Any]] = {
        "scalars": float, "histograms": np.asarray, "images": _pictures, "audio": _sounds,
    }  # fmt: skip
    found: dict[str, dict[str, dict[int, Any]]] = {kind: {} for kind in decoders}
    for tag in events.Tags()["tensors"]:
        kind = events.SummaryMetadata(tag).plugin_data.plugin_name
        values = [(event.step, tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
        found[kind][tag] = {step: decoders[kind](value) for step, value in values}
    return found


def _pictures(values: np.ndarray) -> list[np.ndarray]:
    width, height, *encoded = values
    pictures = [tf.io.decode_png(png).numpy() for png in encoded]
    assert all(picture.shape[:2] == (int(height), int(width)) for picture in pictures)
    return pictures


def _sounds(values: np.ndarray) -> list[tuple[np.ndarray, int]]:
    decoded = [tf.audio.decode_wav(encoded) for encoded, _ in values]
    return [(samples.numpy(), int(rate)) for samples, rate in decoded]
