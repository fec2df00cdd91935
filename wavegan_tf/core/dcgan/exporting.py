"""Exporting the generator of a WaveGAN or SpecGAN run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from wavegan_tf import __version__
from wavegan_tf.core.dcgan.model import AVERAGE, Gan
from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.serving.finishing import Finish
from wavegan_tf.core.training import checkpoints

# Of the generator: their moving average, or as they were trained.
WEIGHTS = ("average", "raw")


def export_run(
    config: GanOptions,
    train_dir: str,
    export_dir: str,
    step: int | None,
    gan: Gan,
    make_module: Callable[[Gan, keras.Model | saved_model.HalfPrecision], saved_model.LatentsModule],
    float16: bool,
    weights: str | None,
    finish: Finish,
    **metadata: Any,
) -> int:
    """Exports the generator of a run.

    Args:
      config: the run's options.
      train_dir: the run.
      export_dir: the version folder to write.
      step: which checkpoint; None is the newest.
      gan: the model, with weights of its own.
      make_module: its signatures, given the model and the generator to serve.
      float16: whether to store the weights as float16.
      weights: "average", "raw", or None for the average if the checkpoint has one.
      finish: makes the clips; `make_module` takes it too.
      **metadata: what model.json is to say in addition to what is common to all.

    Returns:
      The step that was exported.

    Raises:
      UserError: there is no such checkpoint, or none with an average, or the folder cannot be written, or the fade-out
        is longer than the clips.
    """
    if weights not in (None, *WEIGHTS):
        raise UserError(f"--weights={weights}: must be one of {', '.join(WEIGHTS)}")
    finish.require_fits(config.data_slice_len, config.data_sample_rate)
    averaged = checkpoints.holds(train_dir, step, AVERAGE)
    if weights == "average" and not averaged:
        raise UserError("--weights=average: the checkpoint has no average; training keeps one with --train_ema_decay")
    weights = weights or ("average" if averaged else "raw")
    saved_as = AVERAGE if weights == "average" else "generator"
    step = checkpoints.restore_step(train_dir, step, **{saved_as: gan.generator})
    common = {
        "model": config.model,
        "sample_rate": config.data_sample_rate,
        "latent_dim": gan.latent_dim,
        "slice_len": config.data_slice_len,
        "num_channels": config.data_num_channels,
        "step": step,
        "weights": weights,
        **finish.metadata(),
        **({"labels": list(gan.labels)} if gan.labels else {}),
        "version": __version__,
    }
    generator = gan.generator.folded()
    network = saved_model.HalfPrecision(generator) if float16 else generator
    saved_model.export(make_module(gan, network), export_dir, {**common, **metadata})
    return step
