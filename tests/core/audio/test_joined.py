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
FORMATS = {
    "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"), "flac": ("FLAC", "PCM_16"),
    "wav": ("WAV", "PCM_16"), "aiff": ("AIFF", "PCM_16"),
}  # fmt: skip


def tone(frequency, seconds, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def written(path, sound, rate=RATE):
    container, subtype = FORMATS[path.suffix[1:]]
    soundfile.write(path, sound, rate, subtype, format=container)
    return path


def mark_of(data):
    mark = max(data.find(b"Xing"), data.find(b"Info"))
    assert mark > 0 and data[mark + 7] & 1
    return mark


def mp3_telling(path, frames):
    """The bytes of an mp3, which tell this number of frames; None for no mark at all."""
    data = bytearray(path.read_bytes())
    mark = mark_of(data)
    if frames is None:
        data[mark : mark + 4] = bytes(4)
    else:
        struct.pack_into(">I", data, mark + 8, frames)
    return bytes(data)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_joined_files_are_the_files_one_after_another(tmp_path, monkeypatch, extension, count):
    paths = [
        written(tmp_path / f"{part}.{extension}", tone(300 * (part + 1), 0.3 + 0.2 * part)) for part in range(count)
    ]
    joined = tmp_path / f"joined.{extension}"
    joined.write_bytes(b"".join(path.read_bytes() for path in paths))
    alone = [decode.decode(str(path), normalize=False) for path in paths]
    np.testing.assert_array_equal(decode.decode(str(joined), normalize=False), np.concatenate(alone))
    assert len(sections(str(joined))) == (count if count > 1 else 0)
    monkeypatch.setattr(decode.ffmpeg, "is_installed", lambda: False)
    assert decode.probe(str(joined)) == (RATE, 1)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])  # MPEG 2.5, 2, 1 and 1
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_that_tells_too_few_frames_is_read_whole(tmp_path, caplog, rate, channels):
    sound = np.stack([tone(440, 2, rate), tone(660, 2, rate)], axis=1)[:, :channels]
    path = written(tmp_path / "a.mp3", sound, rate)
    expected = decode.decode(str(path), normalize=False)
    data = path.read_bytes()
    (told,) = struct.unpack_from(">I", data, mark_of(data) + 8)
    (tmp_path / "b.mp3").write_bytes(mp3_telling(path, told - 1))
    assert sections(str(tmp_path / "b.mp3")) == []  # By a frame they may differ.
    assert not caplog.records
    for fewer in (told - 2, told // 2, 1, 0):
        (tmp_path / "b.mp3").write_bytes(mp3_telling(path, fewer))
        for _ in range(2):
            np.testing.assert_array_equal(decode.decode(str(tmp_path / "b.mp3"), normalize=False), expected)
    assert len(caplog.records) == 1 and "b.mp3: is longer than it tells" in caplog.text


@pytest.mark.parametrize("frames", [1, 4095, 4096, 4097, 20000, 600_000])
@pytest.mark.parametrize("kind", ["PCM_16", "PCM_24"])
def test_a_flac_that_tells_too_few_samples_is_read_whole(tmp_path, frames, kind):
    path, other = tmp_path / "a.flac", tmp_path / "b.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (frames, 2)), RATE, kind)
    expected = decode.decode(str(path), None, 2, normalize=False)
    data = bytearray(path.read_bytes())
    field = int.from_bytes(data[18:26], "big")
    assert field & (1 << 36) - 1 == frames == len(expected)
    for told in {0, 1, frames // 2, max(1, frames - 4096), max(1, frames - 1), frames}:
        data[18:26] = (field - frames + told).to_bytes(8, "big")
        other.write_bytes(data + b"TAG" + bytes(125) if told % 2 else data)
        np.testing.assert_array_equal(decode.decode(str(other), None, 2, normalize=False), expected)


def test_joined_mp3_of_which_the_first_alone_tells_its_frames(tmp_path):
    paths = [written(tmp_path / f"{name}.mp3", tone(440, 1.5)) for name in "ab"]
    alone = len(decode.decode(str(paths[0]), normalize=False))
    (tmp_path / "joined.mp3").write_bytes(paths[0].read_bytes() + mp3_telling(paths[1], None))
    found = decode.decode(str(tmp_path / "joined.mp3"), normalize=False)
    assert 2 * alone <= len(found) < 2.1 * alone
    assert np.sqrt(np.mean(found[-alone // 2 :] ** 2)) > 0.3


@pytest.mark.parametrize("page", [2, 3, 5, 8])
@pytest.mark.parametrize("extension", ["ogg", "opus"])
def test_a_page_that_is_missing_is_said_once(tmp_path, caplog, extension, page):
    """libsndfile passes over it in silence, and does not count it if it is the first."""
    noise = np.random.default_rng(0).normal(0, 0.2, 10 * RATE).astype(np.float32)
    path = written(tmp_path / f"whole.{extension}", noise)
    assert len(decode.decode(str(path))) == len(noise) and not caplog.messages
    data = path.read_bytes()
    starts = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    path.write_bytes(data[: starts[page]] + data[starts[page + 1] :])
    with caplog.at_level("WARNING"):
        for _ in range(2):
            assert len(decode.decode(str(path))) < len(noise)
    assert caplog.messages[0] == f"{path}: 1 of its pages are missing, and the sound on them; is it damaged?"
    assert len(set(caplog.messages)) == len(caplog.messages)


def test_a_flac_that_is_cut_off_is_refused_or_said(tmp_path, caplog):
    noise = np.random.default_rng(0).normal(0, 0.2, 10 * RATE).astype(np.float32)
    path = written(tmp_path / "whole.flac", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level("WARNING"):
        try:
            missing = len(noise) - len(decode.decode(str(path)))
        except AudioError:
            return
    assert caplog.messages == [f"{path}: {missing} samples are missing of those that it tells; is it damaged?"]


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
    joined.write_bytes(first.read_bytes() + tag + b"lyrics or \xff\xfb\x90\x64 pictures, ID3\xff" + bytes(3000))
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


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
@pytest.mark.parametrize("told", [0, 0xFFFFFFFF])
@pytest.mark.parametrize("between", [b"", b"JUNK" + struct.pack("<I", 4) + b"abcd"])
def test_a_long_wav_without_a_size_is_read_to_its_end(tmp_path, monkeypatch, kind, told, between):
    samples = (tone(440, 0.3) * 32767).astype("<i2")
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    path = tmp_path / "recorder.wav"
    for count in (1, 2, 1000, len(samples)):
        head = kind + struct.pack("<I", 0xFFFFFFFF) + b"WAVEds64" + struct.pack("<IQQQI", 28, 0, 0, 0, 0)
        path.write_bytes(head + form + between + b"data" + struct.pack("<I", told) + samples[:count].tobytes())
        found = decode.decode(str(path), normalize=False)
        np.testing.assert_array_equal(found[:, 0], samples[:count] / np.float32(32768))
    monkeypatch.setattr(decode.ffmpeg, "is_installed", lambda: False)
    whole = written(tmp_path / "whole.wav", samples).read_bytes()[44:]
    sizes = struct.pack("<IQQQI", 28, 72 + len(whole), len(whole), len(samples), 0)
    path.write_bytes(head[:16] + sizes + form + between + b"data" + struct.pack("<I", 0xFFFFFFFF) + whole)
    np.testing.assert_array_equal(decode.decode(str(path), normalize=False), found)
    path.write_bytes(head + form + b"data" + struct.pack("<I", told))
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
