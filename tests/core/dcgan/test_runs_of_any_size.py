"""Runs at another rate, length and number of channels than the papers', from training to sound."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io.wavfile

import specgan_tf
import wavegan_tf
from tests.commands import checkpoint_values
from wavegan_tf.core.errors import UserError

RATE, LENGTH = 22050, 3001
PACKAGES = {"wavegan": (wavegan_tf, wavegan_tf.WaveGANConfig), "specgan": (specgan_tf, specgan_tf.SpecGANConfig)}


@pytest.fixture(scope="module")
def stereo(tmp_path_factory):
    """A folder of tones, each side another."""
    folder = tmp_path_factory.mktemp("stereo")
    rng = np.random.default_rng(0)
    for number in range(4):
        time = np.arange(LENGTH + 100 * number) / RATE
        sides = [np.sin(2 * np.pi * pitch * time) + rng.normal(0, 0.05, len(time)) for pitch in (440.0, 1500.0)]
        scipy.io.wavfile.write(folder / f"{number}.wav", RATE, (8000 * np.stack(sides, axis=1)).astype(np.int16))
    return str(folder)


def options(model: str, stereo: str, **changes):
    own = {"dim": 1, "kernel_len": 5, "latent_dim": 4, "disc_nupdates": 1}
    common = {
        "data_dir": stereo, "data_sample_rate": RATE, "data_slice_len": LENGTH, "data_num_channels": 2,
        "data_first_slice": True, "train_batch_size": 4, "preview_n": 1,
    }  # fmt: skip
    return {**common, **{f"{model}_{name}": value for name, value in own.items()}, **changes}


@pytest.mark.parametrize("model", [pytest.param("wavegan", marks=pytest.mark.slow), "specgan"])
def test_a_run_is_resumed_exported_and_heard(model, stereo, tmp_path):
    package, config_class = PACKAGES[model]
    frames = {"specgan_window_len": 0, "specgan_hop_len": 0, "specgan_ngl": 2} if model == "specgan" else {}
    runs = {"whole": [2], "resumed": [1, 2]}
    for name, steps in runs.items():
        for until in steps:
            config = config_class(**options(model, stereo, train_steps=until, **frames))
            assert package.train(config, tmp_path / name) == until
    whole, resumed = (checkpoint_values(tmp_path / name / "model.ckpt-2") for name in runs)
    assert whole.keys() == resumed.keys()
    for name in whole:
        np.testing.assert_array_equal(whole[name], resumed[name], err_msg=name)
    package.export_model(tmp_path / "whole", tmp_path / "1")
    sounds = wavegan_tf.load_model(tmp_path / "1")
    assert (sounds.sample_rate, sounds.metadata["num_channels"]) == (RATE, 2)
    clips = sounds.generate(3, seed=0)
    assert clips.shape == (3, LENGTH, 2) and np.isfinite(clips).all()
    assert np.abs(clips[..., 0] - clips[..., 1]).max() > 0
    preview = sorted((tmp_path / "whole" / "preview").glob("*.wav"))[-1]
    rate, heard = scipy.io.wavfile.read(preview)
    assert rate == RATE and heard.shape[1] == 2 and len(heard) >= LENGTH


@pytest.mark.parametrize("model", PACKAGES)
def test_a_run_stays_at_its_size(model, stereo, tmp_path):
    package, config_class = PACKAGES[model]
    package.train(config_class(**options(model, stereo, train_steps=1)), tmp_path)
    for name, value in (("data_slice_len", LENGTH + 1), ("data_num_channels", 1), ("data_sample_rate", 16000)):
        with pytest.raises(UserError, match=rf"{name}={value}: the run in this directory was started with"):
            package.train(config_class(**options(model, stereo, train_steps=2, **{name: value})), tmp_path)


def test_clips_of_one_side_are_trained_on_and_made_as_one_side(stereo, tmp_path):
    """Each side keeps its own tone, through spectrograms too."""
    from specgan_tf import features, moments
    from wavegan_tf.core.audio import clips

    config = specgan_tf.SpecGANConfig(**options("specgan", stereo, specgan_window_len=0, specgan_hop_len=0))
    store = clips.load_clips(config, str(tmp_path))
    batch = next(iter(clips.first_epoch(store, batch_size=4, seed=0)))
    framing = config.framing()
    assert (framing.window_len, framing.hop_len) == (384, 192)
    stored = moments.of_store(store, 0, framing)
    spectrograms = features.waveforms_to_spectrograms(batch, stored, 6.0, framing)
    heard = features.spectrograms_to_waveforms(spectrograms, stored, 6.0, 16, "exact", framing, LENGTH).numpy()
    assert heard.shape == (4, LENGTH, 2)
    for side, pitch in enumerate((440.0, 1500.0)):
        spectrum = np.abs(np.fft.rfft(heard[0, :, side]))
        assert abs(np.argmax(spectrum) * RATE / LENGTH - pitch) < 20
