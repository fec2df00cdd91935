"""The learning rate of WaveGAN and SpecGAN, which the options set and let fall, for both networks alike."""

from __future__ import annotations

import numpy as np
import pytest

import wavegan_tf as wavegan
from tests.commands import checkpoint_values, few_drums
from tests.steps import gan_parts, weights_of
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.nn.optimizers import LossScaling

RATE, STEPS, DECAY_STEPS = 2.0**-10, 4, 2
# Exact in float32, so that both ways come to the same bits.
RATES = [RATE, RATE, RATE, RATE / 2]


def base(optimizer):
    return optimizer.inner_optimizer if isinstance(optimizer, LossScaling) else optimizer


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("wavegan", {"wavegan_disc_nupdates": 2}),
        ("specgan", {"specgan_loss": "wgan", "specgan_disc_nupdates": 2}),
        pytest.param("wavegan", {"distribution": "mirrored"}, marks=pytest.mark.slow),
        pytest.param("wavegan", {"mixed_precision": "float16"}, marks=pytest.mark.slow),
        pytest.param("wavegan", {"jit_compile": True}, marks=pytest.mark.slow),
    ],
)
def test_each_step_has_its_own_rate(model, options, tmp_path):
    """Several steps in one call, as training makes them, against a rate that is set before each step."""
    decay = {"train_steps": STEPS, "train_learning_rate_decay_steps": DECAY_STEPS}
    parts = gan_parts(model, tmp_path, **options, train_learning_rate=RATE, **decay)
    parts.iterations()(STEPS).result()
    plain = gan_parts(model, tmp_path, **options)
    one_step = plain.iterations()
    for rate in RATES:
        for optimizer in (plain.trainables.g_optimizer, plain.trainables.d_optimizer):
            base(optimizer).learning_rate.assign(rate)
        one_step(1).result()
    assert int(base(parts.trainables.g_optimizer).iterations.numpy()) == STEPS
    expected = weights_of(plain.networks)
    for name, found in weights_of(parts.networks).items():
        np.testing.assert_array_equal(found, expected[name], err_msg=name)


def test_the_last_step_is_a_small_one(tmp_path):
    """The rate of the last of n falling steps is an nth, and nothing moves beyond the end."""
    options = {"train_learning_rate": RATE, "train_steps": 2, "train_learning_rate_decay_steps": 1000}
    parts = gan_parts("wavegan", tmp_path, **options)
    iterations = parts.iterations()
    before = weights_of(parts.networks)
    iterations(2).result()
    after = weights_of(parts.networks)
    moved = max(np.abs(after[name] - before[name]).max() for name in before)
    assert 0 < moved < RATE * 2 * 3 / 1000
    iterations(1).result()
    for name, value in weights_of(parts.networks).items():
        np.testing.assert_array_equal(value, after[name], err_msg=name)


@pytest.mark.slow
def test_a_run_in_parts_falls_as_one_that_never_stopped(tmp_path):
    drums = str(few_drums(tmp_path / "drums", 4))

    def trained(run, **options):
        config = WaveGANConfig(
            data_dir=drums, data_first_slice=True, wavegan_dim=1, wavegan_kernel_len=9, wavegan_latent_dim=4,
            wavegan_disc_nupdates=2, train_batch_size=2, preview_n=1, train_learning_rate=1e-3, **options,
        )  # fmt: skip
        wavegan.train(config, tmp_path / run)
        return checkpoint_values(tmp_path / run / f"model.ckpt-{config.train_steps}")

    falling = {"train_steps": 4, "train_learning_rate_decay_steps": 2}
    whole, constant = trained("whole", **falling), trained("constant", train_steps=4)
    trained("parts", train_steps=2)
    parts = trained("parts", **falling)
    trained_ones = [name for name in whole if name.startswith(("generator", "discriminator", "g_opt", "d_opt"))]
    assert any((whole[name] != constant[name]).any() for name in trained_ones)
    for name in trained_ones:
        np.testing.assert_array_equal(parts[name], whole[name], err_msg=name)
