"""Decoding and writing, against libsndfile, librosa, the original's measured values and a folder of bad files."""

from __future__ import annotations

import importlib
import os
import pathlib
import struct
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import soxr

from tests.fuzz import trial
from wavegan_tf.core.audio import decode, tensorflow_io
from wavegan_tf.core.audio.decode import AudioError
from wavegan_tf.core.audio.files import find_audio_files, stem_of
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name

TESTS = str(Path(__file__).parents[2])
BAD = os.path.join(TESTS, "data", "bad")
GOLDENS = os.path.join(TESTS, "goldens", "wavegan")
LOADER = os.path.join(GOLDENS, "loader")
NAMES = sorted(os.listdir(os.path.join(LOADER, "audio")))

# Samples at 16 kHz, or the reason why there are none.
EXPECTED = {
    "00_empty.wav": "is empty (0 bytes)",
    "01_truncated_header.wav": "No 'data' chunk marker",
    "02_header_only_riff.wav": "Format not recognised",
    "03_declared_length_too_long.wav": 16000,
    "04_declared_length_too_short.wav": 500,
    "05_data_length_0xFFFFFFFF.wav": 16000,
    "06_zero_samples.wav": "holds no samples",
    "07_one_sample.wav": 1,
    "08_no_data_chunk.wav": "No 'data' chunk marker",
    "09_no_fmt_chunk.wav": "No 'data' chunk marker",
    "10_float32_nan_inf.wav": "10 NaN, 2 Inf",
    "11_float32_all_nan.wav": "16000 NaN, 0 Inf",
    "12_float32_out_of_range.wav": 16000,
    "13_float64.wav": 16000,
    "14_pcm24.wav": 16000,
    "15_pcm32.wav": 16000,
    "16_pcm_u8.wav": 16000,
    "17_alaw.wav": 16000,
    "18_mulaw.wav": 16000,
    "19_ima_adpcm.wav": 16272,
    "20_96khz_with_20khz_tone.wav": 16000,
    "21_8khz.wav": 16000,
    "22_odd_rate_11127hz.wav": 16000,
    "23_six_channels.wav": 16000,
    "24_stereo_opposite_phase.wav": 16000,
    "25_all_silent.wav": 16000,
    "26_dc_offset.wav": 16000,
    "27_full_scale_square.wav": 16000,
    "28_too_short_10ms.wav": 160,
    "29_text_file.wav": "Format not recognised",
    "30_random_bytes.wav": "Format not recognised",
    "31_whole.mp3": 80000,
    "32_truncated_in_the_middle.mp3": 39215,
    "33_mp3_named_wav.wav": 80000,
    "34_truncated_in_the_middle.flac": "lost sync",
    "35_corrupt_frame.flac": "cannot be decoded",
    "36_rate_zero.wav": "cannot be decoded",
    "37_channels_zero.wav": "Channel count is zero",
    "38_list_chunk_before_data_odd_size.wav": 16000,
    "39_big_endian_rifx.wav": 16000,
    "40_odd_number_of_bytes.wav": 8000,
    "41 name with spaces.wav": 16000,
    "42_upper_case_extension.WAV": 16000,
}
# How far the same tone may be from its 16-bit form.
TONES = {
    "03_declared_length_too_long.wav": 0,
    "04_declared_length_too_short.wav": 0,
    "05_data_length_0xFFFFFFFF.wav": 0,
    "07_one_sample.wav": 0,
    "13_float64.wav": 2**-14,
    "14_pcm24.wav": 2**-14,
    "15_pcm32.wav": 2**-14,
    "16_pcm_u8.wav": 2**-6,
    "17_alaw.wav": 2**-6,
    "18_mulaw.wav": 2**-6,
    "21_8khz.wav": 0.02,
    "28_too_short_10ms.wav": 2**-14,
    "38_list_chunk_before_data_odd_size.wav": 0,
    "39_big_endian_rifx.wav": 0,
    "40_odd_number_of_bytes.wav": 0,
    "42_upper_case_extension.WAV": 0,
}


def bad(name: str) -> str:
    return os.path.join(BAD, name)


@pytest.fixture(params=["tensorflow-io", "soundfile"])
def reader(request, monkeypatch):
    """Runs a test with in-graph decoding where it loads, also of short files, and without."""
    monkeypatch.setattr(tensorflow_io, "MIN_SAMPLES", 1)
    if request.param == "soundfile":
        monkeypatch.setattr(tensorflow_io, "_wav_decoder", lambda: None)
    elif tensorflow_io._wav_decoder() is None:
        pytest.skip("tensorflow-io does not load here")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EXPECTED)
def test_bad_file(name, reader):
    """Every file gives librosa's samples, or one line with its name and reason."""
    assert sorted(EXPECTED) == sorted(set(os.listdir(BAD)) - {"README.md"})
    expected = EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(AudioError) as raised:
            decode.decode(bad(name), 16000)
        message = str(raised.value)
        assert message.startswith(f"{bad(name)}: ") and expected in message and "\n" not in message
        return
    x = decode.decode(bad(name), 16000, normalize=False)
    reference = np.atleast_2d(librosa.load(bad(name), sr=16000, mono=False)[0]).T
    assert x.shape == (expected, 1) and x.dtype == np.float32
    np.testing.assert_array_equal(x, reference.mean(axis=1, keepdims=True))
    normalized = decode.decode(bad(name), 16000)
    peak = np.abs(x).max()
    np.testing.assert_array_equal(normalized, x / peak if peak else x)
    if name in TONES:
        tone = decode.decode(bad("41 name with spaces.wav"), normalize=False)[: len(x)]
        np.testing.assert_allclose(x[: len(tone)], tone, rtol=0, atol=TONES[name])


def test_bad_file_values():
    """What the table above can't say."""
    assert np.abs(decode.decode(bad("12_float32_out_of_range.wav"), normalize=False)).max() > 3.9
    assert not decode.decode(bad("25_all_silent.wav")).any()
    # The channels cancel to within the rounding of 16 bits.
    assert np.abs(decode.decode(bad("24_stereo_opposite_phase.wav"), normalize=False)).max() <= 2**-16
    square = decode.decode(bad("27_full_scale_square.wav"), normalize=False)
    assert (square.min(), square.max()) == (-1.0, np.float32(32767 / 32768))
    spectrum = np.abs(np.fft.rfft(decode.decode(bad("20_96khz_with_20khz_tone.wav"), 16000)[:, 0]))
    assert spectrum[4000] < 1e-4 * spectrum[440], "the tone at 20 kHz folds down to 4 kHz"


@pytest.mark.parametrize("name", NAMES)
def test_decodes_as_the_original(name, reader):
    golden = np.load(os.path.join(LOADER, "decoded_native.npz"))
    x = decode.decode(os.path.join(LOADER, "audio", name), normalize=False)
    assert len(x) == golden[f"length/{name}"]
    np.testing.assert_allclose(np.abs(x).sum(dtype=np.float64), golden[f"sum_abs/{name}"], rtol=1e-6)
    np.testing.assert_array_equal(x[:64], golden[f"first64/{name}"][:, 0])
    np.testing.assert_array_equal(x[-64:], golden[f"last64/{name}"][:, 0])
    resampled = decode.decode(os.path.join(LOADER, "audio", name), 16000, normalize=False)
    assert len(resampled) == golden[f"length16k/{name}"]
    variants = np.load(os.path.join(LOADER, "decoded_resampler_variants.npz"))
    if f"soxr_hq/{name}" in variants:
        reference = variants[f"soxr_hq/{name}"][:, 0]
        np.testing.assert_allclose(resampled[: len(reference)], reference, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (8000, 1), (11025, 3)])
def test_blocks_make_no_difference(rate, channels, tmp_path, monkeypatch):
    """A file read and resampled piece by piece is bit for bit what librosa makes of the whole."""
    path = str(tmp_path / "x.wav")
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, (30011, channels)), rate, "FLOAT")
    monkeypatch.setattr(decode, "BLOCK_FRAMES", 997)
    reference = np.atleast_2d(librosa.load(path, sr=16000, mono=False)[0]).T
    np.testing.assert_array_equal(decode.decode(path, 16000, channels, normalize=False), reference)


def test_channel_rules():
    six, mono, stereo = bad("23_six_channels.wav"), bad("26_dc_offset.wav"), bad("24_stereo_opposite_phase.wav")
    assert decode.decode(six, num_channels=6).shape == (16000, 6)
    with pytest.raises(AudioError, match="has 6 channels, which do not fit the 2 that are wanted"):
        decode.decode(six, num_channels=2)
    x = decode.decode(mono, num_channels=2)
    assert x.shape == (16000, 2) and (x == 1).all()
    both = decode.decode(stereo, num_channels=2)
    np.testing.assert_allclose(both[:, 0], -both[:, 1], rtol=0, atol=1e-4)


def test_fast_wav():
    """Scipy's reading agrees with the other; what it can't do is said."""
    for name in ("41 name with spaces.wav", "12_float32_out_of_range.wav", "24_stereo_opposite_phase.wav"):
        x = decode.decode(bad(name), 16000, 1, fast_wav=True)
        np.testing.assert_array_equal(x, decode.decode(bad(name), 16000, 1))
    for name, reason in {
        "14_pcm24.wav": "int16 and float32 only",
        "16_pcm_u8.wav": "int16 and float32 only",
        "21_8khz.wav": "data_fast_wav cannot resample",
        "10_float32_nan_inf.wav": "10 NaN, 2 Inf",
        "01_truncated_header.wav": "cannot be decoded",
        "31_whole.mp3": "cannot be decoded",
    }.items():
        with pytest.raises(AudioError, match=reason):
            decode.decode(bad(name), 16000, fast_wav=True)


def test_without_tensorflow_io(monkeypatch):
    """Where it does not load, nothing changes and nothing is printed as a warning."""
    name = bad("41 name with spaces.wav")
    expected = decode.decode(name)

    def refuse(_):
        raise ImportError

    tensorflow_io._wav_decoder.cache_clear()
    monkeypatch.setattr(importlib, "import_module", refuse)
    try:
        assert tensorflow_io._wav_decoder() is None
        np.testing.assert_array_equal(decode.decode(name), expected)
    finally:
        tensorflow_io._wav_decoder.cache_clear()


def test_in_graph_decoding_is_used_for_plain_headers_only(tmp_path, monkeypatch):
    """A header with any field changed goes to soundfile: tensorflow-io ends the process at some of them."""
    if tensorflow_io._wav_decoder() is None:
        pytest.skip("tensorflow-io does not load here")
    path = str(tmp_path / "x.wav")
    x = np.random.default_rng(0).integers(-(2**15), 2**15, (1000, 2)).astype(np.int16)
    soundfile.write(path, x, 16000)
    whole = pathlib.Path(path).read_bytes()
    with soundfile.SoundFile(path) as file:
        monkeypatch.setattr(tensorflow_io, "MIN_SAMPLES", 2001)
        assert tensorflow_io.decode(path, file) is None
        monkeypatch.setattr(tensorflow_io, "MIN_SAMPLES", 2000)
        decoded = tensorflow_io.decode(path, file)
        assert decoded is not None
        np.testing.assert_array_equal(decoded, x / np.float32(32768))
        for field in (16, 20, 22, 24, 28, 32, 34, 40):
            pathlib.Path(path).write_bytes(whole[:field] + b"\0\0" + whole[field + 2 :])
            assert tensorflow_io.decode(path, file) is None
    pathlib.Path(path).write_bytes(whole[:32] + b"\0\0" + whole[34:])
    assert len(decode.decode(path)) == 1000


def test_headers_that_lie(tmp_path):
    """A small file can't ask for unbounded memory."""
    flac = tmp_path / "x.flac"
    soundfile.write(flac, np.zeros(16000), 16000)
    head = bytearray(flac.read_bytes())
    head[21] |= 0x0F  # the 36 bits of STREAMINFO that count samples
    head[22:26] = b"\xff" * 4
    flac.write_bytes(head)
    try:
        assert len(decode.decode(str(flac))) == 16000
    except AudioError as error:
        assert "cannot be decoded" in str(error)
    wav = tmp_path / "x.wav"
    soundfile.write(wav, np.zeros(16000), 16000)
    head = bytearray(wav.read_bytes())
    head[24:28] = struct.pack("<I", 1)
    wav.write_bytes(head)
    with pytest.raises(AudioError, match="sample rate 1 Hz is not between"):
        decode.decode(str(wav), 16000)


def test_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    os.symlink("nowhere", tmp_path / "link.wav")
    for name, reason in {
        "pipe.wav": "is not a regular file",
        "link.wav": "No such file",
        "no.wav": "No such file",
        "": "is not a regular file",
    }.items():
        with pytest.raises(AudioError, match=reason):
            decode.decode(str(tmp_path / name))


def test_find_audio_files(tmp_path):
    """By extension in any case, or by the first bytes; hidden files and what is no audio stay out."""
    whole = pathlib.Path(bad("41 name with spaces.wav")).read_bytes()
    wanted = ["a.WAV", "b c.wav", "sub/deep/é.Flac", "sub/no_extension", "sub/odd.001", "broken.mp3"]
    for name in wanted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"noise" if name == "broken.mp3" else whole)
    bytes_name = os.fsencode(str(tmp_path)) + b"/\xff\n.wav"
    pathlib.Path(os.fsdecode(bytes_name)).write_bytes(whole)
    for name in ("README", "labels.csv", "meta.json", "cover.png", ".hidden.wav", "LICENSE.txt"):
        (tmp_path / name).write_text("text, which is no audio")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.wav").write_bytes(whole)
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    found = find_audio_files(str(tmp_path))
    assert found == sorted([*(str(tmp_path / name) for name in wanted), os.fsdecode(bytes_name)])
    assert len(decode.decode(os.fsdecode(bytes_name), 16000)) == 16000
    assert display_name(os.fsdecode(bytes_name)).endswith(r"/\xff\n.wav")


def test_find_audio_files_errors(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match=f"{tmp_path}: holds no audio file"):
        find_audio_files(str(tmp_path))
    with pytest.raises(UserError, match="nowhere: is not a folder"):
        find_audio_files(str(tmp_path / "nowhere"))


def test_to_int16_as_the_original():
    golden = np.load(os.path.join(GOLDENS, "checkpoint_expected.npz"))
    np.testing.assert_array_equal(decode.to_int16(golden["G_z"]), golden["G_z_int16"])
    assert decode.to_int16(np.array([-2, -1, -0.99999, 0.99999, 1, 2])).tolist() == [
        -32767, -32767, -32766, 32766, 32767, 32767,
    ]  # fmt: skip


@pytest.mark.parametrize("extension", ["wav", "flac", "WAV"])
def test_write(extension, tmp_path):
    x = np.random.default_rng(0).uniform(-1.2, 1.2, (1000, 2)).astype(np.float32)
    path = tmp_path / f"out.{extension}"
    decode.write(str(path), x, 22050)
    y, rate = soundfile.read(path, dtype="int16")
    assert rate == 22050 and soundfile.info(path).subtype == "PCM_16"
    np.testing.assert_array_equal(y, decode.to_int16(x))
    assert os.listdir(tmp_path) == [path.name]


def test_write_errors(tmp_path):
    x = np.zeros(10)
    with pytest.raises(AudioError, match="must be .wav or .flac"):
        decode.write(str(tmp_path / "x.mp3"), x, 16000)
    with pytest.raises(AudioError, match="not finite"):
        decode.write(str(tmp_path / "x.wav"), x * np.nan, 16000)
    with pytest.raises(AudioError, match="cannot be written"):
        decode.write(str(tmp_path / "x.flac"), np.zeros((10, 9)), 16000)
    with pytest.raises(AudioError, match="cannot be written"):
        decode.write(str(tmp_path / "no" / "x.wav"), x, 16000)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "stem"),
    [("a.b/c4.wav", "c4"), ("c4.mp3.wav", "c4"), ("c4.FLAC.ogg.wav", "c4"), ("plain", "plain"), ("x.1.wav", "x.1"),
     ("x.dat", "x"), ("mp3.wav", "mp3")],
)  # fmt: skip
def test_a_stem_has_no_extension_of_audio(path, stem):
    assert stem_of(path) == stem


@pytest.mark.parametrize("channels", [1, 2, 15, 16, 17, 18, 200, 1024])
def test_channels_in_any_number_are_averaged_in_little_memory(tmp_path, channels):
    """A resampler takes 2 MB for each channel, of which a header may claim 1024 in a file of 40 kB."""
    samples = np.random.default_rng(channels).normal(0, 0.1, (20, channels)).astype(np.float32)
    soundfile.write(tmp_path / "many.wav", samples, 8000, subtype="FLOAT")
    found = []
    fault = trial.fault_of(lambda: found.append(decode.decode(str(tmp_path / "many.wav"), 16000, normalize=False)))
    assert not fault
    expected = soxr.resample(samples.astype(np.float64), 8000, 16000, quality="HQ").mean(axis=1)
    np.testing.assert_allclose(found[0][:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("rate", [1_000_001, 10**9, 2**31 - 1])
def test_rates_that_no_sound_has_are_refused_without_resampling_too(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.zeros(8), rate)
    with pytest.raises(AudioError, match=f"sample rate {rate} Hz is not between 1000 and 1000000"):
        decode.decode(str(tmp_path / "a.wav"))
