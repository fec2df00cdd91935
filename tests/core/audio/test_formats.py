"""Formats of all kinds, in blocks of any size, and what other decoders than libsndfile read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import other_decoders
from wavegan_tf.core.audio import decode, tensorflow_io
from wavegan_tf.core.audio.decode import AudioError

BAD = os.path.join(str(Path(__file__).parents[2]), "data", "bad")
FORMATS = [
    ("wav", "WAV", "PCM_16", 16000), ("wav", "WAV", "FLOAT", 16000), ("aiff", "AIFF", "PCM_24", 44100),
    ("flac", "FLAC", "PCM_16", 44100), ("ogg", "OGG", "VORBIS", 44100), ("mp3", "MP3", "MPEG_LAYER_III", 44100),
    *(("opus", "OGG", "OPUS", rate) for rate in (8000, 12000, 16000, 24000, 48000)),
]  # fmt: skip


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("extension", "container", "subtype", "rate"), FORMATS)
def test_every_format_in_odd_blocks_equals_the_whole(
    tmp_path, monkeypatch, extension, container, subtype, rate, channels
):
    """Around multiples of the block, where the last one is short or whole."""
    rng, block, path = np.random.default_rng(0), 4801, str(tmp_path / f"x.{extension}")
    monkeypatch.setattr(tensorflow_io, "decode", lambda *_: None)
    for over in (-1, 0, 1, 2, 47, 144, 333, 500, 959, 961, 2000):
        sound = np.cumsum(rng.uniform(-0.01, 0.01, (2 * block + over, channels)), axis=0).clip(-1, 1)
        soundfile.write(path, sound, rate, subtype, format=container)
        whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
        # mpg123 rounds otherwise where soundfile seeks.
        tolerance = 1e-6 if extension == "mp3" else 0
        for frames in (block, 997, 60, 1 << 18):
            monkeypatch.setattr(decode, "BLOCK_FRAMES", frames)
            found = decode.decode(path, None, channels, normalize=False)
            np.testing.assert_allclose(found, whole, rtol=0, atol=tolerance, err_msg=f"{over} {frames}")


def test_the_last_samples_of_opus_beyond_a_block_are_heard(tmp_path):
    sound = np.cumsum(np.random.default_rng(0).uniform(-0.01, 0.01, decode.BLOCK_FRAMES + 300)).clip(-1, 1)
    soundfile.write(tmp_path / "x.opus", sound, 48000, "OPUS", format="OGG")
    whole, _ = soundfile.read(tmp_path / "x.opus", dtype="float32")
    np.testing.assert_array_equal(decode.decode(str(tmp_path / "x.opus"), normalize=False)[:, 0], whole)


def test_other_decoders_read_what_libsndfile_refuses(tmp_path, monkeypatch):
    path = tmp_path / "x.m4a"
    path.write_bytes(b"for ffmpeg alone")
    programs, samples = tmp_path / "bin", np.arange(-2000, 2000, dtype=np.int16) / np.float32(32768)
    for rate, sound in ((22050, samples), (16000, np.stack([samples, -samples, samples, 0 * samples], axis=1))):
        other_decoders.install(monkeypatch, programs, sound, rate)
        channels = 1 if sound.ndim == 1 else 4
        assert decode.probe(str(path)) == (rate, channels)
        found = decode.decode(str(path), num_channels=channels, normalize=False)
        np.testing.assert_array_equal(found, sound.reshape(len(sound), -1))
    for arguments, reason in (
        ({"samples": samples, "rate": 0}, r"header gives 0 Hz and 1 channels"),
        ({"samples": samples[:0], "error": f"{path}: Invalid data"}, r"cannot be decoded by ffmpeg \(Invalid data\)$"),
        ({"samples": None}, r"cannot be decoded \(Format not recognised\); ffmpeg .* is not installed$"),
    ):
        other_decoders.install(monkeypatch, programs, **arguments)
        with pytest.raises(AudioError, match=rf"x\.m4a: .*{reason}"):
            decode.decode(str(path))
    content = Path(BAD, "23_six_channels.wav").read_bytes()
    (tmp_path / "a_wav.mp3").write_bytes(content)
    assert decode.probe(str(tmp_path / "a_wav.mp3")) == (16000, 6), "its content decides"
    assert decode.probe(os.path.join(BAD, "23_six_channels.wav")) == (16000, 6)
    with pytest.raises(AudioError, match="00_empty.wav: is empty"):
        decode.probe(os.path.join(BAD, "00_empty.wav"))
