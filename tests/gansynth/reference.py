"""Reading what Magenta's GANSynth computed, and our networks with its variables."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.networks import ProgressiveDiscriminator, ProgressiveGenerator
from gansynth_tf.progressive import original_names
from gansynth_tf.schedule import ResolutionSchedule, num_filters
from tests.originals import GOLDENS
from wavegan_tf.core import tf1


def names(pattern: str) -> list[str]:
    """The files that match."""
    return sorted(path.name for path in (GOLDENS / "gansynth").glob(pattern))


def read(name: str) -> tuple[Any, dict[str, Any]]:
    """The arrays of a file and the settings they were made with."""
    golden = np.load(GOLDENS / "gansynth" / name)
    return golden, json.loads(str(golden["settings_json"]))


def resolutions_of(settings: dict[str, Any]) -> ResolutionSchedule:
    """Sizes of a setting's images."""
    start = (settings["start_height"], settings["start_width"])
    return ResolutionSchedule(start, settings["scale_base"], settings["num_resolutions"], settings["scale_mode"])


def build_networks(settings: dict[str, Any], num_blocks: int) -> tuple[ProgressiveGenerator, ProgressiveDiscriminator]:
    """Both networks of a setting with so many blocks."""
    sizes = resolutions_of(settings)
    shared = {
        "filters": [
            num_filters(block, settings["fmap_base"], settings["fmap_decay"], settings["fmap_max"])
            for block in range(num_blocks + 1)
        ],
        "start_shape": sizes.start_resolutions,
        "block_scale": sizes.block_scale,
        "kernel_size": settings["kernel_size"],
        "num_pitches": settings["num_tokens"],
        "simple_arch": settings["simple_arch"],
    }
    generator = ProgressiveGenerator(
        latent_dim=settings["latent_vector_size"], to_rgb_activation=settings["to_rgb_activation"], **shared
    )
    return generator, ProgressiveDiscriminator(**shared)


def variables_of(golden: Any, prefix: str = "var/") -> dict[str, np.ndarray]:
    """The variables that a file holds under a prefix, by name."""
    return {key.removeprefix(prefix): golden[key] for key in golden if key.startswith(prefix)}


def networks_of(golden: Any, settings: dict[str, Any], num_blocks: int, prefix: str = "var/"):
    """Both networks with the variables of a file."""
    networks = build_networks(settings, num_blocks)
    values = variables_of(golden, prefix)
    for network in networks:
        tf1.assign(original_names(network), values)
    return networks


def config_of(settings: dict[str, Any], **changes: Any) -> GANSynthConfig:
    """The options of a setting."""
    known = {field.name for field in dataclasses.fields(GANSynthConfig)}
    return GANSynthConfig(**{**{name: value for name, value in settings.items() if name in known}, **changes})


def in_groups(arrays: list[Any]) -> np.ndarray:
    """All elements of gradients or weights, one behind the other."""
    return np.concatenate([np.ravel(array) for array in arrays])
