"""specgan_train: trains a SpecGAN on a folder of audio files, or continues a run."""

from __future__ import annotations

import keras
import tensorflow as tf

from specgan_tf import features, moments
from specgan_tf.config import SpecGANConfig
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from wavegan_tf.core import commands, flags
from wavegan_tf.core.clips import ClipStore
from wavegan_tf.core.gan import Gan, settings
from wavegan_tf.core.tracking import Tracker


def make_gan(
    config: SpecGANConfig, policy: keras.DTypePolicy, train_dir: str, store: ClipStore | None = None
) -> Gan:
    """The networks, features and settings of a run, for `trainer.train`.

    Raises:
      UserError: the moments are not at hand; see `moments.of_run`.
    """
    stored = moments.of_run(config, train_dir, store)
    clip_nstd = config.specgan_clip_nstd

    @tf.function
    def to_audio(spectrograms: tf.Tensor) -> tf.Tensor:
        return features.spectrograms_to_waveforms(
            spectrograms, stored, clip_nstd, config.specgan_ngl, config.specgan_inversion
        )

    def summarize(step: int, tracker: Tracker, clips: tf.Tensor, real: tf.Tensor, fake: tf.Tensor) -> None:
        tracker.waveforms(step, "x_wav", clips, config.data_sample_rate)
        for name, spectrograms in (("x", real), ("G_z", fake)):
            tracker.images(step, f"{name}_spectrogram", features.spectrograms_to_pictures(spectrograms))

    return Gan(
        generator=SpecGANGenerator(**config.generator_arguments(), dtype=policy),
        discriminator=SpecGANDiscriminator(**config.discriminator_arguments(), dtype=policy),
        **settings(config),
        to_sample=lambda clips: features.waveforms_to_spectrograms(clips, stored, clip_nstd),
        to_audio=to_audio,
        preview_gap=config.data_slice_len // 2,
        summarize=summarize,
    )


def main() -> None:
    """Reads the flags and trains."""
    commands.train(SpecGANConfig, make_gan, moments.prepare)


def define_flags() -> None:
    """Defines this command's flags."""
    commands.define_train_flags(SpecGANConfig, "specgan_tf.train")


def run() -> None:
    """Entry point of specgan_train."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
