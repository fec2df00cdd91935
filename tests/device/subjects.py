"""The three models as `export` takes them: networks, optimisers, and training's own iteration with its inputs."""

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
from gansynth_tf.stages.model import StageModel
from gansynth_tf.stages.updates import StageUpdates
from specgan_tf import moments
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import PAPER, Moments
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.options import run_exists, run_labels
from wavegan_tf.core.dcgan.updates import Updates
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training import runtime

MODELS: dict[str, Any] = {"wavegan": WaveGANConfig, "specgan": SpecGANConfig, "gansynth": GANSynthConfig}
Tensors = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """Everything that one model brings.

    Attributes:
      owners: all variables that an iteration uses, by what they belong to.
      optimizers: of these owners.
      iterate: the training code's iteration, a `tf.function` of the tensors that `draw` gives by name. Its first call
        fixes its form.
      draw: step -> what the iteration after it takes.
      critic_updates: of the discriminator in an iteration, which are a loop if there are several.
      batch: examples in a batch.
      restore: restores the newest checkpoint in the directory, if any; returns its step.
      save: saves a checkpoint of that step there.
    """

    owners: dict[str, list[keras.Variable]]
    optimizers: list[keras.optimizers.Optimizer]
    iterate: Any
    draw: Callable[[int], Tensors]
    critic_updates: int
    batch: int
    restore: Callable[[], int]
    save: Callable[[int], None]


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
    """Networks, optimisers and the iteration of a run with these options.

    Args:
      config: from `make_config`.
      stage: of GANSynth's training.
      directory: the run's, or an empty one.

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
        stored = Moments(np.zeros(PAPER.num_bins, np.float32), np.ones(PAPER.num_bins, np.float32))
        if run_exists(directory):
            stored = moments.of_run(config, directory, None)
        make_gan = functools.partial(make_gan, stored=stored)
    labels = run_labels(config, directory)
    gan = make_gan(config, placed.policy, labels=labels)
    trainables = trainer.Trainables(gan, directory, config.seed, placed.loss_scaled)
    batch, shape = config.train_batch_size, (config.data_slice_len, config.data_num_channels)
    optimizers = trainables.g_optimizer, trainables.d_optimizer
    updates = Updates(gan, *optimizers, placed, config.seed, batch, tuple(1.0 / len(labels) for _ in labels))

    def draw(step: int) -> Tensors:
        first = step * gan.critic_updates
        clips = tf.data.Dataset.range(first, first + gan.critic_updates).map(
            lambda count: tf.random.stateless_uniform([batch, *shape], tf.stack([config.seed, count]), -1.0, 1.0)
        )
        if labels:
            clips = clips.map(lambda batch_of: (batch_of, tf.range(batch) % len(labels)))
        critic, generator = next(iter(updates.elements(clips, step, first)))
        return {**_named("critic", critic), **_named("generator", generator)}

    def save(step: int) -> None:
        trainables.count(step, config)
        trainables.checkpoints.save(step)

    return Subject(
        owners={
            "generator": gan.generator.variables, "discriminator": gan.discriminator.variables,
            "g_optimizer": trainables.g_optimizer.variables, "d_optimizer": trainables.d_optimizer.variables,
            **({} if gan.average is None else {"average": gan.average.variables}),
        },
        optimizers=[trainables.g_optimizer, trainables.d_optimizer],
        iterate=tf.function(
            lambda inputs: updates.iterate((_part(inputs, "critic"), _part(inputs, "generator"))), autograph=False
        ),
        draw=draw,
        critic_updates=gan.critic_updates,
        batch=batch,
        restore=lambda: trainables.restore(config),
        save=save,
    )  # fmt: skip


def _named(part: str, tensors: Tensors) -> Tensors:
    return {f"{part}/{name}": value for name, value in tensors.items()}


def _part(inputs: Tensors, part: str) -> Tensors:
    """The tensors that `_named` has named."""
    return {name.removeprefix(f"{part}/"): value for name, value in inputs.items() if name.startswith(f"{part}/")}


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
    shape = [batch, *size, features.data_shape[-1]]
    # In the middle of a fade-in, and where it ends in the stable stage after it.
    progress = tf.constant(stage_id / 2.0, tf.float32)
    updates = StageUpdates(config, model, losses, placed, np.ones(config.num_pitches))

    def draw(step: int) -> Tensors:
        images = data.to_data(tf.random.stateless_uniform(shape, [config.seed, step], -1.0, 1.0))
        pitches = tf.one_hot(tf.range(batch) % config.num_pitches, config.num_pitches)
        notes = tf.data.Dataset.from_tensors((images, pitches))
        (features, labels), generator, discriminator = next(iter(updates.elements(notes, step * batch)))
        return {
            "progress": progress, "real/features": features, "real/pitches": labels,
            **_named("generator", generator), **_named("discriminator", discriminator),
        }  # fmt: skip

    def iterate(inputs: Tensors) -> Tensors:
        real = (inputs["real/features"], inputs["real/pitches"])
        drawn = (_part(inputs, "generator"), _part(inputs, "discriminator"))
        return updates.iterate((real, *drawn), inputs["progress"])

    return Subject(
        owners={
            "generator": model.generator.variables, "discriminator": model.discriminator.variables,
            "average": model.average.variables, "g_optimizer": model.g_optimizer.variables,
            "d_optimizer": model.d_optimizer.variables,
        },
        optimizers=[model.g_optimizer, model.d_optimizer],
        iterate=tf.function(iterate, autograph=False),
        draw=draw,
        critic_updates=1,
        batch=batch,
        restore=model.restore,
        save=model.save,
    )  # fmt: skip
