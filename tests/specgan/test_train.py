"""What SpecGAN brings to the trainer, and what a run shows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from specgan_tf import features
from specgan_tf.config import SpecGANConfig
from specgan_tf.gan import make_gan
from specgan_tf.geometry import Moments
from tests.originals import SPECGAN, assert_near
from wavegan_tf.core.training.tracking import Tracker


@pytest.fixture
def golden():
    return np.load(SPECGAN / "features.npz")


@pytest.fixture
def gan_of(golden, tmp_path):
    """Config -> the model of a run with the original's moments."""

    def make(**options):
        stored = Moments(golden["moments_mean"], golden["moments_std"])
        config = SpecGANConfig(specgan_dim=1, specgan_kernel_len=3, specgan_latent_dim=5, **options)
        return make_gan(config, keras.DTypePolicy("mixed_bfloat16"), stored)

    return make


def test_settings_reach_the_gan(gan_of):
    gan = gan_of(
        specgan_loss="lsgan", specgan_disc_nupdates=2, specgan_disc_phaseshuffle=3,
        specgan_disc_phaseshuffle_per_example=True, data_slice_len=32768,
    )  # fmt: skip
    assert (gan.loss, gan.latent_dim, gan.critic_updates) == ("lsgan", 5, 2)
    assert (gan.phase_radius, gan.phase_per_example, gan.preview_gap) == (3, True, 16384)
    assert gan.generator.compute_dtype == gan.discriminator.compute_dtype == "bfloat16"
    assert gan.generator(np.zeros([1, 5], np.float32)).shape == (1, 256, 128, 1)


def test_samples_are_the_originals_spectrograms_and_audio_its_waveforms(gan_of, golden):
    gan = gan_of()
    assert_near(gan.to_sample(tf.constant(golden["x"])), golden["X_norm"], 1e-5)
    assert_near(gan.to_audio(tf.constant(golden["X_norm"])), golden["waveform_ngl16"], 1e-4)
    one = gan_of(specgan_ngl=1)
    assert_near(one.to_audio(tf.constant(golden["X_norm"][:1])), golden["waveform_ngl1"], 2e-5)


def test_clipping_and_inversion_reach_the_features(gan_of, golden):
    stored = Moments(golden["moments_mean"], golden["moments_std"])
    gan = gan_of(specgan_clip_nstd=1.5, specgan_inversion="fast", specgan_ngl=3)
    spectrograms = gan.to_sample(tf.constant(golden["x"]))
    assert_near(spectrograms, np.clip(2 * golden["X_norm"], -1, 1), 1e-5)
    expected = features.spectrograms_to_waveforms(spectrograms, stored, 1.5, 3, "fast")
    assert_near(gan.to_audio(spectrograms), expected, 1e-4)


class RecordingTracker(Tracker):
    def __init__(self):
        self.shown = {}

    def images(self, step, name, images):
        self.shown[f"{name} picture"] = (step, np.asarray(images))

    def waveforms(self, step, name, audio, sample_rate):
        self.shown[name] = (step, np.asarray(audio), sample_rate)
        return {}


def test_a_summary_shows_the_clips_and_both_kinds_of_spectrograms(gan_of, golden):
    tracker = RecordingTracker()
    gan_of(data_sample_rate=8000).summarize(4, tracker, golden["x"], golden["X_norm"], -golden["X_norm"])
    assert set(tracker.shown) == {"x_wav", "x_spectrogram picture", "G_z_spectrogram picture"}
    step, clips, rate = tracker.shown["x_wav"]
    assert (step, rate) == (4, 8000)
    np.testing.assert_array_equal(clips, golden["x"])
    np.testing.assert_array_equal(tracker.shown["x_spectrogram picture"][1], golden["img_uint8"])
    generated = tracker.shown["G_z_spectrogram picture"][1]
    np.testing.assert_array_equal(generated, features.spectrograms_to_pictures(-golden["X_norm"]))
