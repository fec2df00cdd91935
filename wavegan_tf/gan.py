"""WaveGAN as `core.dcgan` trains it: networks, settings, and the picture of its post-processing filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from scipy.signal import freqz

from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.audio.clips import ClipStore
from wavegan_tf.core.dcgan.model import Gan, settings
from wavegan_tf.core.training.tracking import Tracker
from wavegan_tf.core.workers.cluster import Cluster
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator


def make_gan(config: WaveGANConfig, policy: keras.DTypePolicy, labels: Sequence[str] = ()) -> Gan:
    """The networks and settings of a run with these labels."""

    def make_generator() -> WaveGANGenerator:
        return WaveGANGenerator(**config.generator_arguments(len(labels)), dtype=policy)

    generator = make_generator()

    def summarize_filter(step: int, tracker: Tracker, *_: tf.Tensor) -> None:
        if generator.pp_filter is not None:
            picture = filter_response_picture(generator.pp_filter.kernel.numpy()[:, 0, 0])
            tracker.images(step, "pp_filt", picture[None])

    return Gan(
        generator=generator,
        discriminator=WaveGANDiscriminator(**config.discriminator_arguments(len(labels)), dtype=policy),
        # Made last, so that the initial weights of the others do not depend on it.
        average=make_generator() if config.train_ema_decay else None,
        labels=tuple(labels),
        **settings(config),
        preview_gap=config.data_sample_rate // 2,
        summarize=summarize_filter,
    )


def prepare(
    config: WaveGANConfig, train_dir: str, store: ClipStore, cluster: Cluster
) -> Callable[[keras.DTypePolicy], Gan]:
    """The way to make the networks of a run, which needs nothing of its directory or audio."""
    return lambda policy: make_gan(config, policy, store.labels)


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
