"""wavegan_export: a SavedModel for TensorFlow Serving from a training directory."""

from __future__ import annotations

import os

from absl import flags as absl_flags
from absl import logging

from wavegan_tf import __version__
from wavegan_tf.config import CONFIG_FILE, MODEL, WaveGANConfig
from wavegan_tf.core import checkpoints, flags, serving
from wavegan_tf.networks import WaveGANGenerator


def export(train_dir: str, export_dir: str, step: int | None = None) -> int:
    """Exports the generator of a run.

    Args:
      train_dir: the run.
      export_dir: the version folder to write.
      step: which checkpoint; None is the newest.

    Returns:
      The step that was exported.

    Raises:
      UserError: there is no such run or checkpoint, or the folder cannot be written.
    """
    config = flags.load(WaveGANConfig, os.path.join(train_dir, CONFIG_FILE), MODEL)
    generator = WaveGANGenerator(**config.generator_arguments())
    step = checkpoints.restore_step(train_dir, step, generator=generator)
    module = serving.LatentsModule(lambda z: generator(z, training=False), generator, config.wavegan_latent_dim)
    metadata = {
        "model": MODEL,
        "sample_rate": config.data_sample_rate,
        "latent_dim": config.wavegan_latent_dim,
        "slice_len": config.data_slice_len,
        "num_channels": config.data_num_channels,
        "step": step,
        "version": __version__,
    }
    serving.export(module, export_dir, metadata)
    return step


def main() -> None:
    """Reads the flags and exports."""
    values = absl_flags.FLAGS
    flags.require(train_dir=values.train_dir, export_dir=values.export_dir)
    step = export(values.train_dir, values.export_dir, values.step)
    logging.info("step %d of %s is now %s", step, values.train_dir, values.export_dir)
    if not os.path.basename(os.path.abspath(values.export_dir)).isdigit():
        logging.warning("TensorFlow Serving looks only into folders named by a number, such as models/drums/1")


def run() -> None:
    """Entry point of wavegan_export."""
    absl_flags.DEFINE_string("train_dir", "", "The run to export.")
    absl_flags.DEFINE_string("export_dir", "", "Version folder to write, such as models/drums/1.")
    absl_flags.DEFINE_integer("step", None, "Which checkpoint to export. Default: the newest.", 0)
    flags.run(main)


if __name__ == "__main__":
    run()
