"""The three models as `export` takes them: networks, optimisers, and training's own updates with their inputs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import specgan_tf.gan
import wavegan_tf.gan
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.losses import GANSynthLosses, consistency_loss
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.model import StageModel, StageUpdates
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import BINS, Moments
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training import runtime
from wavegan_tf.core.training.update import Update

MODELS: dict[str, Any] = {"wavegan": WaveGANConfig, "specgan": SpecGANConfig, "gansynth": GANSynthConfig}
Tensors = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of update.

    Attributes:
      name: "discriminator" or "generator".
      per_step: how many of it a step of training makes.
      update: the compiled update of the training code.
      draw: step -> the tensors that it takes, by name.
      arrange: these tensors -> its arguments.
    """

    name: str
    per_step: int
    update: Update
    draw: Callable[[int], Tensors]
    arrange: Callable[[Tensors], tuple[Any, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """Everything that one model brings.

    Attributes:
      owners: all variables that updates use, by what they belong to.
      optimizers: of these owners.
      kinds: the updates of a step in their order. The first call of one fixes its form.
      batch: examples in a batch.
    """

    owners: dict[str, list[keras.Variable]]
    optimizers: list[keras.optimizers.Optimizer]
    kinds: list[Kind]
    batch: int


def make_config(model: str, dim: int | None, batch: int | None, precision: str, options: Mapping[str, Any]) -> Any:
    """The options of a run of this model.

    Args:
      model: one of `MODELS`.
      dim: size of the networks; for GANSynth the most channels of a layer. None is the paper's.
      batch: examples in a batch; None is the paper's.
      precision: of the networks' arithmetic.
      options: further ones of the model, by name.

    Raises:
      UserError: an option is unknown, or a value impossible.
    """
    config_class = MODELS[model]
    values: dict[str, Any] = {"mixed_precision": "none" if precision == "float32" else precision}
    if model == "gansynth":
        values["batch_size_schedule"] = (8 if batch is None else batch,)
        if dim is not None:
            # In the paper's proportion, and no block without a channel.
            values.update(fmap_max=dim, fmap_base=max(16 * dim, 1 << GANSynthConfig.num_resolutions))
    else:
        values["train_batch_size"] = 64 if batch is None else batch
        values[f"{model}_dim"] = 64 if dim is None else dim
    known = {field.name for field in dataclasses.fields(config_class)}
    for name in options:
        if name not in known:
            raise UserError(f"--set {name}: {model} has no such option")
    return config_class(**{**values, **options})


def make_subject(config: Any, stage: int, directory: str) -> Subject:
    """Networks, optimisers and updates of a run with these options.

    Args:
      config: from `make_config`.
      stage: of GANSynth's training.
      directory: an empty one, for what training keeps beside.

    Raises:
      UserError: a value is impossible.
    """
    return _gansynth(config, stage, directory) if isinstance(config, GANSynthConfig) else _latent_gan(config, directory)


def _latent_gan(config: Any, directory: str) -> Subject:
    """WaveGAN or SpecGAN."""
    placed = runtime.start(config)
    make_gan: Any = wavegan_tf.gan.make_gan
    if isinstance(config, SpecGANConfig):
        make_gan = specgan_tf.gan.make_gan
        plain = Moments(np.zeros(BINS + 1, np.float32), np.ones(BINS + 1, np.float32))
        make_gan = functools.partial(make_gan, stored=plain)
    gan = make_gan(config, placed.policy)
    trainables = trainer.Trainables(gan, directory, config.seed, placed.loss_scaled)
    batch, shape = config.train_batch_size, (config.data_slice_len, config.data_num_channels)
    updates = trainer.Updates(gan, trainables, placed, config.seed, batch)

    def clips(step: int) -> tf.Tensor:
        return tf.random.stateless_uniform([batch, *shape], [config.seed, step], -1.0, 1.0)

    def drawn(name: str, passes: int, step: int) -> Tensors:
        return {f"drawn/{key}": value for key, value in updates._draw(name, step, passes).items()}

    kinds = [
        Kind(
            name="discriminator",
            per_step=gan.critic_updates,
            update=updates._discriminator,
            draw=lambda step: {"clips": clips(step), **drawn("discriminator", updates._passes, step)},
            arrange=lambda inputs: (inputs["clips"], _drawn(inputs)),
        ),
        Kind(
            name="generator",
            per_step=1,
            update=updates._generator,
            draw=lambda step: drawn("generator", 1, step),
            arrange=lambda inputs: (_drawn(inputs),),
        ),
    ]

    return Subject(
        owners={
            "generator": gan.generator.variables, "discriminator": gan.discriminator.variables,
            "g_optimizer": trainables.g_optimizer.variables, "d_optimizer": trainables.d_optimizer.variables,
        },
        optimizers=[trainables.g_optimizer, trainables.d_optimizer],
        kinds=kinds,
        batch=batch,
    )  # fmt: skip


def _drawn(inputs: Tensors) -> Tensors:
    """Names of an update's draws among its inputs -> their names in training."""
    return {name.removeprefix("drawn/"): value for name, value in inputs.items() if name.startswith("drawn/")}


def _gansynth(config: GANSynthConfig, stage_id: int, directory: str) -> Subject:
    placed, features = runtime.start(config), make_features(config)
    # As training does: it gives up on leaky ReLUs whose gradient has a gradient, and prints that as an error.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    if not 0 <= stage_id < config.schedule.num_stages:
        raise UserError(f"--stage={stage_id}: must be from 0 to {config.schedule.num_stages - 1}")
    stage = config.schedule.stage(stage_id)
    data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, features, directory))
    model = StageModel(config, stage, config.num_pitches, directory, placed.policy, placed.loss_scaled)
    is_last = stage_id == config.schedule.num_stages - 1
    consistency = functools.partial(consistency_loss, features) if is_last and features.is_spectral else None
    losses = GANSynthLosses(
        generator=model.generator, discriminator=model.discriminator, data=data, weights=config.loss_weights(),
        consistency=consistency, inner_scale=placed.inner_scale,
    )  # fmt: skip
    batch, size = stage.batch_size, config.resolutions.resolutions(stage.num_blocks)
    # In the middle of a fade-in, and where it ends in the stable stage after it.
    progress = tf.constant(stage_id / 2.0, tf.float32)
    updates = StageUpdates(config, model, losses, placed, np.ones(config.num_pitches))

    def notes(step: int) -> Tensors:
        images = tf.random.stateless_uniform([batch, *size, 2], [config.seed, step], -1.0, 1.0)
        return {
            "features": data.to_data(images),
            "pitches": tf.one_hot(tf.range(batch) % config.num_pitches, config.num_pitches),
        }

    def drawn(name: str, step: int) -> Tensors:
        found = updates._draw(name, step * batch)
        return {"progress": progress, **{f"drawn/{key}": value for key, value in found.items()}}

    kinds = [
        Kind(
            name="generator",
            per_step=1,
            update=updates._generator,
            draw=lambda step: drawn("generator", step),
            arrange=lambda inputs: (_drawn(inputs), inputs["progress"]),
        ),
        Kind(
            name="discriminator",
            per_step=1,
            update=updates._discriminator,
            draw=lambda step: {**notes(step), **drawn("discriminator", step)},
            arrange=lambda inputs: (inputs["features"], inputs["pitches"], _drawn(inputs), inputs["progress"]),
        ),
    ]

    return Subject(
        owners={
            "generator": model.generator.variables, "discriminator": model.discriminator.variables,
            "average": model.average.variables, "g_optimizer": model.g_optimizer.variables,
            "d_optimizer": model.d_optimizer.variables,
        },
        optimizers=[model.g_optimizer, model.d_optimizer],
        kinds=kinds,
        batch=batch,
    )  # fmt: skip
