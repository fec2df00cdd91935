"""SpecGAN as `core.dcgan` trains it: networks, settings, and the way between waveforms and spectrograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from absl import logging

from specgan_tf import features, moments
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from wavegan_tf.core.audio.clips import ClipStore
from wavegan_tf.core.dcgan.model import Gan, settings
from wavegan_tf.core.training.tracking import Tracker
from wavegan_tf.core.workers.cluster import Cluster


def make_gan(config: SpecGANConfig, policy: keras.DTypePolicy, stored: Moments, labels: Sequence[str] = ()) -> Gan:
    """The networks, features and settings of a run whose data has these moments and labels."""
    clip_nstd, framing = config.specgan_clip_nstd, config.framing()

    def make_generator() -> SpecGANGenerator:
        return SpecGANGenerator(**config.generator_arguments(len(labels)), dtype=policy)

    @tf.function(autograph=False)
    def to_audio(spectrograms: tf.Tensor) -> tf.Tensor:
        return features.spectrograms_to_waveforms(
            spectrograms, stored, clip_nstd, config.specgan_ngl, config.specgan_inversion, framing,
            config.data_slice_len,
        )  # fmt: skip

    def summarize(step: int, tracker: Tracker, clips: tf.Tensor, real: tf.Tensor, fake: tf.Tensor) -> None:
        tracker.waveforms(step, "x_wav", clips, config.data_sample_rate)
        for name, spectrograms in (("x", real), ("G_z", fake)):
            tracker.images(step, f"{name}_spectrogram", features.spectrograms_to_pictures(spectrograms))

    return Gan(
        generator=make_generator(),
        discriminator=SpecGANDiscriminator(**config.discriminator_arguments(len(labels)), dtype=policy),
        # Made last, so that the initial weights of the others do not depend on it.
        average=make_generator() if config.train_ema_decay else None,
        labels=tuple(labels),
        **settings(config),
        to_sample=lambda clips: features.waveforms_to_spectrograms(clips, stored, clip_nstd, framing),
        to_audio=to_audio,
        preview_gap=config.data_slice_len // 2,
        summarize=summarize,
    )


def prepare(
    config: SpecGANConfig, train_dir: str, store: ClipStore, cluster: Cluster
) -> Callable[[keras.DTypePolicy], Gan]:
    """The way to make the networks of a run, once its moments are known; see `moments.agreed`."""
    if not config.has_frames_of_the_paper():
        logging.info(
            "spectrograms: a frame of %d samples lasts %.1f ms at %d Hz, in the paper 16; --specgan_window_len=0 and "
            "--specgan_hop_len=0 make it so at any rate",
            config.framing().window_len, 1000 * config.framing().window_len / config.data_sample_rate,
            config.data_sample_rate,
        )  # fmt: skip
    stored = moments.agreed(config, train_dir, store, cluster)
    return lambda policy: make_gan(config, policy, stored, store.labels)
