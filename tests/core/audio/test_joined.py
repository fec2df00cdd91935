"""Files joined of several, and wavs whose size was never filled in, are read whole."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavegan_tf.core.audio import decode
from wavegan_tf.core.audio.decode import AudioError
from wavegan_tf.core.audio.joined import sections

RATE = 16000
FORMATS = {"ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III")}


def tone(frequency, seconds, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def written(path, sound, rate=RATE):
    container, subtype = FORMATS[path.suffix[1:]]
    soundfile.write(path, sound, rate, subtype, format=container)
    return path


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_joined_files_are_the_files_one_after_another(tmp_path, extension, count):
    paths = [
        written(tmp_path / f"{part}.{extension}", tone(300 * (part + 1), 0.3 + 0.2 * part)) for part in range(count)
    ]
    joined = tmp_path / f"joined.{extension}"
    joined.write_bytes(b"".join(path.read_bytes() for path in paths))
    alone = [decode.decode(str(path), normalize=False) for path in paths]
    np.testing.assert_array_equal(decode.decode(str(joined), normalize=False), np.concatenate(alone))
    assert len(sections(str(joined))) == (count if count > 1 else 0)


def test_tags_between_joined_mp3_are_no_sound(tmp_path):
    first, second = (
        written(tmp_path / f"{name}.mp3", tone(440, seconds)) for name, seconds in (("a", 0.5), ("b", 0.7))
    )
    tag = b"TAG" + bytes(125)
    id3 = b"ID3\4\0\0\0\0\1\0" + bytes(128)
    joined = tmp_path / "joined.mp3"
    alone = np.concatenate([decode.decode(str(path), normalize=False) for path in (first, second)])
    for before, between in itertools.product((b"", id3), (b"", tag, id3, tag + id3)):
        joined.write_bytes(before + first.read_bytes() + between + second.read_bytes() + tag)
        np.testing.assert_array_equal(decode.decode(str(joined), normalize=False), alone)
    joined.write_bytes(first.read_bytes() + tag + b"lyrics or pictures")
    assert sections(str(joined)) == []


def test_parts_at_different_rates_are_refused(tmp_path):
    parts = [written(tmp_path / f"{rate}.ogg", tone(440, 0.5, rate), rate) for rate in (16000, 22050)]
    (tmp_path / "joined.ogg").write_bytes(b"".join(path.read_bytes() for path in parts))
    with pytest.raises(AudioError, match="joined.ogg: is joined of parts that differ in sample rate or channels"):
        decode.decode(str(tmp_path / "joined.ogg"))


def wav(samples, order="<", riff=0, data=0, between=b""):
    body = samples.astype(f"{order}i2").tobytes()
    form = struct.pack(f"{order}IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    magic = b"RIFF" if order == "<" else b"RIFX"
    pack = struct.Struct(f"{order}I").pack
    return magic + pack(riff) + b"WAVEfmt " + form + between + b"data" + pack(data) + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("riff", [0, 4, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("between", [b"", b"LIST" + struct.pack("<I", 4) + b"INFO"])
def test_a_wav_without_a_size_is_read_to_its_end(tmp_path, order, riff, between):
    between = between if order == "<" else b""
    samples = (tone(440, 0.3) * 32767).astype(np.int16)
    path = tmp_path / "recorder.wav"
    for count in (1, 2, 1000, len(samples)):
        path.write_bytes(wav(samples[:count], order, riff, 0, between))
        found = decode.decode(str(path), normalize=False)
        np.testing.assert_array_equal(found[:, 0], samples[:count] / np.float32(32768))
    path.write_bytes(wav(samples[:0], order, riff, 0, between))
    with pytest.raises(AudioError, match="holds no samples"):
        decode.decode(str(path))


def test_other_files_are_read_as_they_are(tmp_path):
    """A wav that says its size ends there, whatever follows."""
    samples = (tone(440, 0.3) * 32767).astype(np.int16)
    path = tmp_path / "x.wav"
    path.write_bytes(wav(samples, data=200, riff=236))
    assert len(decode.decode(str(path))) == 100 and sections(str(path)) == []
    for data in (
        b"",
        b"O",
        b"OggS",
        b"RIFF....WAVE",
        b"ID3",
        b"\xff\xfb",
        b"\xff\xfb" + b"Xing" * 60,
        b"RIFF....WAVEdata",
    ):
        path.write_bytes(data)
        assert sections(str(path)) == []


def test_no_sound_of_the_repository_is_taken_for_a_joined_one():
    root = Path(__file__).parents[3]
    paths = [path for path in root.glob("*_tf/demo/**/*") if path.suffix in (".flac", ".wav", ".ogg")]
    assert len(paths) > 70 and not any(sections(str(path)) for path in paths)
