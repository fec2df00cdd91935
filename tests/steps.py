"""A few steps of the real updates of every model, on made-up data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import specgan_tf.gan
import wavegan_tf.gan
from gansynth_tf.losses import GANSynthLosses
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.model import StageModel
from gansynth_tf.stages.updates import StageUpdates
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from tests.gansynth.reference import config_of
from tests.gansynth.small import SMALL
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.dcgan.updates import Updates
from wavegan_tf.core.training import runtime
from wavegan_tf.core.training.iterations import Iterations

BATCH_SIZE = 4
FIRST_IMAGE = 12
PITCH_COUNTS = np.arange(1.0, 62.0)
MODELS: dict[str, tuple[Any, Any, int]] = {
    "wavegan": (WaveGANConfig, wavegan_tf.gan.make_gan, 9),
    "specgan": (SpecGANConfig, specgan_tf.gan.make_gan, 3),
}


@dataclasses.dataclass
class Trajectory:
    """The metrics of some steps, and all weights afterwards by network and path."""

    metrics: list[dict[str, float]]
    weights: dict[str, np.ndarray]


def weights_of(networks: Sequence[keras.Model]) -> dict[str, np.ndarray]:
    """All weights by network and path."""
    return {
        f"{number}/{v.path.removeprefix(network.name)}": v.numpy()
        for number, network in enumerate(networks)
        for v in network.variables
    }


@dataclasses.dataclass(frozen=True)
class GanParts:
    """The parts that WaveGAN's or SpecGAN's trainer makes before its first step."""

    config: Any
    run: runtime.Runtime
    gan: Gan
    trainables: trainer.Trainables
    clips: tf.data.Dataset

    @property
    def networks(self) -> list[keras.Model]:
        """Generator and discriminator."""
        return [self.gan.generator, self.gan.discriminator]

    def iterations(self) -> Iterations:
        """The trainer's, from the first step on."""
        optimizers = self.trainables.g_optimizer, self.trainables.d_optimizer
        updates = Updates(self.gan, *optimizers, self.run, self.config.seed, BATCH_SIZE)
        return updates.iterations(self.clips, 0, 0)


def gan_parts(model: str, directory: str | Path, **options: Any) -> GanParts:
    """Networks and optimisers, and clips of noise."""
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
    return GanParts(config, run, gan, trainables, _noise((BATCH_SIZE, config.data_slice_len, config.data_num_channels)))


def gan_steps(model: str, directory: str | Path, steps: int, **options: Any) -> Trajectory:
    """Steps of WaveGAN's or SpecGAN's trainer, of one critic update each, from clips of noise."""
    parts = gan_parts(model, directory, **options)
    iterations = parts.iterations()
    return Trajectory([iterations(1).result()[0] for _ in range(steps)], weights_of(parts.networks))


@dataclasses.dataclass(frozen=True)
class StageParts:
    """The parts that GANSynth's training makes before the first step of a stage."""

    config: Any
    run: runtime.Runtime
    model: StageModel
    losses: GANSynthLosses
    notes: tf.data.Dataset

    @property
    def networks(self) -> list[keras.Model]:
        """Generator, discriminator and the generator's average."""
        return [self.model.generator, self.model.discriminator, self.model.average]

    def iterations(self) -> Iterations:
        """Those of the stage, from `FIRST_IMAGE` on."""
        return StageUpdates(self.config, self.model, self.losses, self.run, PITCH_COUNTS).iterations(
            self.notes, FIRST_IMAGE
        )


def stage_parts(run_dir: str | Path, stage_id: int = 3, **options: Any) -> StageParts:
    """Networks, optimisers and losses of one of GANSynth's stages, and notes of noise."""
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
    pitches = np.eye(61, dtype=np.float32)[[1, 50, 7, 7]]
    images = _noise((BATCH_SIZE, *config.resolutions.resolutions(stage.num_blocks), 2))
    return StageParts(config, run, model, losses, images.map(lambda image: (image, pitches)))


def stage_steps(
    run_dir: str | Path, steps: int, stage_id: int = 3, progress: Sequence[float] = (1.3,), **options: Any
) -> Trajectory:
    """Steps of one of GANSynth's stages, from images of noise; `progress` goes round."""
    parts = stage_parts(run_dir, stage_id, **options)
    iterations = parts.iterations()
    rows = [iterations(1, np.array([progress[step % len(progress)]])).result()[0] for step in range(steps)]
    return Trajectory(rows, weights_of(parts.networks))


def _fill_biases(networks: Sequence[keras.Model]) -> None:
    """Starts biases at small numbers: at zero, rounding alone decides the slope of a ReLU where all inputs are zero."""
    rng = np.random.default_rng(6)
    for variable in [variable for network in networks for variable in network.trainable_variables]:
        if variable.path.endswith("bias"):
            variable.assign(rng.uniform(-0.1, 0.1, variable.shape))


def _noise(shape: tuple[int, ...]) -> tf.data.Dataset:
    """Batches without end."""

    def noise() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(5)
        while True:
            yield rng.normal(size=shape).astype(np.float32)

    return tf.data.Dataset.from_generator(noise, tf.float32, tf.TensorShape(shape))
