"""Exporting the moving average of a run's generator, at any stage."""

from __future__ import annotations

import functools
import math
import os

from gansynth_tf.config import MODEL, GANSynthConfig
from gansynth_tf.resolution import StageData
from gansynth_tf.schedule import Stage, stage_ids
from gansynth_tf.signatures import GANSynthModule
from gansynth_tf.stages import levels
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.model import restore_average
from wavegan_tf import __version__
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.training import checkpoints


def find_stage(config: GANSynthConfig, train_dir: str, stage_id: int | None) -> Stage:
    """The stage of a run to export.

    Args:
      config: the run's options.
      train_dir: the run.
      stage_id: which; None is the last that has a checkpoint.

    Raises:
      UserError: there is no such stage, or none has a checkpoint.
    """
    schedule = config.schedule
    begun = [schedule.stage(found) for found in stage_ids(train_dir) if found < schedule.num_stages]
    stages = [stage for stage in begun if checkpoints.steps(os.path.join(train_dir, stage.directory))]
    if not stages:
        raise UserError(f"--train_dir={train_dir}: no stage has a checkpoint")
    chosen = [stage for stage in stages if stage_id in (None, stage.stage_id)]
    if not chosen:
        ids = ", ".join(str(stage.stage_id) for stage in stages)
        raise UserError(f"--stage={stage_id}: the stages with checkpoints are {ids}")
    return chosen[-1]


def export_run(
    config: GANSynthConfig,
    train_dir: str,
    export_dir: str,
    stage_id: int | None,
    step: int | None,
    float16: bool,
    match_levels: bool,
    data_dir: str,
) -> int:
    """Exports the moving average of a run's generator.

    Args:
      config: the run's options.
      train_dir: the run.
      export_dir: the version folder to write.
      stage_id: which stage; None is the last.
      step: which of its checkpoints, by the number of images; None is the newest.
      float16: whether to store the weights as float16.
      match_levels: whether each pitch gets the average level of the notes of the run that have it.
      data_dir: folder of these notes, if they are no longer where the run had them.

    Returns:
      The number of images that it was trained on.

    Raises:
      UserError: there is no such checkpoint, the folder cannot be written, or the notes to match cannot be used.
    """
    stage = find_stage(config, train_dir, stage_id)
    features = make_features(config)
    data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, features, train_dir))
    network, step, progress = restore_average(config, stage, train_dir, step)
    served = saved_model.HalfPrecision(network) if float16 else network
    make_module = functools.partial(GANSynthModule, served, float(progress), data, features, config)
    module, gains = make_module(), None
    if match_levels:
        saved_model.require_new(export_dir)  # before what takes minutes
        store = levels.load(config, train_dir, data_dir)
        gains = levels.gains(module.endpoints["serving_default"], store, config)
        module = make_module(gains)
    metadata = {
        "model": MODEL,
        "sample_rate": config.sample_rate,
        "latent_dim": config.latent_vector_size,
        "audio_length": config.audio_length,
        "num_channels": config.num_channels,
        "min_pitch": config.data_min_pitch,
        "max_pitch": config.data_max_pitch,
        "data_type": config.data_type,
        "data_shape": list(features.data_shape),
        "stage": stage.stage_id,
        "progress": float(progress),
        "step": step,
        "version": __version__,
    }
    if gains is not None:
        metadata["gains_db"] = [round(20.0 * math.log10(gain), 2) for gain in gains]
    saved_model.export(module, export_dir, metadata)
    return step
