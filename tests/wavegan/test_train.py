import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from wavegan_tf import gan as gan_module
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.training.tracking import Tracker

HEIGHT, WIDTH, FLOOR = 128, 512, -60.0


def dark(picture):
    """(top, bottom) row of the dark pixels of each column; they have no gaps."""
    assert picture.dtype == np.uint8 and set(np.unique(picture)) <= {0, 255}
    rows = []
    for column in picture[:, :, 0].T:
        (marked,) = np.nonzero(column == 0)
        assert len(marked) == marked[-1] - marked[0] + 1
        rows.append((marked[0], marked[-1]))
    return np.array(rows)


def rows_of(gain, height=HEIGHT, floor=FLOOR):
    """Where a gain in dB stands: the top row is 6 dB over the largest, the bottom row `floor` dB from it."""
    return np.clip((gain.max() + 6 - gain) / (6 - floor) * (height - 1), 0, height - 1)


FILTERS = {
    "low-pass": signal.firwin(101, 0.25),
    "high-pass": signal.firwin(101, 0.5, pass_zero=False),
    "notch": np.convolve([1, -2 * np.cos(0.3 * np.pi), 1], signal.firwin(31, 0.9)),
    "noise": np.random.default_rng(1).normal(size=512),
}


@pytest.mark.parametrize("name", FILTERS)
def test_curve_is_the_magnitude_response(name):
    taps = np.asarray(FILTERS[name], np.float32)
    picture = gan_module.filter_response_picture(taps)
    assert picture.shape == (HEIGHT, WIDTH, 1)
    # Column k is the frequency k / WIDTH of half the sample rate.
    _, response = signal.freqz(taps, worN=np.arange(WIDTH) * np.pi / WIDTH)
    wanted = rows_of(20 * np.log10(np.abs(response)))
    top, bottom = dark(picture).T
    before = np.concatenate([wanted[:1], wanted[:-1]])
    # Each column runs from the row of the frequency before it to its own.
    np.testing.assert_allclose(top, np.minimum(before, wanted), atol=1)
    np.testing.assert_allclose(bottom, np.maximum(before, wanted), atol=1)


@pytest.mark.parametrize("gain", [1e-3, 1.0, 40.0])
def test_flat_response_is_a_straight_line_6_db_from_the_top(gain):
    top, bottom = dark(gan_module.filter_response_picture(np.array([0, gain, 0]))).T
    assert (top == bottom).all() and set(top) == {int(6 / 66 * 127)}


def test_size_and_floor():
    picture = gan_module.filter_response_picture(signal.firwin(101, 0.25), height=33, width=64, floor_db=-26.0)
    assert picture.shape == (33, 64, 1)
    top, bottom = dark(picture).T
    assert set(top[:14]) == {6}
    assert set(bottom[20:]) == {32}, "what lies below the floor is drawn on it"


def test_filter_of_zeros_can_be_drawn():
    """A flat line 6 dB below the top of the picture, at any gain: here that of silence."""
    rows = dark(gan_module.filter_response_picture(np.zeros(512), height=67))
    np.testing.assert_array_equal(rows, np.full([512, 2], 6))


class RecordingTracker(Tracker):
    def __init__(self):
        self.shown = []

    def images(self, step, name, images):
        self.shown.append((step, name, images))


@pytest.mark.parametrize("with_filter", [False, True])
def test_settings_reach_the_gan_and_its_filter_is_drawn(with_filter):
    config = WaveGANConfig(
        wavegan_dim=1, wavegan_latent_dim=5, wavegan_loss="lsgan", wavegan_disc_nupdates=2, wavegan_genr_pp=with_filter,
        wavegan_genr_pp_len=16, wavegan_disc_phaseshuffle=3, wavegan_disc_phaseshuffle_per_example=True,
    )  # fmt: skip
    gan = gan_module.make_gan(config, keras.DTypePolicy("mixed_bfloat16"))
    assert (gan.loss, gan.latent_dim, gan.critic_updates) == ("lsgan", 5, 2)
    assert (gan.phase_radius, gan.phase_per_example) == (3, True)
    assert gan.generator.compute_dtype == gan.discriminator.compute_dtype == "bfloat16"
    tracker = RecordingTracker()
    if with_filter:
        taps = np.random.default_rng(2).normal(size=16).astype(np.float32)
        gan.generator.pp_filter.kernel.assign(taps[:, None, None])
        gan.summarize(8, tracker, *[tf.zeros([])] * 3)
        ((step, name, picture),) = tracker.shown
        assert (step, name) == (8, "pp_filt")
        np.testing.assert_array_equal(picture[0], gan_module.filter_response_picture(taps))
    else:
        gan.summarize(8, tracker, *[tf.zeros([])] * 3)
        assert tracker.shown == []
