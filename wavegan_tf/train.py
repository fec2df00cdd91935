"""wavegan_train: trains a WaveGAN on a folder of audio files, or continues a run."""

from __future__ import annotations

import os

import keras
import numpy as np
from absl import flags as absl_flags
from scipy.signal import freqz

from wavegan_tf.config import CONFIG_FILE, MODEL, WaveGANConfig
from wavegan_tf.core import checkpoints, flags, runtime, trainer
from wavegan_tf.core.tracking import Tracker
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator


def make_gan(config: WaveGANConfig, policy: keras.DTypePolicy) -> trainer.Gan:
    """The networks and settings of a run, for `trainer.train`."""
    generator = WaveGANGenerator(**config.generator_arguments(), dtype=policy)

    def summarize_filter(step: int, tracker: Tracker) -> None:
        if generator.pp_filter is not None:
            tracker.image(step, "pp_filt", filter_response_picture(generator.pp_filter.kernel.numpy()[:, 0, 0]))

    return trainer.Gan(
        generator=generator,
        discriminator=WaveGANDiscriminator(**config.discriminator_arguments(), dtype=policy),
        loss=config.wavegan_loss,
        latent_dim=config.wavegan_latent_dim,
        critic_updates=config.wavegan_disc_nupdates,
        phase_radius=config.wavegan_disc_phaseshuffle,
        phase_per_example=config.wavegan_disc_phaseshuffle_per_example,
        summarize=summarize_filter,
    )


def filter_response_picture(
    taps: np.ndarray, height: int = 128, width: int = 512, floor_db: float = -60.0
) -> np.ndarray:
    """Draws the magnitude response of an FIR filter.

    Args:
      taps: [n] coefficients.
      height: pixels; the top is 6 dB above the largest gain, the bottom `floor_db` below it.
      width: pixels, from 0 to half the sample rate.
      floor_db: see `height`.

    Returns:
      uint8 [height, width, 1], dark curve on white.
    """
    _, response = freqz(taps, worN=width)
    gain = 20 * np.log10(np.maximum(np.abs(response), 1e-10))
    top = gain.max() + 6.0
    row = np.clip((top - gain) / (6.0 - floor_db) * (height - 1), 0, height - 1).astype(int)
    picture = np.full([height, width, 1], 255, np.uint8)
    for column in range(width):
        before = row[max(column - 1, 0)]
        picture[min(before, row[column]) : max(before, row[column]) + 1, column] = 0
    return picture


def main() -> None:
    """Reads the flags and trains."""
    train_dir = absl_flags.FLAGS.train_dir
    flags.require(train_dir=train_dir)
    path = os.path.join(train_dir, CONFIG_FILE)
    saved = flags.load(WaveGANConfig, path, MODEL) if os.path.exists(path) else None
    config = flags.from_flags(WaveGANConfig, saved)
    flags.require(data_dir=config.data_dir)
    run = runtime.start(config)
    if run.is_chief:
        lock = checkpoints.DirectoryLock(train_dir)
        flags.save(config, path, MODEL)
    trainer.train(config, train_dir, make_gan, run)
    if run.is_chief:
        lock.release()


def define_flags() -> None:
    """Defines this command's flags."""
    absl_flags.DEFINE_string("train_dir", "", "Directory of the run: checkpoints, previews, summaries.")
    flags.define_flags(WaveGANConfig, "wavegan_tf.train")


def run() -> None:
    """Entry point of wavegan_train."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
