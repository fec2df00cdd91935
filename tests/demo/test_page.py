import base64
import html.parser
import io
import re
import sys

import librosa
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from wavegan_tf.core import demo as core_demo
from wavegan_tf.core import page
from wavegan_tf.core.errors import UserError
from wavegan_tf.demo import __main__ as demo
from wavegan_tf.demo import figures

RATE = 16000
SETTINGS = {
    "wavegan_tf": {"wavegan_dim": 8, "wavegan_latent_dim": 32, "wavegan_disc_nupdates": 2},
    "specgan_tf": {
        "specgan_dim": 8, "specgan_latent_dim": 32, "specgan_disc_nupdates": 1, "specgan_batchnorm": True,
        "specgan_clip_nstd": 2.0, "specgan_inversion": "fast",
    },
}  # fmt: skip


class Tags(html.parser.HTMLParser):
    """All start tags with their attributes, and a check that what opens also closes."""

    VOID = {"meta", "img", "br", "dt", "dd", "li"}

    def __init__(self, text):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def data(uri, kind):
    prefix = f"data:{kind};base64,"
    assert uri.startswith(prefix)
    return base64.b64decode(uri[len(prefix) :], validate=True)


@pytest.fixture(scope="module")
def clips():
    time = np.arange(demo.SLICE_LEN) / RATE
    tones = np.stack([np.sin(2 * np.pi * 2000 * time), 0.5 * np.sin(2 * np.pi * 6000 * time)])
    return tones[..., None].astype(np.float32)


def test_page_holds_every_clip_and_needs_no_network(clips):
    groups = [
        [page.Section("Tones", "Two <of> them", page.spectrogram_clips(clips, ["low & slow", 'high "quote"'], RATE))],
        [
            page.Section("More", "", page.spectrogram_clips(clips[:1], ["one"], RATE)),
            page.Section("Beside", "", page.spectrogram_clips(clips[1:], ["two"], RATE), "Rainbowgram", is_wide=True),
        ],
    ]
    rows = {"Tones": {**figures.measure(clips, clips, RATE), "decay_ms": None}}
    table = page.Table("The <table>", "Its & text", figures.FIGURES, rows)
    text = page.render("A <title>", ["An & introduction"], groups, table, RATE)
    tags = Tags(text)
    players, pictures = tags.named("audio"), tags.named("img")
    assert len(players) == len(pictures) == 4
    assert [attributes["class"] for attributes in tags.named("div")] == ["clips", "beside", "clips", "whole", "wide"]
    for player, clip in zip(players, [*clips, *clips], strict=True):
        file = io.BytesIO(data(player["src"], "audio/wav"))
        samples, rate = soundfile.read(file, dtype="int16", always_2d=True)
        assert rate == RATE
        np.testing.assert_array_equal(samples, np.trunc(clip * np.float32(32767)).astype(np.int16))
        assert "controls" in player
    assert players[1]["aria-label"] == 'Tones: high "quote"'
    assert pictures[0]["alt"] == "Spectrogram of Tones: low & slow"
    assert pictures[3]["alt"] == "Rainbowgram of Beside: two"
    assert "The &lt;table&gt;</h2>" in text and "Its &amp; text" in text and "<td>–</td>" in text
    outside = re.sub(r"data:[a-z/]+;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|//|url\(|@import|<script|<link", outside)
    assert "A &lt;title&gt;" in outside and "Two &lt;of&gt; them" in outside and "$" not in outside
    assert len(tags.named("td")) == len(figures.FIGURES) == len(tags.named("th")) - 2
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    labels = {attributes.get("aria-labelledby") for _, attributes in tags.found} - {None}
    assert len(ids) == len(set(ids)) and labels <= set(ids)


def test_spectrogram_is_bright_where_the_tone_is(clips):
    # 96 triangles between 98 points, equally spaced in mel: a tone is in the one with the nearest centre.
    centres = librosa.mel_frequencies(98, fmax=RATE / 2)[1:-1]
    for clip, hertz in zip(clips, (2000, 6000), strict=True):
        image = tf.io.decode_png(page.spectrogram_png(clip, RATE)).numpy().astype(int).sum(axis=-1)
        assert image.shape == (96, 129)
        steady = image[:, 6:-6]  # at the ends the tone starts and stops
        np.testing.assert_array_equal(np.argmax(steady, axis=0), 95 - np.argmin(np.abs(centres - hertz)))
        assert steady[95 - np.argmin(np.abs(centres - 4000))].max() < 60
    silence = tf.io.decode_png(page.spectrogram_png(np.zeros_like(clips[0]), RATE)).numpy()
    assert silence.max() <= 1


def test_colours_are_those_of_inferno():
    # matplotlib's table at 0, 1/4, 1/2, 3/4 and 1; the polynomial is a fit, within 6 of 255.
    expected = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]
    found = page.colours(np.array([-0.5, 0.25, 0.5, 0.75, 1.5])).astype(int)
    assert np.abs(found - expected).max() <= 6


def test_whole_demo_with_stand_in_commands(tmp_path, monkeypatch, capsys):
    """The order and options of the commands, the page, what is kept of an earlier run; nothing is trained."""
    calls = []

    def stand_in(package, name, **options):
        calls.append((f"{package}.{name}", options))
        if name == "train":
            options["train_dir"].mkdir(parents=True)
            (options["train_dir"] / "stats.jsonl").write_text('{"step": 5}\n{"step": 12, "G_loss": 1.5}\n')
        if name == "generate":
            options["output_dir"].mkdir()
            for index in range(options["num_samples"]):
                noise = np.random.default_rng(index).uniform(-1, 1, demo.SLICE_LEN)
                soundfile.write(options["output_dir"] / f"{index:06d}.wav", noise, RATE)

    monkeypatch.setattr(core_demo, "command", stand_in)
    output_dir = tmp_path / "out"
    folder = output_dir / "drums"
    (folder / "specgan_tf" / "train").mkdir(parents=True)
    with pytest.raises(UserError, match="did not make"):
        demo.main([f"--output_dir={output_dir}"])
    (output_dir / ".made_by_demo").write_text('{"other": ["Another <page>", "x"], "gone": ["y", "z"]}')
    (folder / "specgan_tf" / "train" / "old").touch()
    (output_dir / "notes.txt").touch()
    (output_dir / "other").mkdir()
    (output_dir / "other" / "index.html").touch()
    demo.main([f"--output_dir={output_dir}", "--minutes=0.5"])
    names = [name for name, _ in calls]
    each = [f"{package}.{name}" for package in ("wavegan_tf", "specgan_tf") for name in ("train", "export", "generate")]
    assert names[:6] == each and set(names[6:]) <= {"wavegan_tf.generate"}
    for first, package in ((0, "wavegan_tf"), (3, "specgan_tf")):
        train, export, generate = (options for _, options in calls[first : first + 3])
        assert (train["train_time_limit_secs"], train["data_dir"]) == (15, demo.DRUMS)
        own = {key: value for key, value in train.items() if package.removesuffix("_tf") in key}
        assert own == SETTINGS[package]
        assert export["train_dir"] == train["train_dir"] == folder / package / "train"
        assert export["export_dir"] == generate["model_dir"] == folder / package / "model" / "1"
    assert not (folder / "specgan_tf" / "train" / "old").exists() and (output_dir / "notes.txt").exists()
    index = (output_dir / "index.html").read_text(encoding="utf-8")
    links = [attributes["href"] for attributes in Tags(index).named("a")]
    assert links == ["drums/index.html", "other/index.html"] and "Another &lt;page&gt;" in index
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert len(Tags(text).named("audio")) == 12 + 2 * 12 + 4 + 2 + 12 * (len(calls) - 6)
    for title in ("WaveGAN, just trained", "SpecGAN, just trained", "Real hits through Griffin-Lim"):
        assert text.count(f">{title}</h2>") == 1
    assert text.count("12 generator updates") == 2
    printed = capsys.readouterr().out
    assert str(output_dir / "index.html") in printed and str(folder / "index.html") in printed


def test_failed_command_and_bad_minutes_are_one_line(monkeypatch, capfd):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError, match="wavegan_tf.train` failed with exit code 1"):
        core_demo.command("wavegan_tf", "train", data_first_slice=True, wavegan_dim=8)
    assert "$ python -m wavegan_tf.train --data_first_slice --wavegan_dim=8" in capfd.readouterr().out
    with pytest.raises(SystemExit) as exit_info:
        demo.main(["--minutes=0"])
    assert exit_info.value.code == 2


def test_the_control_through_griffin_lim_is_near_the_real_hits():
    """Near enough to tell the loss of SpecGAN's way to sound from that of its training."""
    reference, held_out, _ = demo._real_hits()
    found = figures.measure(demo._without_phases(held_out), reference, RATE)
    noise = figures.measure(demo._white_noise(len(reference)), reference, RATE)
    real = figures.measure(held_out, reference, RATE)
    for key in ("envelope_db", "spectrum_db", "mean_spectrum_db"):
        assert found[key] < real[key] + 0.35 * (noise[key] - real[key]), key
