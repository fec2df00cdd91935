"""XLA compiles an iteration once, whatever is drawn, and what it compiles trains as the plain graph does."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests import compilations

# Wide enough that no gradient is rounding noise, which Adam would turn into steps of full size.
GANSYNTH = {"model": "gansynth", "fmap_max": 16, "fmap_base": 64}
FADE_IN = {**GANSYNTH, "stage_id": 3, "progress": [1.0, 1.3, 1.4, 1.9, 1.99, 2.0]}
STABLE = {**GANSYNTH, "stage_id": 4, "progress": [2.0]}
PRECISIONS = ("none", "bfloat16", "float16")
LOSSES = ("dcgan", "lsgan", "wgan", "wgan-gp")


def gan(
    model: str, loss: str = "wgan-gp", radius: int = 2, per_example: bool = False, **options: Any
) -> dict[str, Any]:
    own: dict[str, Any] = {"loss": loss, "disc_phaseshuffle": radius, "disc_phaseshuffle_per_example": per_example}
    return {"model": model, **{f"{model}_{name}": value for name, value in own.items()}, **options}


QUICK = [gan("wavegan"), FADE_IN]
SLOW = [
    *(gan(model, loss, 1) for model in ("wavegan", "specgan") for loss in LOSSES),
    *(gan(model, radius=0) for model in ("wavegan", "specgan")),
    *(
        gan(model, per_example=per_example, mixed_precision=precision)
        for model, per_example, precision in itertools.product(("wavegan", "specgan"), (False, True), PRECISIONS)
    ),
    gan("wavegan", wavegan_batchnorm=True),
    gan("wavegan", wavegan_genr_upsample="nn", wavegan_genr_pp=True),
    gan("wavegan", per_example=True, distribution="mirrored"),
    gan("specgan", distribution="mirrored"),
    *({**stage, "mixed_precision": precision} for stage in (FADE_IN, STABLE) for precision in PRECISIONS),
    {**STABLE, "gen_gl_consistency_loss_weight": 1.0},
    {**FADE_IN, "simple_arch": True},
]


def check(cases: list[dict[str, Any]]) -> None:
    for case, found in zip(cases, compilations.count(*cases, seconds=3600), strict=True):
        replicas = 2 if case.get("distribution") == "mirrored" else 1
        # The whole iteration, or a critic's and a generator's update for each device.
        assert found["compiled"] == (1 if replicas == 1 else 2 * replicas), case
        assert len(found["with_xla"]) == compilations.STEPS
        exact = case.get("mixed_precision", "none") == "none"
        for number, (step, expected) in enumerate(zip(found["with_xla"], found["without"], strict=True)):
            # Of the same weights at first; Adam spreads the rounding of gradients, by how much depends on the CPU.
            limit = 1e-5 if number == 0 else 1e-4
            for name, value in expected.items():
                assert np.isfinite(step[name]), (case, name)
                if exact:
                    assert abs(step[name] - value) <= limit * max(1.0, abs(value)), (case, name, number)
        if exact:
            # Adam makes a full step even of a gradient that is rounding noise; that befalls few weights, at most 5 %.
            assert found["share"] < 0.1, case


def test_an_iteration_is_compiled_once():
    check(QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_an_iteration_is_compiled_once_with_every_option(half):
    check(SLOW[half::2])
