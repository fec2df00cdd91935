"""Reading what the original code computed: the files of tests/goldens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from wavegan_tf.core import tf1
from wavegan_tf.import_tf1 import tf1_variables
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

WAVEGAN = Path(__file__).parent / "goldens" / "wavegan"


def read(name: str) -> tuple[Any, dict[str, Any]]:
    """The arrays of a WaveGAN file and the settings they were made with."""
    golden = np.load(WAVEGAN / name)
    return golden, json.loads(str(golden["config"]))


def variables_of(golden) -> dict[str, np.ndarray]:
    """The original's variables before the computation, by name."""
    return {key.removeprefix("var/"): golden[key] for key in golden if key.startswith("var/")}


def assert_near(actual, expected, tolerance: float = 1e-5, scale: float | None = None) -> None:
    """Checks the largest difference relative to the largest expected element (or to `scale`)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    scale = float(np.max(np.abs(expected))) if scale is None else scale
    difference = float(np.max(np.abs(actual - expected)))
    assert difference <= tolerance * scale, f"off by {difference:.3g}, scale {scale:.3g}"


def networks_of(golden, phaseshuffle_rad: int = 0) -> tuple[WaveGANGenerator, WaveGANDiscriminator]:
    """Both networks of a losses or trajectory file, with the original's variables; sizes are read off these."""
    values = variables_of(golden)
    kernel_len, nch, dim = values["D/downconv_0/conv1d/kernel"].shape
    sizes: dict[str, Any] = {"kernel_len": kernel_len, "nch": nch, "dim": dim}
    use_batchnorm = any("batch_normalization" in name for name in values)
    latent_dim = values["G/z_project/dense/kernel"].shape[0]
    generator = WaveGANGenerator(latent_dim=latent_dim, use_batchnorm=use_batchnorm, **sizes)
    discriminator = WaveGANDiscriminator(
        use_batchnorm=use_batchnorm, phaseshuffle_rad=phaseshuffle_rad, **sizes
    )
    tf1.assign({**tf1_variables(generator), **tf1_variables(discriminator)}, values)
    return generator, discriminator
