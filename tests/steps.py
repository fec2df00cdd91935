"""A few steps of the real updates of every model, on made-up data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import specgan_tf.gan
import wavegan_tf.gan
from gansynth_tf.losses import GANSynthLosses
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.model import StageModel, StageUpdates
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from tests.gansynth.reference import config_of
from tests.gansynth.small import SMALL
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.training import runtime

BATCH_SIZE = 4
MODELS: dict[str, tuple[Any, Any, int]] = {
    "wavegan": (WaveGANConfig, wavegan_tf.gan.make_gan, 9),
    "specgan": (SpecGANConfig, specgan_tf.gan.make_gan, 3),
}


@dataclasses.dataclass
class Trajectory:
    """The metrics of some steps, and all weights afterwards by network and path."""

    metrics: list[dict[str, float]]
    weights: dict[str, np.ndarray]


def _weights(networks: Sequence[keras.Model]) -> dict[str, np.ndarray]:
    return {
        f"{number}/{v.path.removeprefix(network.name)}": v.numpy()
        for number, network in enumerate(networks)
        for v in network.variables
    }


def gan_steps(model: str, directory: str | Path, steps: int, **options: Any) -> Trajectory:
    """Steps of WaveGAN's or SpecGAN's trainer, of one update of each network, from clips of noise."""
    config_class, make_gan, kernel_len = MODELS[model]
    own = {"dim": 2, "latent_dim": 8, "kernel_len": kernel_len, "disc_nupdates": 1}
    sizes = {f"{model}_{name}": value for name, value in own.items()}
    config = config_class(train_batch_size=BATCH_SIZE, **{**sizes, **options})
    run = runtime.start(config)
    unit = Moments(np.full(129, -4, np.float32), np.full(129, 2, np.float32))
    with run.strategy.scope():
        gan = make_gan(config, run.policy, *([unit] if model == "specgan" else []))
        trainables = trainer.Trainables(gan, str(directory), config.seed, run.loss_scaled)
    _fill_biases([gan.generator, gan.discriminator])
    updates = trainer.Updates(gan, trainables, run, config.seed, BATCH_SIZE)
    batches = _noise((BATCH_SIZE, config.data_slice_len, config.data_num_channels))
    return Trajectory([updates(step, batches) for step in range(steps)], _weights([gan.generator, gan.discriminator]))


def stage_steps(
    run_dir: str | Path, steps: int, stage_id: int = 3, progress: Sequence[float] = (1.3,), **options: Any
) -> Trajectory:
    """Steps of one of GANSynth's stages, from images of noise; `progress` goes round."""
    config = config_of({**SMALL, "adam_beta1": 0.5, "batch_size_schedule": [BATCH_SIZE], **options})
    run = runtime.start(config)
    stage = config.schedule.stage(stage_id)
    with run.strategy.scope():
        model = StageModel(config, stage, 61, str(run_dir), run.policy, run.loss_scaled)
    data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, make_features(config), ""))
    losses = GANSynthLosses(
        generator=model.generator,
        discriminator=model.discriminator,
        data=data,
        weights=config.loss_weights(),
        inner_scale=run.inner_scale,
    )
    updates = StageUpdates(config, model, losses, run, np.arange(1.0, 62.0))
    images = _noise((BATCH_SIZE, *config.resolutions.resolutions(stage.num_blocks), 2))
    pitches = np.eye(61, dtype=np.float32)[[1, 50, 7, 7]]
    metrics = [
        updates(12 + BATCH_SIZE * step, np.float32(progress[step % len(progress)]), (next(images), pitches))
        for step in range(steps)
    ]
    return Trajectory(metrics, _weights([model.generator, model.discriminator, model.average]))


def _fill_biases(networks: Sequence[keras.Model]) -> None:
    """Starts biases at small numbers: at zero, rounding alone decides the slope of a ReLU where all inputs are zero."""
    rng = np.random.default_rng(6)
    for variable in [variable for network in networks for variable in network.trainable_variables]:
        if variable.path.endswith("bias"):
            variable.assign(rng.uniform(-0.1, 0.1, variable.shape))


def _noise(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(5)
    while True:
        yield rng.normal(size=shape).astype(np.float32)
