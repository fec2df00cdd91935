"""SpecGAN in Python: what `import specgan_tf` offers. TensorFlow is imported when a function is called."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from specgan_tf.config import SpecGANConfig
from wavegan_tf.core.dcgan.args import options_from_args, read_args
from wavegan_tf.core.dcgan.options import load_run, require_startable, run_labels
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import require_options


def train(config: SpecGANConfig, train_dir: str | os.PathLike[str]) -> int:
    """Trains a SpecGAN, or continues a run.

    Ctrl-C, SIGTERM and a closed terminal end it after the current step, saved.

    Args:
      config: the options. A run that is continued takes new values of those that may change, and refuses others.
      train_dir: directory of the run: checkpoints, previews, summaries.

    Returns:
      The step that the run has reached.

    Raises:
      UserError: the data, an option or the run in `train_dir` does not allow it, or training diverged.

    >>> import tempfile, specgan_tf
    >>> config = specgan_tf.SpecGANConfig(
    ...     data_dir="wavegan_tf/demo/drums", specgan_dim=1, train_batch_size=2, train_steps=1, preview_n=1
    ... )
    >>> specgan_tf.train(config, train_dir=tempfile.mkdtemp())
    1
    """
    require_options(config, SpecGANConfig)
    train_dir = os.fspath(train_dir)
    require_startable(config, train_dir)
    from specgan_tf import gan
    from wavegan_tf.core.dcgan import trainer

    return trainer.train(config, train_dir, gan.prepare)


def export_model(
    train_dir: str | os.PathLike[str],
    export_dir: str | os.PathLike[str],
    step: int | None = None,
    float16: bool = False,
    weights: str | None = None,
    normalize: bool = False,
    fade_out_ms: int = 0,
    *,
    specgan_ngl: int | None = None,
    specgan_inversion: str | None = None,
) -> int:
    """Exports the generator of a run as a SavedModel, for `load_model` and TensorFlow Serving.

    Args:
      train_dir: the run.
      export_dir: the version folder to write, such as models/drums/1.
      step: which checkpoint; None is the newest.
      float16: whether to store the weights as float16, half the size.
      weights: "average" for the moving average of `train_ema_decay`, "raw" for the weights as they were trained; None
        for the average if the checkpoint has one.
      normalize: whether each clip is divided by its peak, as `data_normalize` divides those that are learned from.
      fade_out_ms: how long each clip fades out at its end.
      specgan_ngl: iterations of Griffin-Lim; None for the run's.
      specgan_inversion: kind of Griffin-Lim, "original", "exact" or "fast"; None for the run's.

    Returns:
      The step that was exported.

    Raises:
      UserError: there is no such checkpoint, the folder exists or cannot be written, or the
        fade-out is longer than the clips.

    >>> import tempfile, specgan_tf
    >>> folder = tempfile.mkdtemp()
    >>> original = "tests/goldens/specgan"
    >>> step = specgan_tf.import_tf1_run(f"{original}/checkpoint", f"{folder}/run", f"{original}/moments.pkl")
    >>> specgan_tf.export_model(f"{folder}/run", f"{folder}/1") == step
    True
    """
    train_dir, export_dir = os.fspath(train_dir), os.fspath(export_dir)
    given = {"specgan_ngl": specgan_ngl, "specgan_inversion": specgan_inversion}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    config = dataclasses.replace(load_run(SpecGANConfig, train_dir), data_moments_fp="", **changes)
    labels = run_labels(config, train_dir)
    import keras

    from specgan_tf import gan, moments, signatures
    from wavegan_tf.core.dcgan import exporting
    from wavegan_tf.core.serving.finishing import Finish

    stored = moments.of_run(config, train_dir, None)
    made = gan.make_gan(config, keras.DTypePolicy("float32"), stored, labels)
    finish = Finish(normalize, fade_out_ms)
    return exporting.export_run(
        config, train_dir, export_dir, step, made,
        lambda gan, network: signatures.SpecGANModule(gan, network, config, stored, finish),
        float16, weights, finish,
        window_len=config.framing().window_len, hop_len=config.framing().hop_len,
        clip_nstd=config.specgan_clip_nstd, ngl=config.specgan_ngl, inversion=config.specgan_inversion,
        moments={"mean": stored.mean.tolist(), "std": stored.std.tolist()},
    )  # fmt: skip


def import_tf1_run(
    tf1_dir: str | os.PathLike[str], train_dir: str | os.PathLike[str], data_moments_fp: str | os.PathLike[str]
) -> int:
    """Turns a training directory of the original code into a run: weights, optimiser slots and step.

    Args:
      tf1_dir: holds args.txt and a checkpoint, which does not have the moments.
      train_dir: to be made; must hold no run yet.
      data_moments_fp: the moments that it was trained with, the original's pickle or an npz file.

    Returns:
      The step of the checkpoint.

    Raises:
      UserError: the original or the moments cannot be read, or `train_dir` cannot be used.

    >>> import tempfile, specgan_tf
    >>> original = "tests/goldens/specgan"
    >>> specgan_tf.import_tf1_run(f"{original}/checkpoint", tempfile.mkdtemp(), f"{original}/moments.pkl") > 0
    True
    """
    tf1_dir, train_dir, data_moments_fp = os.fspath(tf1_dir), os.fspath(train_dir), os.fspath(data_moments_fp)
    # Where its moments were on another machine says nothing here.
    config = options_from_args(SpecGANConfig, read_args(tf1_dir), skipped=["data_moments_fp"])
    if not os.path.isfile(data_moments_fp):
        raise UserError(f"--data_moments_fp={data_moments_fp}: cannot be read (no such file)")
    import keras

    from specgan_tf import gan, moments
    from wavegan_tf.core.dcgan import importing
    from wavegan_tf.core.dcgan.model import Gan

    stored = moments.load(data_moments_fp, config.framing().num_bins)

    def make() -> Gan:
        moments.save(stored, os.path.join(train_dir, moments.MOMENTS_FILE))
        return gan.make_gan(config, keras.DTypePolicy("float32"), stored)

    return importing.import_tf1_run(config, tf1_dir, train_dir, make)
