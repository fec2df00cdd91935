"""Importing a run of Magenta's GANSynth, at any stage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.hparams import config_of_experiment
from gansynth_tf.progressive import original_names
from gansynth_tf.schedule import Stage, stage_ids
from gansynth_tf.stages import sizes
from gansynth_tf.stages.features import make_features, normalizer_path, run_normalizer
from gansynth_tf.stages.model import StageModel
from wavegan_tf.core import tf1
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import save_options
from wavegan_tf.core.training.run_directory import RunDirectory
from wavegan_tf.core.writing import write_file, writing

_OPTIMIZERS = "progressive_gan_train_ops"
_AVERAGE = "ExponentialMovingAverage"


def original_variables(model: StageModel) -> dict[str, keras.Variable]:
    """Everything that a stage trains, by the original's names: networks, average, and Adam's moments."""
    found = {}
    for network, optimizer in ((model.generator, model.g_optimizer), (model.discriminator, model.d_optimizer)):
        positions = {variable.path: place for place, variable in enumerate(network.trainable_variables)}
        for name, variable in original_names(network).items():
            place = positions[variable.path]
            found[name] = variable
            found[f"{_OPTIMIZERS}/{name}/Adam"] = optimizer.first_moments[place]
            found[f"{_OPTIMIZERS}/{name}/Adam_1"] = optimizer.second_moments[place]
    found.update({f"{name}/{_AVERAGE}": variable for name, variable in original_names(model.average).items()})
    return found


def import_tf1_run(
    values: Mapping[str, Any], tf1_dir: str, train_dir: str, stage_id: int | None, min_pitch: int
) -> int:
    """Turns an original run into one of ours.

    Args:
      values: its hyperparameters, from `hparams.read_experiment`.
      tf1_dir: holds stages with checkpoints.
      train_dir: to be made; must hold no run yet.
      stage_id: which stage; None is the last, as for the original.
      min_pitch: MIDI number of the first pitch.

    Returns:
      The number of images that it was trained on.

    Raises:
      UserError: the original cannot be read, or `train_dir` cannot be used.
    """
    stage_dir = _stage_dir(tf1_dir, stage_id)
    checkpoint = tf1.read_checkpoint(stage_dir)
    config = config_of_experiment(values, _num_pitches(checkpoint, stage_dir), min_pitch)
    stage = _stage(config, stage_dir)
    image_id = int(_scalar(checkpoint, "global_step"))
    # What it takes from the notes must be there.
    run_normalizer(config, None, make_features(config), tf1_dir)
    _check_first_kernel(config, checkpoint)
    sizes.require_memory(config)
    with RunDirectory(train_dir, CONFIG_FILE):
        if os.path.exists(os.path.join(train_dir, CONFIG_FILE)) or stage_ids(train_dir):
            raise UserError(f"--train_dir={train_dir}: holds a run already; name a new directory")
        _write_run(config, stage, checkpoint, tf1_dir, train_dir)
    return image_id


def _write_run(
    config: GANSynthConfig, stage: Stage, checkpoint: Mapping[str, np.ndarray], tf1_dir: str, train_dir: str
) -> None:
    """Saves the checkpoint and what belongs to it; the options come last, as they make the folder a run."""
    image_id = int(_scalar(checkpoint, "global_step"))
    try:
        model = StageModel(config, stage, config.num_pitches, train_dir, keras.DTypePolicy("float32"))
    except (tf.errors.ResourceExhaustedError, MemoryError, OverflowError):
        raise UserError(f"{CONFIG_FILE}: its networks do not fit into memory; are its sizes right?") from None
    tf1.assign(original_variables(model), checkpoint, CONFIG_FILE)
    model.train_time.assign(_scalar(checkpoint, "Variable"))
    for name, optimizer in (("generator", model.g_optimizer), ("discriminator", model.d_optimizer)):
        power = _scalar(checkpoint, f"{_OPTIMIZERS}/{name}_train/beta2_power")
        optimizer.iterations.assign(tf1.adam_updates(power, optimizer.beta_2, image_id // stage.batch_size))
    model.save(image_id)
    if os.path.exists(original := normalizer_path(config, tf1_dir)):
        copy = normalizer_path(config, train_dir)
        with writing(copy):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(original, "rb") as file:
            write_file(copy, file.read())
    save_options(config, os.path.join(train_dir, CONFIG_FILE), MODEL)


def _stage_dir(tf1_dir: str, stage_id: int | None) -> str:
    ids = stage_ids(tf1_dir)
    if not ids:
        raise UserError(f"{tf1_dir}: holds no folder of a stage, such as stage_00000")
    chosen = ids[-1] if stage_id is None else stage_id
    if chosen not in ids:
        raise UserError(f"--stage={chosen}: {tf1_dir} has stages {', '.join(map(str, ids))}")
    return os.path.join(tf1_dir, f"stage_{chosen:05d}")


def _stage(config: GANSynthConfig, stage_dir: str) -> Stage:
    stage_id, last = int(stage_dir[-5:]), config.schedule.num_stages - 1
    if stage_id > last:
        raise UserError(f"{stage_dir}: by {CONFIG_FILE} the last stage is {last}")
    return config.schedule.stage(stage_id)


def _check_first_kernel(config: GANSynthConfig, checkpoint: Mapping[str, np.ndarray]) -> None:
    """Compares the generator's first sizes before anything is built: networks of wrong ones may not fit into memory."""
    inputs, filters = config.latent_vector_size + config.num_pitches, config.filters(1)[1]
    name, shape = "conv0/conv2d/kernel", [config.start_height, config.start_width, inputs, filters]
    if config.simple_arch:
        name, shape = "dense/kernel", [inputs, config.start_height * config.start_width * filters]
    name = f"Generator/progressive_gan_generator/progressive_gan_block_1/{name}"
    if name in checkpoint and list(checkpoint[name].shape) != shape:
        found = list(checkpoint[name].shape)
        raise UserError(f"checkpoint: {name} has shape {found}, {CONFIG_FILE} asks for {shape}")


def _scalar(checkpoint: Mapping[str, np.ndarray], name: str) -> float:
    if name not in checkpoint:
        raise UserError(f"checkpoint: variable {name} is missing; is it one of GANSynth's?")
    return float(checkpoint[name])


def _num_pitches(checkpoint: Mapping[str, np.ndarray], stage_dir: str) -> int:
    name = "Discriminator/discriminator_cond/classification_logits/bias"
    if name not in checkpoint:
        raise UserError(f"{stage_dir}: variable {name} is missing; is it one of GANSynth's?")
    return len(checkpoint[name])
