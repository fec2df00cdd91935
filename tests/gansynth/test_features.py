"""The representations against Magenta's, librosa, and themselves there and back."""

from __future__ import annotations

import json

import librosa
import numpy as np
import pytest
import scipy.signal
import tensorflow as tf

from gansynth_tf import features, mel
from gansynth_tf.features import Features
from tests.gansynth.reference import names
from tests.originals import GOLDENS, assert_near
from wavegan_tf.core.audio.conversion import Unusable, convert
from wavegan_tf.core.errors import UserError

NOTES = np.load(GOLDENS / "gansynth" / "nsynth_notes.npz")["audio"][..., None]
FULL_SIZE = [name for name in names("spectral_*_*.npz")]
SPEC_SHAPES = {"hires": (128, 1024), "normal": (256, 512)}
STRIDED = np.s_[:, ::5, 1::3]


def kind_of(name):
    """Data type and shape of a full-size file."""
    _, data_type, resolution = name.removesuffix(".npz").split("_")
    return data_type, SPEC_SHAPES[resolution]


def assert_same_sound(specgrams, expected, tolerance=1e-5, is_phase=False):
    """Checks log magnitudes where there is sound, and frequencies modulo a turn, weighed by the magnitude.

    A bin of no magnitude has any phase, and its logarithm shows the last bit of the transform.
    """
    specgrams, expected = np.asarray(specgrams), np.asarray(expected)
    assert specgrams.shape == expected.shape
    magnitude = np.exp(expected[..., 0])
    assert np.max(np.abs(np.exp(specgrams[..., 0]) - magnitude)) <= tolerance * magnitude.max()
    heard = magnitude > 1e-3
    assert np.max(np.abs(specgrams[..., 0] - expected[..., 0])[heard]) < 0.05
    turns = np.abs(specgrams[..., 1] - expected[..., 1])
    turns = np.abs(turns - 2 * np.round(turns / 2))
    assert np.max(turns * magnitude) <= 10 * tolerance * magnitude.max()
    assert np.mean(turns > 1e-3) < 0.02


def small(key):
    """A tiny representation of the original's and its arrays."""
    golden = np.load(GOLDENS / "gansynth" / "spectral_small.npz")
    settings = json.loads(str(golden[f"{key}/settings_json"]))
    data_type = "linear" if settings.pop("ifreq", True) else "phase"
    settings["spec_shape"] = tuple(settings["spec_shape"])
    return Features(data_type, **settings), {
        n.removeprefix(f"{key}/"): golden[n] for n in golden if n.startswith(f"{key}/")
    }


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_every_step_of_the_tiny_chains_is_the_originals(key):
    made, golden = small(key)
    steps = golden["nfft_nhop_padl_padr"]
    assert [made.frame_length, made.frame_step, made.padding, 0] == list(steps)
    stfts = golden["stfts"][..., 0]
    assert_near(made.waves_to_spectra(golden["waves"]), stfts)
    assert_near(made.spectra_to_waves(stfts), golden["stfts_to_waves"])
    specgrams, melspecgrams = golden["specgrams"], golden["melspecgrams"]
    assert_near(made.spectra_to_specgrams(stfts), specgrams)
    assert_near(made.specgrams_to_spectra(specgrams), golden["specgrams_to_stfts"][..., 0])
    assert_near(made.spectra_to_waves(golden["specgrams_to_stfts"][..., 0]), golden["specgrams_to_waves"])
    if made.data_type == "linear":
        assert_near(made.specgrams_to_melspecgrams(specgrams), melspecgrams, 2e-5)
        assert_near(made.melspecgrams_to_specgrams(melspecgrams), golden["mel_to_specgrams"], 2e-5)
        assert_near(made.specgrams_to_spectra(golden["mel_to_specgrams"]), golden["mel_to_stfts"][..., 0])


@pytest.mark.parametrize("name", FULL_SIZE)
def test_the_way_there_is_the_originals_at_full_size(name):
    data_type, shape = kind_of(name)
    golden = np.load(GOLDENS / "gansynth" / name)
    made = Features(data_type, shape, 64000, 16000)
    assert made.data_shape == (*golden["meta_spec_shape"], 2)
    assert [made.frame_length, made.frame_step, made.padding, 0] == list(golden["meta_nfft_nhop_padl_padr"])
    spectra = made.waves_to_spectra(NOTES[:2])
    assert_near(spectra.numpy()[STRIDED], golden["stfts_strided"])
    specgrams = made.spectra_to_specgrams(spectra).numpy()
    assert_same_sound(specgrams[STRIDED], golden["specgrams_strided"])
    assert_same_sound(specgrams[0, 20:22], golden["specgram_rows20_22"])
    assert_near(made.spectra_to_waves(spectra)[0, ::2, 0], golden["stft_to_wave_note0"])
    data = made.waves_to_data(NOTES[:2]).numpy()
    if data_type == "mel":
        assert_same_sound(data[STRIDED], golden["melspecgrams_strided"], 1e-4)
        assert_same_sound(data[0, 20:22], golden["melspecgram_rows20_22"], 1e-4)
    flat = data.reshape(-1, 2).astype(np.float64)
    stats = np.stack([flat.min(0), flat.max(0), flat.mean(0), flat.std(0)])
    np.testing.assert_allclose(stats[:, 0], golden["data_stats"][:, 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(stats[2:, 1], golden["data_stats"][2:, 1], atol=5e-3)


@pytest.mark.parametrize("name", FULL_SIZE)
def test_the_way_back_is_the_originals_at_full_size(name):
    data_type, shape = kind_of(name)
    golden = np.load(GOLDENS / "gansynth" / name)
    made = Features(data_type, shape, 64000, 16000)
    data = golden["inverse_input_f16"].astype(np.float32)[None]
    spectra = made.data_to_spectra(data)
    assert_near(spectra[0, ::5, 1::3], golden["inverse_stft_strided"], 1e-3)
    wave = made.data_to_waves(data)[0, :, 0]
    expected = golden["inverse_wave"]
    step = len(wave) // len(expected)
    difference = wave[::step] - expected
    assert np.sqrt(np.mean(np.square(difference))) < 2e-4 * np.sqrt(np.mean(np.square(expected)))


@pytest.mark.parametrize("shape", SPEC_SHAPES.values(), ids=SPEC_SHAPES.keys())
@pytest.mark.parametrize("use_unwrap", [True, False])
def test_linear_features_there_and_back_are_the_sound_without_its_zeroth_bin(shape, use_unwrap):
    made = Features("linear", shape, 64000, 16000, use_unwrap=use_unwrap)
    back = made.data_to_waves(made.waves_to_data(NOTES)).numpy()
    lengths = {"hop_length": made.frame_step, "window": "hann", "center": False}
    for note, ours in zip(NOTES[..., 0], back[..., 0], strict=True):
        spectra = librosa.stft(np.pad(note, (made.padding, 0)), n_fft=made.frame_length, **lengths)
        spectra[0] = 0.0
        expected = librosa.istft(spectra, n_fft=made.frame_length, **lengths)[made.padding :]
        inside = slice(made.frame_length, -made.frame_length)
        assert np.sqrt(np.mean(np.square(ours[inside] - expected[inside]))) < 1e-5
    # What has nothing near 0 Hz comes back whole.
    highs = scipy.signal.sosfiltfilt(scipy.signal.butter(6, 150, "high", fs=16000, output="sos"), NOTES[2:, :, 0])
    back = made.data_to_waves(made.waves_to_data(tf.constant(highs[..., None], tf.float32))).numpy()[..., 0]
    assert np.sqrt(np.mean(np.square((back - highs)[:, inside]))) < 1e-5


@pytest.mark.parametrize("data_type", ["linear", "mel"])
def test_both_ways_to_the_frequency_agree(data_type):
    made = [Features(data_type, (128, 1024), 64000, 16000, use_unwrap=mode) for mode in (True, False)]
    first, second = (one.waves_to_data(NOTES[:2]) for one in made)
    if data_type == "linear":
        assert_same_sound(second, first, 1e-4)
    waves = [one.data_to_waves(data).numpy() for one, data in zip(made, (first, second), strict=True)]
    if data_type == "linear":
        assert_near(waves[1], waves[0], 1e-4)


def test_librosa_finds_the_same_spectra():
    made = Features("linear", (128, 1024), 64000, 16000)
    spectra = made.waves_to_spectra(NOTES[:1])[0].numpy()
    padded = np.pad(NOTES[0, :, 0], (3072, 0))
    theirs = librosa.stft(padded, n_fft=2048, hop_length=512, window="hann", center=False).T[:, 1:]
    assert_near(spectra, theirs, 1e-5)
    specgrams = made.spectra_to_specgrams(spectra[None])[0].numpy()
    frequency = np.diff(np.unwrap(np.angle(theirs), axis=0), axis=0) / np.pi
    assert_same_sound(specgrams[1:], np.stack([np.log(np.abs(theirs[1:]) + 1e-6), frequency], axis=-1), 1e-5)


@pytest.mark.parametrize(("shape", "rate"), [((128, 1024), 16000), ((96, 2048), 44100), ((64, 512), 8000)])
def test_a_tone_keeps_its_pitch_on_the_mel_axis(shape, rate):
    length = shape[1] // 2 * (shape[0] - 4)
    made = Features("mel", shape, length, rate)
    for hertz in (220.0, 1760.0):
        tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(length) / rate)[None, :, None].astype(np.float32)
        back = made.data_to_waves(made.waves_to_data(tone))[0, length // 8 : -length // 8, 0].numpy()
        spectrum = np.abs(np.fft.rfft(back * np.hanning(len(back))))
        assert abs(np.argmax(spectrum) * rate / len(back) - hertz) < 1.0


def test_banded_products_are_the_dense_ones():
    rng = np.random.default_rng(0)
    made = Features("mel", (128, 1024), 64000, 16000)
    matrix = mel.linear_to_mel_matrix(1024, 1024, 16000, 0.0, 8000.0)
    x = rng.normal(size=(3, 5, 1024)).astype(np.float32)
    assert_near(made._to_mel.product(x), x @ matrix)
    assert_near(made._to_linear.product(x), x @ mel.mel_to_linear_matrix(matrix))
    assert sum(block.size for _, block in made._to_mel.blocks) < matrix.size / 8


def test_features_compile_under_xla_and_have_gradients():
    made, golden = small("a")
    made = Features("mel", made.spec_shape, made.audio_length, 16000)
    waves = tf.constant(golden["waves"])
    there = tf.function(made.waves_to_data, jit_compile=True, autograph=False)(waves)
    assert_same_sound(there, golden["melspecgrams"], 1e-5)
    back = tf.function(made.data_to_waves, jit_compile=True, autograph=False)(golden["melspecgrams"])
    assert_near(back, golden["mel_to_waves"], 1e-4)
    with tf.GradientTape() as tape:
        data = tf.constant(golden["melspecgrams"])
        tape.watch(data)
        energy = tf.reduce_sum(tf.square(made.data_to_waves(data)))
    gradient = tape.gradient(energy, data)
    assert np.isfinite(gradient).all() and np.any(gradient[..., 0]) and np.any(gradient[..., 1])


def test_batches_of_unknown_size():
    made, golden = small("a")
    there = tf.function(
        made.waves_to_data, input_signature=[tf.TensorSpec([None, made.audio_length, 1])], autograph=False
    )
    assert_near(there(golden["waves"]), golden["specgrams"])


def test_waves_are_the_originals():
    golden = np.load(GOLDENS / "gansynth" / "spectral_wave.npz")
    made = Features("wave", (65536, 1), 64000, 16000)
    data = made.waves_to_data(tf.constant(NOTES[:2])).numpy()
    assert data.shape == tuple(golden["data_shape"]) and not made.is_spectral
    np.testing.assert_array_equal(data[:, ::16], golden["data_strided"])
    np.testing.assert_array_equal(np.concatenate([data[:, :800:16], data[:, -800::16]], 1), golden["data_edges"])
    np.testing.assert_array_equal(made.data_to_waves(data), NOTES[:2])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("data_type", ["linear", "phase", "mel", "wave"])
def test_amplified_data_are_those_of_louder_sounds(data_type, channels):
    made = Features(data_type, (4096, 1) if data_type == "wave" else (16, 256), 2048, 16000, num_channels=channels)
    waves = np.random.default_rng(0).normal(0, 0.1, [3, 2048, channels]).astype(np.float32)
    data, gains = made.waves_to_data(waves), np.array([0.25, 1.0, 3.0], np.float32)
    louder = made.data_to_waves(made.amplify(data, tf.constant(gains)))
    np.testing.assert_allclose(louder, gains[:, None, None] * made.data_to_waves(data), atol=2e-5)


@pytest.mark.parametrize("case", range(7))
def test_crop_or_pad_is_the_originals(case):
    golden = np.load(GOLDENS / "gansynth" / "spectral_ops.npz")
    length, channels = golden[f"crop_or_pad_{case}_length_channels"]
    found = features.crop_or_pad(golden[f"crop_or_pad_{case}_in"], int(length), int(channels))
    np.testing.assert_array_equal(found, golden[f"crop_or_pad_{case}_out"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mel", (128, 1000), 64000, 16000), "1000 frequencies: the features need a power of two"),
        (
            ("linear", (128, 512), 64000, 16000),
            "--audio_length=64000: 128 frames of 512 frequencies hold only 33536 samples",
        ),
        (("wave", (65536, 2), 64000, 16000), "2 frequencies: waves have 1 "),
        (
            ("wave", (32768, 1), 64000, 16000),
            "--audio_length=64000: 32768 frames of 1 frequencies hold only 32768 samples",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(UserError) as error:
        Features(*arguments)
    assert error.value.on_command_line.startswith(message)


def test_unknown_representation():
    with pytest.raises(ValueError, match="data_type='cqt': must be one of linear, phase, mel, wave"):
        Features("cqt", (128, 1024), 64000, 16000)


@pytest.mark.parametrize("data_type", ["linear", "phase", "mel"])
def test_the_largest_samples_that_are_taken_have_finite_features(data_type):
    made = Features(data_type, (128, 1024), 64000, 16000)
    largest = np.float32(1e15)
    (block,) = convert([np.full([64000, 1], largest)], 16000)
    assert np.isfinite(made.waves_to_data(tf.constant(block[None]))).all()
    with pytest.raises(Unusable):
        list(convert([np.full([64000, 1], 2 * largest)], 16000))
