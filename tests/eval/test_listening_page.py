"""The listening page: its sounds, pictures and tables, what it makes of odd names, and what it says to mistakes."""

import io
import json
import os
import re
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from eval import listening_page
from eval.page import pictures, sources
from eval.page.render import Clip, ClipSet, Column, Page, Table, render
from tests import commands
from tests.eval.small import call
from tests.page_tags import Tags, data
from wavegan_tf.core.errors import UserError

RATE = 16000
PRETRAINED = "pretrained/drums"
HOSTILE = "</script><b x=\"'&${title}"


def tone(hertz, seconds=1.024, rate=RATE, amplitude=1.0):
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[:, None]


def build(description, folder=""):
    return listening_page.build(description, listening_page.Source("--description=x.json", str(folder), 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Clips of several rates, lengths, channels and formats; the 16-bit samples by name."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(0)
    stored = {
        "a.wav": (random.integers(-32768, 32768, (800, 1), np.int16), 8000),
        "b.flac": (random.integers(-32768, 32768, (3000, 2), np.int16), 44100),
        "c.wav": (random.integers(-32768, 32768, (1, 1), np.int16), 16000),
    }
    for name, (samples, rate) in stored.items():
        soundfile.write(folder / name, samples, rate)
    soundfile.write(folder / "d.wav", np.array([[0.5, -2.0, 0.25]] * 9), 22050, "FLOAT")
    return folder, stored


@pytest.mark.parametrize("picture", ["spectrogram", "rainbowgram"])
def test_sounds_are_those_of_the_files_and_nothing_comes_from_outside(folder, picture):
    folder, stored = folder
    page = build({"sets": [{"name": "All", "path": str(folder)}], "picture": picture})
    tags = Tags(text := render(page))
    players = tags.players()
    assert [player["aria-label"] for player in players] == [f"All: {name}" for name in "abcd"]
    for player, (samples, rate) in zip(players[:3], stored.values(), strict=True):
        found, found_rate = soundfile.read(io.BytesIO(data(player["src"], "audio/wav")), dtype="int16", always_2d=True)
        assert found_rate == rate
        np.testing.assert_array_equal(found, samples)
    mixed, rate = soundfile.read(io.BytesIO(data(players[3]["src"], "audio/wav")), dtype="int16", always_2d=True)
    assert rate == 22050 and mixed.shape == (9, 1) and set(mixed.ravel()) == {round(-1.25 / 3 * 32767 + 0.49)}
    for image in tags.named("img"):
        assert image["alt"].startswith(f"{picture.capitalize()} of All: ")
        assert tf.io.decode_png(data(image["src"], "image/png")).shape[2] == 3
    outside = re.sub(r"data:[a-z/]+;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|url\(|@import|\b(src|href)=\"(?!data:|#|\")", outside)
    assert "default-src 'none'" in text and "half of the clip&#x27;s sample rate" in text
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    labels = {attributes.get("aria-labelledby") for _, attributes in tags.found} - {None}
    assert len(ids) == len(set(ids)) and labels <= set(ids)
    assert set(re.findall(r'element\("(\w+)"\)', text)) <= set(ids)


def test_odd_names_stay_text():
    clip = Clip(HOSTILE, (tone(500) * 9000).astype(np.int16), RATE)
    table = Table(HOSTILE, HOSTILE, [Column("k", HOSTILE, HOSTILE, HOSTILE)], [{"k": HOSTILE}])
    sets = [ClipSet(HOSTILE, HOSTILE, [clip]), ClipSet("\ud800 other", "", [clip], is_beside=True)]
    text = render(Page(HOSTILE, [HOSTILE], sets, [table], HOSTILE))
    tags = Tags(text)
    assert HOSTILE not in text and text.count("</script>") == 1 and not tags.named("b")
    sections = [attributes["data-set"] for attributes in tags.named("section") if "data-set" in attributes]
    assert sections == [HOSTILE, "\ud800 other"]
    assert tags.named("figure")[0]["data-name"] == HOSTILE and tags.named("body")[0]["data-question"] == HOSTILE
    assert [a["class"] for a in tags.named("div") if "class" in a][1] == "beside"


def test_numbers_that_clips_are_sorted_by():
    sound = tone(2000, amplitude=0.5)
    assert pictures.level_db(sound) == pytest.approx(-9.03, abs=0.01)
    assert pictures.centroid_hz(sound, RATE) == pytest.approx(2000, abs=1)
    assert pictures.level_db(0 * sound) is None and pictures.centroid_hz(0 * sound, RATE) is None
    silent = Clip("silent", np.zeros((1600, 1), np.int16), RATE)
    text = render(Page("", [], [ClipSet("x", "", [silent])], [], ""))
    (card,) = Tags(text).named("figure")
    assert (card["data-level"], card["data-centroid"], card["data-duration"]) == ("", "", "0.100000")
    assert "silent" in text
    path = pictures.waveform_path(np.array([[1.0], [-1.0], [0.0], [0.0]]), columns=2)
    assert path == "M0 -1L1 49L2 51L1 101Z"


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_spectrogram_is_bright_where_the_tone_is(rate):
    # 96 triangles between 98 points, equally spaced in mel: a tone is in the one with the nearest centre.
    centres = librosa.mel_frequencies(98, fmax=rate / 2)[1:-1]
    for hertz in (rate / 8, 3 * rate / 8):
        image = pictures.spectrogram(tone(hertz, rate=rate), rate).astype(int)
        steady = image.sum(axis=-1)[:, 6:-6]  # at the ends the tone starts and stops
        np.testing.assert_array_equal(np.argmax(steady, axis=0), 95 - np.argmin(np.abs(centres - hertz)))
        assert steady[95 - np.argmin(np.abs(centres - rate / 4))].max() < 60
    assert pictures.spectrogram(np.zeros((9000, 1)), rate).max() <= 1
    assert pictures.spectrogram(np.zeros((60 * rate, 1)), rate).shape[1] in (1024, 1025)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [100, 1000, 2000, 8000, 48000, 192000])
@pytest.mark.parametrize("picture", [pictures.spectrogram, pictures.rainbowgram])
def test_pictures_of_any_rate_and_length_warn_of_nothing(picture, rate):
    sizes = [picture(tone(rate / 8, rate=rate)[:length], rate).shape for length in (1, 10, rate // 20, 2 * rate)]
    assert sizes == sorted(sizes) and all(height > 30 and width >= 1 for height, width, _ in sizes)


def test_colours_are_those_of_inferno():
    # matplotlib's table at 0, 1/4, 1/2, 3/4 and 1; the polynomial is a fit, within 6 of 255.
    expected = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]
    found = pictures.colours(np.array([-0.5, 0.25, 0.5, 0.75, 1.5])).astype(int)
    assert np.abs(found - expected).max() <= 6


def test_a_models_clips_are_those_that_its_latents_give():
    clips = sources.clips_of(PRETRAINED, None, 3, seed=1)
    again = sources.clips_of(PRETRAINED, ["x", "y"], 2, seed=1)
    assert [clip.caption for clip in clips + again] == ["clip 1", "clip 2", "clip 3", "x", "y"]
    assert clips[0].samples.shape == (16384, 1) and clips[0].sample_rate == RATE
    assert np.abs(clips[0].samples.astype(int) - again[0].samples).max() <= 2
    assert not np.array_equal(clips[0].samples, clips[1].samples)


def test_gansynths_clips_go_through_its_pitches(monkeypatch):
    class Served:
        name, sample_rate, pitches, labels = "gansynth", 8000, range(60, 71), None

        def generate(self, count, pitch, label, seed, batch_size):
            assert (count, pitch, label, seed) == (3, [60, 65, 70], None, 5)
            return np.stack([np.full((4, 1), number / 100, np.float32) for number in pitch])

    monkeypatch.setattr(sources, "load_model", lambda path, trust_model: Served())
    clips = sources.generate(PRETRAINED, 3, seed=5)
    assert [clip.caption for clip in clips] == ["clip 1, MIDI 60", "clip 2, MIDI 65", "clip 3, MIDI 70"]
    assert clips[1].samples.tolist() == [[21298]] * 4


def test_scores_are_a_table_and_bad_lines_are_named(tmp_path):
    path = tmp_path / "scores.jsonl"
    lines = [{"metric": "inception_score", "value": 3.14159, "spread": 0.1, "n": 500, "name": "Real", "of": "SC09"},
             {"metric": "frechet", "value": 12, "name": "Other", "more": [1]}]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    text = render(Page("", [], [], [listening_page.scores_table(str(path))], ""))
    assert '<td data-value="3.14159">3.142</td><td data-value="0.1">0.1</td>' in text and text.count(">–</td>") == 3
    lines = [{"metric": "fid", "value": None, "reason": "too large", "classifier": {"name": "a/log_mel", "is": 0}},
             {"metric": "fid", "value": float("inf"), "classifier": {"name": "b/waveform"}}]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)))
    text = render(Page("", [], [], [listening_page.scores_table(str(path))], ""))
    assert all(f">{shown}</td>" in text for shown in ("–", "a/log_mel", "too large", "inf", "b/waveform"))
    assert "is&quot;" not in text
    for content, message in [("{", "line 1 is not JSON"), ('{"metric": 1}\n[]', "line 2 needs"), ("\n", "no scores")]:
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            listening_page.scores_table(str(path))


@pytest.mark.parametrize("flag", ["scores", "description"])
def test_pipes_are_refused_and_not_waited_for(tmp_path, flag):
    os.mkfifo(tmp_path / "pipe")
    sets = [f"--set=a={tmp_path}"] if flag == "scores" else []
    with pytest.raises(UserError, match=f"^{flag}={tmp_path}/pipe: is not JSON .it is not a regular file.$"):
        call(listening_page, *sets, f"--{flag}={tmp_path}/pipe", f"--output={tmp_path}/page.html")


def test_a_folders_bad_files_are_named_and_left_out(tmp_path, monkeypatch):
    warned: list[str] = []
    monkeypatch.setattr(sources.logging, "warning", lambda text, error: warned.append(text % error))
    (tmp_path / "bad.wav").write_text("no audio")
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(UserError, match="none of its files can be used"):
        sources.clips_of(str(tmp_path), None, 9, seed=0)
    warned.clear()
    soundfile.write(tmp_path / "good.wav", tone(500), RATE)
    (clip,) = sources.clips_of(str(tmp_path), None, 9, seed=0)
    assert clip.caption == "good" and len(warned) == 2
    assert "bad.wav: cannot be decoded" in warned[0] and "pipe.wav: is not a regular file" in warned[1]
    with pytest.raises(UserError, match="bad.wav: cannot be decoded"):
        sources.clips_of(str(tmp_path), ["a", "b", "c"], 9, seed=0)


@pytest.mark.parametrize("rate", [1_000_001, 10**9, 2**31 - 1])
def test_rates_that_no_sound_has_are_refused(tmp_path, rate):
    """Frames of 64 ms would have gigabytes."""
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), rate, subtype="PCM_16")
    with pytest.raises(UserError, match=f"sample rate {rate} Hz is not between"):
        sources.read_clip(str(tmp_path / "a.wav"), "a")


def test_clips_are_whole_whatever_their_headers_say(tmp_path):
    """Of joined files libsndfile reads the first, and takes memory for as many samples as a header claims."""
    sound = np.random.default_rng(0).integers(-32768, 32768, (3000, 2)).astype(np.int16)
    sound[:2] = -32768, 32767
    soundfile.write(tmp_path / "whole.wav", sound, RATE, "PCM_16")
    soundfile.write(tmp_path / "whole.flac", sound, RATE, "PCM_16")
    data = bytearray((tmp_path / "whole.flac").read_bytes())
    data[21] &= 0xF0  # of 36 bits, the number of samples
    data[22:26] = bytes(4)
    (tmp_path / "streamed.flac").write_bytes(data)
    (tmp_path / "joined.wav").write_bytes((tmp_path / "whole.wav").read_bytes() * 2)
    for name, count, error in ("whole.wav", 1, 0), ("whole.flac", 1, 0), ("streamed.flac", 1, 0), ("joined.wav", 2, 1):
        samples = sources.read_clip(str(tmp_path / name), "").samples
        np.testing.assert_allclose(samples, np.tile(sound, [count, 1]), rtol=0, atol=error)


def test_rates_that_browsers_refuse_are_raised(tmp_path):
    time = np.arange(2000) / 2000
    soundfile.write(tmp_path / "low.wav", 0.5 * np.sin(2 * np.pi * 200 * time), 2000)
    clip = sources.read_clip(str(tmp_path / "low.wav"), "low")
    assert clip.sample_rate == 8000 and clip.samples.shape == (8000, 1)
    expected = 0.5 * np.sin(2 * np.pi * 200 * np.arange(8000) / 8000)
    np.testing.assert_allclose(clip.samples[500:-500, 0] / 32768, expected[500:-500], atol=2e-3)


CLIPS = {"name": "x", "files": ["a.wav"]}


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"sets": []}, "there is no set"),
        ({"sets": [CLIPS, CLIPS]}, "two sets have the name 'x'"),
        ({"sets": [{**CLIPS, "path": "y"}]}, "either 'path' or 'files'"),
        ({"sets": [{"name": " ", "files": []}]}, "needs a name"),
        ({"sets": [{"name": "x", "files": []}]}, "has no clips"),
        ({"sets": [{"name": "x", "files": ["none.wav"]}]}, "set x: .*none.wav: cannot be read"),
        ({"sets": [{"name": "x", "path": "none"}]}, "set x: .*none: is not a folder"),
        ({"sets": [{"name": "x", "path": "empty"}]}, "set x: .*empty: holds no audio"),
        ({"sets": [{"name": "x", "path": "versions"}]}, "did you mean .*versions/1"),
        ({"sets": [{"name": "x", "path": "versions/1"}]}, "model.json cannot be used"),
        ({"sets": [{**CLIPS, "captions": ["1", "2"]}]}, "2 captions for 1 files"),
        ({"sets": [{**CLIPS, "wide": 1}]}, "'wide' must be a true or false"),
        ({"sets": [CLIPS], "picture": "photo"}, "picture 'photo' must be one of"),
        ({"sets": [CLIPS], "tilte": ""}, "unknown key 'tilte'"),
        ({"sets": [CLIPS], "tables": [{"columns": [{"key": "k"}], "rows": [{"j": 1}]}]}, "a row has an unknown key"),
        ({"sets": [3]}, "a set must be an object, not 3"),
        ({"sets": [CLIPS], "introduction": "x"}, "'introduction' must be a list"),
        ([], "the description must be an object"),
    ],
)
def test_what_a_description_may_not_say(tmp_path, description, message):
    soundfile.write(tmp_path / "a.wav", tone(500), RATE)
    (tmp_path / "empty").mkdir()
    (tmp_path / "versions" / "1").mkdir(parents=True)
    (tmp_path / "versions" / "1" / "saved_model.pb").touch()
    with pytest.raises(UserError, match=message):
        build(description, tmp_path)


def test_output_that_cannot_be_written_and_a_very_large_page(tmp_path, monkeypatch):
    page = Page("", [], [ClipSet("x", "", [Clip("y", np.zeros((9, 1), np.int16), RATE)])], [], "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"output=.*folder: cannot be written \(Is a directory\)"):
        listening_page.write(page, str(tmp_path / "folder"))
    warned: list[str] = []
    monkeypatch.setattr(listening_page.logging, "warning", lambda text, size: warned.append(text % size))
    listening_page.write(page, str(tmp_path / "new" / "page.html"))
    assert not warned
    monkeypatch.setattr(listening_page, "_LARGE_BYTES", 1e4)
    listening_page.write(page, str(tmp_path / "new" / "page.html"))
    assert len(warned) == 1 and warned[0].startswith("A page above 0 MB is slow")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "new", "page.html"]


@pytest.mark.parametrize(("output", "reason"), [("", "is a folder"), ("file/page.html", "cannot be written")])
def test_output_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path, output, reason):
    (tmp_path / "file").touch()
    path = f"{tmp_path}/{output}"
    with pytest.raises(UserError, match=f"^output={path}: {reason}"):
        call(listening_page, f"--set=A={tmp_path}/nowhere", f"--scores={tmp_path}/none", f"--output={path}")


def test_the_command_line(tmp_path):
    """One page by flags, and one line for a mistake."""
    soundfile.write(tmp_path / "a.wav", tone(500), RATE)
    output = tmp_path / "page.html"
    flags = [f"--set=Drums={commands.DRUMS}", f"--set=A=b={tmp_path}", f"--output={output}", "--num_clips=3"]
    with pytest.raises(UserError, match="must be NAME=PATH"):
        listening_page._set_of_flag("drums", False)
    said = commands.run("eval.listening_page", *flags[:1], "--set=Tones=" + str(tmp_path), *flags[2:], "--title=T & T")
    assert re.search(r"3 of \d+ files, evenly spread", said)
    text = output.read_text(encoding="utf-8")
    assert "<h1>T &amp; T</h1>" in text and len(Tags(text).players()) == 4
    said = commands.run("eval.listening_page", *flags, code=1)
    assert commands.one_line_error(said).endswith("or a model's version folder")
    assert Path(output).read_text(encoding="utf-8") == text
