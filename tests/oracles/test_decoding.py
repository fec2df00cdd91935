"""Audio files in blocks beside files read whole, and what is written beside rounding in Python."""

from __future__ import annotations

import math
from unittest import mock

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.oracles import profile
from wavegan_tf.core.audio import decode, tensorflow_io
from wavegan_tf.core.audio.conversion import Unusable, convert
from wavegan_tf.core.audio.decode import AudioError

# Container, sample format, extension, the sizes of block to try: about those in which a codec has its packets.
FORMATS = [
    *(("WAV", kind, "wav", (1, 7, 64)) for kind in
      ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
    ("WAV", "IMA_ADPCM", "wav", (505, 1017)), ("WAV", "MS_ADPCM", "wav", (500, 1012)),
    ("FLAC", "PCM_S8", "flac", (7, 4096)), ("FLAC", "PCM_16", "flac", (7, 4096)), ("FLAC", "PCM_24", "flac", (7, 4096)),
    ("OGG", "VORBIS", "ogg", (128, 1024)), ("OGG", "OPUS", "opus", (320, 960, 4801)),
    ("AIFF", "PCM_16", "aiff", (7, 64)), ("AU", "PCM_16", "au", (7, 64)), ("W64", "FLOAT", "w64", (7, 64)),
    ("CAF", "ALAC_16", "caf", (7, 4096)), ("MP3", "MPEG_LAYER_III", "mp3", (576, 1152)),
]  # fmt: skip


def mapped(whole, num_channels):
    """The mean of all channels, the only one twice, or all of them."""
    if whole.shape[1] == num_channels:
        return whole
    if num_channels == 1:
        return np.stack([np.mean(row) for row in whole])[:, None]
    return np.repeat(whole, 2, axis=1) if (whole.shape[1], num_channels) == (1, 2) else None


def at_rate(whole, rate, wanted):
    """All samples resampled at once by librosa."""
    return librosa.resample(whole.T, orig_sr=rate, target_sr=wanted, res_type="soxr_hq").T if rate != wanted else whole


@pytest.mark.parametrize(("container", "subtype", "extension", "blocks"), FORMATS)
def test_every_format_in_blocks(tmp_path_factory, container, subtype, extension, blocks):
    path = str(tmp_path_factory.mktemp("sounds") / f"x.{extension}")

    @profile.examples(12)
    @given(st.data(), st.sampled_from(blocks), st.integers(0, 2**32), st.sampled_from([1, 2, 3]), st.booleans())
    def check(data, block, seed, channels, with_tensorflow):
        channels = min(channels, 2) if container == "MP3" or "ADPCM" in subtype else channels
        n = data.draw(st.one_of(profile.sizes(block, data.draw(st.sampled_from([2, 47, 144, 333]))), st.just(0)))
        num_channels = data.draw(st.integers(1, 3))
        sound = np.random.default_rng(seed).uniform(-1, 1, [n, channels])
        soundfile.write(path, sound, 16000, subtype, format=container)
        try:
            whole = soundfile.read(path, dtype="float32", always_2d=True)[0]
        except soundfile.LibsndfileError:
            assert not n, "libsndfile does not open the file of no samples that it wrote"
            with pytest.raises(AudioError):
                decode.decode(path, None, num_channels)
            return
        expected = mapped(whole, num_channels) if len(whole) else None
        decoder = tensorflow_io.decode if with_tensorflow else lambda *_: None
        with mock.patch.object(decode, "BLOCK_FRAMES", block), mock.patch.multiple(
            tensorflow_io, decode=decoder, MIN_SAMPLES=1
        ):
            if not len(whole) or expected is None:
                with pytest.raises(AudioError, match="holds no samples" if not len(whole) else "which do not fit"):
                    decode.decode(path, None, num_channels)
                return
            found = decode.decode(path, None, num_channels, normalize=False)
            # mpg123 rounds otherwise where soundfile seeks.
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if container == "MP3" else 0)
            peak = max(abs(x) for x in expected.ravel().tolist()) or 1.0
            np.testing.assert_allclose(decode.decode(path, 16000, num_channels), expected / peak, rtol=2e-6, atol=2e-6)

    check()


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize(("container", "subtype", "extension"), [("WAV", "FLOAT", "wav"), ("OGG", "VORBIS", "ogg")])
def test_the_block_that_the_commands_use(tmp_path, container, subtype, extension, over):
    path = str(tmp_path / f"x.{extension}")
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, decode.BLOCK_FRAMES + over)
    soundfile.write(path, sound, 22050, subtype, format=container)
    whole = soundfile.read(path, dtype="float32", always_2d=True)[0]
    np.testing.assert_array_equal(decode.decode(path, normalize=False), whole)
    np.testing.assert_array_equal(decode.decode(path, 16000, normalize=False), at_rate(whole, 22050, 16000))


@st.composite
def pieces(draw, n, block):
    """Lengths of pieces that are n together, some of them empty."""
    found: list[int] = []
    while sum(found) < n:
        found.append(min(draw(st.one_of(st.just(0), profile.sizes(block))), n - sum(found)))
        assume(len(found) < 50)
    return found


@profile.examples(120)
@given(
    st.data(), st.sampled_from([4, 50, 700]), st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3),
    st.sampled_from([(16000, 16000), (44100, 16000), (16000, 44100), (22050, 16000), (8000, 16000), (16000, 8000),
                     (1000, 48000), (192000, 8000), (15999, 16000), (11025, 48000)]),
)  # fmt: skip
def test_sounds_that_come_in_pieces(data, block, seed, channels, num_channels, rates):
    n = data.draw(st.one_of(st.just(0), profile.sizes(block, 3)))
    whole = np.random.default_rng(seed).uniform(-1, 1, [n, channels]).astype(np.float32)
    lengths = data.draw(pieces(n, block))
    blocks = np.split(whole, np.cumsum(lengths)[:-1]) if lengths else []
    if not n or mapped(whole, num_channels) is None:
        with pytest.raises(Unusable, match="^holds no samples" if not n else "which do not fit"):
            list(convert(iter(blocks), rates[0], rates[1], num_channels))
        return
    expected = mapped(at_rate(whole, *rates), num_channels)
    found = np.concatenate(list(convert(iter(blocks), rates[0], rates[1], num_channels)))
    assert len(found) == math.ceil(n * rates[1] / rates[0])
    np.testing.assert_array_equal(found, expected)


@profile.examples(60)
@given(st.data(), profile.sizes(4), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_one_sample_that_is_not_finite(data, n, value):
    whole = np.zeros([n, 2], np.float32)
    whole[data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, 1))] = value
    blocks = np.split(whole, np.cumsum(data.draw(pieces(n, 4)))[:-1])
    kind = "1 NaN, 0 Inf" if math.isnan(value) else "0 NaN, 1 Inf"
    with pytest.raises(Unusable, match=f"not finite: {kind}"):
        list(convert(iter(blocks), 16000, 8000))


SAMPLES = st.sampled_from([0.0, 1.0, -1.0, 1.5, -7.0, 0.5, -0.5, 1 / 32767, -1 / 32767, 0.99997, 2e-5, 1e30, 0.3, -0.7])


@profile.examples(150)
@given(st.data(), profile.sizes(4), st.sampled_from(profile.FLOATS), st.sampled_from(["wav", "flac"]))
def test_what_is_written(tmp_path_factory, data, n, kind, extension):
    channels, lengths = data.draw(st.integers(1, 2)), data.draw(pieces(n, 4))
    values = data.draw(st.lists(SAMPLES, min_size=n * channels, max_size=n * channels))
    sound = np.clip(np.array(values), -6e4, 6e4).astype(kind).reshape(n, channels)
    path = str(tmp_path_factory.getbasetemp() / f"x.{extension}")
    # Full scale is 32767, whatever is louder is clipped, and fractions are dropped. Half precision counts as float32.
    factor = np.float64 if kind is np.float64 else np.float32
    expected = [int(max(-32767.0, min(32767.0, float(factor(x) * factor(32767))))) for x in sound.ravel()]
    decode.write_blocks(path, iter(np.split(sound, np.cumsum(lengths)[:-1])), 16000, channels)
    for _ in range(2):
        found, rate = soundfile.read(path, dtype="int16", always_2d=True)
        assert rate == 16000 and found.ravel().tolist() == expected
        decode.write(path, sound[:, 0] if channels == 1 else sound, 16000)
