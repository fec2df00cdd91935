"""Small exports of all three models, and a JAX that compiles them fast."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jax
import pytest

from tests.device.export import export
from tests.device.subjects import Subject, make_config, make_subject

SMALL: dict[str, dict[str, Any]] = {
    "wavegan": {"wavegan_kernel_len": 9, "wavegan_latent_dim": 8},
    "specgan": {"specgan_kernel_len": 3, "specgan_latent_dim": 8, "specgan_loss": "wgan"},
    "gansynth": {"num_resolutions": 2, "latent_vector_size": 8, "audio_length": 112},
}
STAGE = 1


@pytest.fixture(autouse=True)
def quick_compiler(request):
    """Compiles without optimisation, which takes a fifth of the time; slow tests compile as the command does."""
    jax.config.update("jax_disable_most_optimizations", request.node.get_closest_marker("slow") is None)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A function of a model and further options -> the model, and the folder that it is exported to."""

    @functools.cache
    def make(model: str, precision: str = "float32", stage: int = STAGE, **options: Any) -> tuple[Subject, Path]:
        folder = tmp_path_factory.mktemp(model)
        config = make_config(model, 2, 4, precision, {**SMALL[model], **options})
        subject = make_subject(config, stage, str(tmp_path_factory.mktemp("run")))
        export(subject, model, options, precision, folder)
        return subject, folder

    return make
