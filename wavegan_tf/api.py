"""WaveGAN in Python: what `import wavegan_tf` offers. TensorFlow is imported when a function is called."""

from __future__ import annotations

import functools
import os

from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan.args import options_from_args, read_args
from wavegan_tf.core.dcgan.options import load_run, require_startable, run_labels
from wavegan_tf.core.options import require_options


def train(config: WaveGANConfig, train_dir: str | os.PathLike[str]) -> int:
    """Trains a WaveGAN, or continues a run.

    Ctrl-C, SIGTERM and a closed terminal end it after the current step, saved.

    Args:
      config: the options. A run that is continued takes new values of those that may change, and refuses others.
      train_dir: directory of the run: checkpoints, previews, summaries.

    Returns:
      The step that the run has reached.

    Raises:
      UserError: the data, an option or the run in `train_dir` does not allow it, or training diverged.

    >>> import tempfile, wavegan_tf
    >>> config = wavegan_tf.WaveGANConfig(
    ...     data_dir="wavegan_tf/demo/drums", wavegan_dim=1, train_batch_size=2, train_steps=1, preview_n=1
    ... )
    >>> wavegan_tf.train(config, train_dir=tempfile.mkdtemp())
    1
    """
    require_options(config, WaveGANConfig)
    train_dir = os.fspath(train_dir)
    require_startable(config, train_dir)
    from wavegan_tf import gan
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

    Returns:
      The step that was exported.

    Raises:
      UserError: there is no such checkpoint, the folder exists or cannot be written, or the
        fade-out is longer than the clips.

    >>> import tempfile, wavegan_tf
    >>> folder = tempfile.mkdtemp()
    >>> step = wavegan_tf.import_tf1_run("tests/goldens/wavegan/checkpoint", f"{folder}/run")
    >>> wavegan_tf.export_model(f"{folder}/run", f"{folder}/1") == step
    True
    """
    train_dir, export_dir = os.fspath(train_dir), os.fspath(export_dir)
    config = load_run(WaveGANConfig, train_dir)
    labels = run_labels(config, train_dir)
    import keras

    from wavegan_tf import gan, signatures
    from wavegan_tf.core.dcgan import exporting
    from wavegan_tf.core.serving.finishing import Finish

    made = gan.make_gan(config, keras.DTypePolicy("float32"), labels)
    finish = Finish(normalize, fade_out_ms)
    make_module = functools.partial(signatures.make_module, sample_rate=config.data_sample_rate, finish=finish)
    return exporting.export_run(config, train_dir, export_dir, step, made, make_module, float16, weights, finish)


def import_tf1_run(tf1_dir: str | os.PathLike[str], train_dir: str | os.PathLike[str]) -> int:
    """Turns a training directory of the original code into a run: weights, optimiser slots and step.

    Args:
      tf1_dir: holds args.txt and a checkpoint.
      train_dir: to be made; must hold no run yet.

    Returns:
      The step of the checkpoint.

    Raises:
      UserError: the original cannot be read, or `train_dir` cannot be used.

    >>> import tempfile, wavegan_tf
    >>> wavegan_tf.import_tf1_run("tests/goldens/wavegan/checkpoint", tempfile.mkdtemp()) > 0
    True
    """
    tf1_dir, train_dir = os.fspath(tf1_dir), os.fspath(train_dir)
    config = options_from_args(WaveGANConfig, read_args(tf1_dir))
    import keras

    from wavegan_tf import gan
    from wavegan_tf.core.dcgan import importing

    return importing.import_tf1_run(
        config, tf1_dir, train_dir, lambda: gan.make_gan(config, keras.DTypePolicy("float32"))
    )
