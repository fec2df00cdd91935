"""An exported WaveGAN in operations of TensorFlow Lite: waveforms are what its network gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wavegan_tf.core.edge import saving
from wavegan_tf.core.edge.conversion import Portable


def make_portable(signatures: Any, metadata: Mapping[str, Any]) -> Portable:
    """The clip of an exported model, given its signatures and its metadata."""
    return Portable(signatures["serving_default"], "G_z", latent="uniform")


def save(*args: Any) -> dict[str, Any]:
    """See `saving.save`, of which this is the rest after `make_portable`."""
    return saving.save(make_portable, *args)
