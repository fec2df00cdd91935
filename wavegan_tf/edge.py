"""An exported WaveGAN in operations of TensorFlow Lite: waveforms are what its network gives."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from wavegan_tf.core.edge import saving
from wavegan_tf.core.edge.conversion import Portable


def make_portable(signatures: Any, metadata: Mapping[str, Any]) -> Portable:
    """The clip of an exported model, given its signatures and its metadata."""
    return Portable(signatures["serving_default"], "G_z", latent="uniform")


# `GeneratorModel.export_edge` calls it by this name.
save = functools.partial(saving.save, make_portable)
