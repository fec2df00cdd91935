"""A run that goes on takes up its clips and draws where it left them, whatever options have changed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.commands import few_drums
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.audio import clips
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.updates import Updates
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training import checkpoints, runtime
from wavegan_tf.gan import make_gan, prepare


@pytest.fixture
def taken(tmp_path, monkeypatch):
    """Notes where each stream of clips begins, and the numbers of the critic's updates at which its draws begin."""
    found: dict[str, list[int]] = {"streams": [], "updates": []}
    clip_batches, elements = clips.clip_batches, Updates.elements

    def noted_batches(*args, start_example, **kwargs):
        found["streams"].append(start_example)
        return clip_batches(*args, start_example=start_example, **kwargs)

    def noted_elements(self, batches, step, critic_update):
        found["updates"].append(critic_update)
        return elements(self, batches, step, critic_update)

    monkeypatch.setattr(clips, "clip_batches", noted_batches)
    monkeypatch.setattr(Updates, "elements", noted_elements)
    return found


def trained(tmp_path, steps, **changes):
    drums = tmp_path / "drums"
    options: dict[str, Any] = {
        "data_dir": str(drums if drums.exists() else few_drums(drums, 4)), "data_first_slice": True, "wavegan_dim": 1,
        "wavegan_kernel_len": 9, "wavegan_latent_dim": 4, "wavegan_loss": "wgan", "preview_n": 1, "train_steps": steps,
    }  # fmt: skip
    config = WaveGANConfig(**{**options, **changes})
    trainer.train(config, str(tmp_path / "run"), prepare)
    return config


@pytest.mark.slow
def test_clips_and_draws_are_counted_not_computed_from_the_options(tmp_path, taken):
    trained(tmp_path, 2, wavegan_disc_nupdates=3, train_batch_size=4)
    trained(tmp_path, 4, wavegan_disc_nupdates=1, train_batch_size=4)
    trained(tmp_path, 5, wavegan_disc_nupdates=2, train_batch_size=2)
    assert taken["streams"] == [0, 24, 32]
    assert taken["updates"] == [0, 6, 8]


def test_a_start_that_fails_stores_no_options(tmp_path):
    cannot_be_used: list[dict[str, Any]] = [
        {"data_dir": str(tmp_path / "typo")},
        {"data_fast_wav": True},  # the files are flac
        {"data_first_slice": False, "data_slice_len": 65536},  # longer than any file
        {"train_batch_size": 0},
        {"data_cache_mb": 0, "data_cache_dir": str(tmp_path / "drums" / "cymbal_sonicpi_001.flac")},
    ]
    stored = tmp_path / "run" / "config.json"
    for changes in cannot_be_used:
        with pytest.raises(UserError):
            trained(tmp_path, 1, **{"train_batch_size": 4, "wavegan_disc_nupdates": 1, **changes})
        assert not stored.exists(), changes
    trained(tmp_path, 1, train_batch_size=4, wavegan_disc_nupdates=1)
    before = stored.read_text()
    for changes in [*cannot_be_used, {"wavegan_dim": 2}]:  # the last is caught by the checkpoint alone here
        with pytest.raises(UserError):
            trained(tmp_path, 2, **{"train_batch_size": 4, "wavegan_disc_nupdates": 1, **changes})
        assert stored.read_text() == before, changes


def test_a_checkpoint_that_does_not_count_goes_on_as_if_no_option_had_changed(tmp_path, taken):
    config = trained(tmp_path, 2, wavegan_disc_nupdates=3, train_batch_size=4)
    gan = make_gan(config, runtime.start(config).policy)
    parts = trainer.Trainables(gan, str(tmp_path / "run"), config.seed)
    parts.restore(config)
    items = {"generator": gan.generator, "discriminator": gan.discriminator}
    optimizers = {"g_optimizer": parts.g_optimizer, "d_optimizer": parts.d_optimizer}
    checkpoints.Checkpoints(str(tmp_path / "run"), config.seed, **items, **optimizers).save(5)  # as before counting
    assert parts.restore(config) == 5
    assert (int(parts.critic_updates), int(parts.clips)) == (15, 60)
    assert parts.restore(dataclasses.replace(config, wavegan_disc_nupdates=1)) == 5
    assert (int(parts.critic_updates), int(parts.clips)) == (5, 20)
