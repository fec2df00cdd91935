"""Reading what the original code computed: the files of tests/goldens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from wavegan_tf.core import tf1
from wavegan_tf.core.dcgan.networks import LatentGenerator, LogitDiscriminator
from wavegan_tf.core.dcgan.tf1 import original_variables
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

GOLDENS = Path(__file__).parent / "goldens"
WAVEGAN, SPECGAN, EVAL = GOLDENS / "wavegan", GOLDENS / "specgan", GOLDENS / "eval"
GENERATORS: dict[str, Any] = {"wavegan": WaveGANGenerator, "specgan": SpecGANGenerator}
DISCRIMINATORS: dict[str, Any] = {"wavegan": WaveGANDiscriminator, "specgan": SpecGANDiscriminator}


def names(pattern: str) -> list[str]:
    """The files of WaveGAN and SpecGAN that match, as model/file."""
    return sorted(str(path.relative_to(GOLDENS)) for model in GENERATORS for path in (GOLDENS / model).glob(pattern))


def model_of(name: str) -> str:
    """The model of such a name."""
    return name.split("/")[0]


def read(name: str) -> tuple[Any, dict[str, Any]]:
    """The arrays of a file, model/file, and the settings they were made with."""
    golden = np.load(GOLDENS / name)
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


def load_generator(name: str) -> tuple[Any, LatentGenerator, bool]:
    """A generator file, its network with the original's variables, and whether it was run in training."""
    golden, config = read(name)
    training = config.pop("train")
    network = GENERATORS[model_of(name)](**config)
    tf1.assign(original_variables(network), variables_of(golden))
    return golden, network, training


def load_discriminator(name: str) -> tuple[Any, LogitDiscriminator]:
    """A discriminator file and its network with the original's variables."""
    golden, config = read(name)
    network = DISCRIMINATORS[model_of(name)](**config)
    tf1.assign(original_variables(network), variables_of(golden))
    return golden, network


def networks_of(name: str, phaseshuffle_rad: int = 0) -> tuple[LatentGenerator, LogitDiscriminator]:
    """Both networks of a losses or trajectory file, with the original's variables; sizes are read off these."""
    values = variables_of(read(name)[0])
    model = model_of(name)
    kernel = values[f"D/downconv_0/{'conv1d' if model == 'wavegan' else 'conv2d'}/kernel"]
    sizes: dict[str, Any] = {"kernel_len": kernel.shape[0], "dim": kernel.shape[-1]}
    if model == "wavegan":
        sizes["nch"] = kernel.shape[-2]
    use_batchnorm = any("batch_normalization" in variable for variable in values)
    latent_dim = values["G/z_project/dense/kernel"].shape[0]
    generator = GENERATORS[model](latent_dim=latent_dim, use_batchnorm=use_batchnorm, **sizes)
    discriminator = DISCRIMINATORS[model](use_batchnorm=use_batchnorm, phaseshuffle_rad=phaseshuffle_rad, **sizes)
    tf1.assign({**original_variables(generator), **original_variables(discriminator)}, values)
    return generator, discriminator
