"""Mixed precision: other arithmetic, nearly the same losses, float32 weights."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import specgan_tf.gan
import wavegan_tf.gan
from specgan_tf.config import SpecGANConfig
from tests.commands import few_drums, run, tiny
from tests.gansynth.small import arguments as stage_arguments
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.options import GanOptions

MODELS: dict[str, tuple[type[GanOptions], Any, int]] = {
    "wavegan": (WaveGANConfig, wavegan_tf.gan.prepare, 9),
    "specgan": (SpecGANConfig, specgan_tf.gan.prepare, 3),
}


@pytest.fixture(scope="module", params=["wavegan", "specgan"])
def first_losses(request, tmp_path_factory):
    """The metrics of two steps in each precision."""
    model = request.param
    config_class, prepare, kernel_len = MODELS[model]
    own: dict[str, Any] = {f"{model}_dim": 2, f"{model}_kernel_len": kernel_len, f"{model}_latent_dim": 8}
    drums = few_drums(tmp_path_factory.mktemp("drums") / "few", 4)
    found = {}
    for precision in ("none", "bfloat16", "float16"):
        train_dir = tmp_path_factory.mktemp(precision)
        config = config_class(
            data_dir=str(drums), data_first_slice=True, train_batch_size=4, train_steps=2, train_summary_secs=0,
            preview_n=2, mixed_precision=precision, **own,
        )  # fmt: skip
        trainer.train(config, str(train_dir), prepare)
        found[precision] = [json.loads(line) for line in (train_dir / "stats.jsonl").read_text().splitlines()]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_losses_are_near_those_of_float32(first_losses, precision, tolerance):
    for exact, rounded in zip(first_losses["none"], first_losses[precision], strict=True):
        for name in ("D_loss", "gradient_penalty", "x_rms"):
            np.testing.assert_allclose(rounded[name], exact[name], rtol=tolerance)
    assert first_losses["none"][0]["D_loss"] != first_losses[precision][0]["D_loss"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("wavegan_tf.train", ["--train_dir={folder}/run", "--data_dir={folder}/drums", *tiny("wavegan")]),
        ("gansynth_tf.train", stage_arguments("{folder}/run", stable_stage_num_images=8)),
    ],
)
def test_a_run_goes_on_in_every_precision(module, arguments, tmp_path):
    few_drums(tmp_path / "drums")
    given = [text.replace("{folder}", str(tmp_path)) for text in arguments]
    for end, precision in enumerate(("none", "float16", "bfloat16", "float16", "none"), start=1):
        limit = f"--train_steps={end}" if module.startswith("wavegan") else f"--total_num_images={2 * end}"
        run(module, *given, limit, f"--mixed_precision={precision}")
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert steps == ([1, 2, 3, 4, 5] if module.startswith("wavegan") else [2, 4, 6, 8, 10])
