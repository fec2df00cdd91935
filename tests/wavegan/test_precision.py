"""Mixed precision: other arithmetic, nearly the same losses, float32 weights."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.commands import few_drums
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import runtime, trainer
from wavegan_tf.train import make_gan


@pytest.fixture(scope="module")
def first_losses(tmp_path_factory):
    """The metrics of two steps in each precision."""
    drums = few_drums(tmp_path_factory.mktemp("drums") / "few", 4)
    found = {}
    for precision in ("none", "bfloat16", "float16"):
        train_dir = tmp_path_factory.mktemp(precision)
        config = WaveGANConfig(
            data_dir=str(drums), data_first_slice=True, wavegan_dim=2, wavegan_kernel_len=9, wavegan_latent_dim=8,
            train_batch_size=4, train_steps=2, train_summary_secs=0, preview_n=2, mixed_precision=precision,
        )  # fmt: skip
        trainer.train(config, str(train_dir), make_gan, runtime.start(config))
        found[precision] = [json.loads(line) for line in (train_dir / "stats.jsonl").read_text().splitlines()]
    return found


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_losses_are_near_those_of_float32(first_losses, precision, tolerance):
    for exact, rounded in zip(first_losses["none"], first_losses[precision], strict=True):
        for name in ("D_loss", "gradient_penalty", "x_rms"):
            np.testing.assert_allclose(rounded[name], exact[name], rtol=tolerance)
    assert first_losses["none"][0]["D_loss"] != first_losses[precision][0]["D_loss"]
