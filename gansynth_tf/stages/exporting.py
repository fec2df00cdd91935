"""Exporting the moving average of a run's generator, at any stage."""

from __future__ import annotations

import os

from gansynth_tf.config import MODEL, GANSynthConfig
from gansynth_tf.resolution import StageData
from gansynth_tf.schedule import Stage, stage_ids
from gansynth_tf.signatures import GANSynthModule
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
    config: GANSynthConfig, train_dir: str, export_dir: str, stage_id: int | None, step: int | None, float16: bool
) -> int:
    """Exports the moving average of a run's generator.

    Args:
      config: the run's options.
      train_dir: the run.
      export_dir: the version folder to write.
      stage_id: which stage; None is the last.
      step: which of its checkpoints, by the number of images; None is the newest.
      float16: whether to store the weights as float16.

    Returns:
      The number of images that it was trained on.

    Raises:
      UserError: there is no such checkpoint, or the folder cannot be written.
    """
    stage = find_stage(config, train_dir, stage_id)
    features = make_features(config)
    data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, features, train_dir))
    network, step, progress = restore_average(config, stage, train_dir, step)
    served = saved_model.HalfPrecision(network) if float16 else network
    module = GANSynthModule(served, float(progress), data, features, config)
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
    saved_model.export(module, export_dir, metadata)
    return step
