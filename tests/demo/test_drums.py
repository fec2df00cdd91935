"""The drums' demo: its commands in order, its page with stand-in commands, and its controls."""

import sys

import numpy as np
import pytest
import soundfile

from tests.page_tags import Tags, write_page
from wavegan_tf.core import demo as core_demo
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


def instruments(folder, output_dir, pages):
    """Heading of each page to play on -> its model, and the page."""
    models = {
        "WaveGAN drum machine, trained for longer": "pretrained/drums",
        "SpecGAN drum machine, trained for longer": "pretrained/specgan_drums",
        "WaveGAN drum machine, just trained": str(folder / "wavegan_tf/model/1"),
        "SpecGAN drum machine, just trained": str(folder / "specgan_tf/model/1"),
    }
    places = [str(output_dir / page) for page in pages]
    return dict(zip(models, zip(models.values(), places, strict=True), strict=True))


def test_whole_demo_with_stand_in_commands(tmp_path, monkeypatch, capsys):
    """The order and options of the commands, the page, what is kept of an earlier run; nothing is trained."""
    calls: list[tuple[str, dict]] = []
    played: dict[str, tuple[str, str]] = {}

    def stand_in(package, name, **options):
        if package == "eval":
            write_page(**options)
            return
        if package == "wavegan_tf.core.edge":
            assert name == "export"
            played[options["title"]] = (str(options["model_dir"]), str(options["output"]))
            return
        calls.append((f"{package}.{name}", options))
        if name == "train":
            options["train_dir"].mkdir(parents=True)
            (options["train_dir"] / "stats.jsonl").write_text('{"step": 5}\n{"step": 12, "G_loss": 1.5}\n')
        if name == "generate":
            options["output_dir"].mkdir(parents=True)
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
    assert names == [*each, "wavegan_tf.generate", "specgan_tf.generate"]
    assert [options["model_dir"] for _, options in calls[6:]] == ["pretrained/drums", "pretrained/specgan_drums"]
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
    pages = [f"drums/instruments/{number}.html" for number in range(1, 5)]
    assert links == ["drums/index.html", *pages, "other/index.html"] and "Another &lt;page&gt;" in index
    assert played == instruments(folder, output_dir, pages)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert len(Tags(text).players()) == len(Tags(text).named("img")) == 12 + 2 * 12 + 4 + 2 + 2 * 12
    made = [f"{name}, {how}" for name in ("WaveGAN", "SpecGAN") for how in ("just trained", "trained for longer")]
    for title in (*made, "Real hits through Griffin-Lim"):
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
