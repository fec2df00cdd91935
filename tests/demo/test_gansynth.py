"""GANSynth's demo: its notes and tune, its figures, and its page with stand-in commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.demo import __main__ as demo
from gansynth_tf.demo import figures
from gansynth_tf.demo.settings import NOTES, OPTIONS, TUNE
from gansynth_tf.midi import reading
from gansynth_tf.notes.files import list_notes
from tests.page_tags import Tags, write_page
from wavegan_tf.core import demo as core_demo

CONFIG = GANSynthConfig(data_dir=str(NOTES), train_time_limit=1.0, **OPTIONS)
LENGTH, RATE = CONFIG.audio_length, CONFIG.sample_rate
PITCHES = np.arange(CONFIG.data_min_pitch, CONFIG.data_max_pitch + 1)


def tone(pitch, rate=RATE, length=LENGTH, harmonics=4):
    time, hertz = np.arange(length) / rate, 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, harmonics + 1) if k * hertz < rate / 2)
    return (0.3 * wave).astype(np.float32)


def test_the_notes_are_few_small_and_of_every_pitch():
    found = list_notes(str(NOTES), "train")
    assert not found.bad and {note.pitch for note in found.notes} == set(PITCHES)
    assert not any(CONFIG.reason_against(note) for note in found.notes)
    assert sum(path.stat().st_size for path in NOTES.rglob("*") if path.is_file()) < 1_000_000
    assert "MIT" in (NOTES / "README.md").read_text(encoding="utf-8")


def test_the_tune_can_be_played_whole():
    notes = reading.read_midi(str(TUNE), PITCHES[0], PITCHES[-1])
    assert len(notes) == 46 and notes.out_of_range == notes.without_length == 0
    # The tempo falls after the 30th of 32 beats.
    assert notes.end_times.max() == pytest.approx(30 * 60 / 126 + (2 * 0.92) * 60 / 104, abs=0.01)


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
@pytest.mark.parametrize("pitch", [40, 60.3, 84])
def test_the_pitch_of_a_tone_is_found(rate, pitch):
    assert figures.measured_pitch(tone(pitch, rate, rate // 2), rate) == pytest.approx(pitch, abs=0.1)


def test_silence_has_no_pitch():
    assert np.isnan(figures.measured_pitch(np.zeros(LENGTH), RATE))


def test_figures_of_known_notes():
    real_pitches = np.array([62, 62, 64])
    real = np.stack([tone(62), tone(62, harmonics=2), tone(64)])
    same = figures.measure(real, real_pitches, real, real_pitches, RATE)
    assert same["right_percent"] == same["octave_percent"] == 100
    assert same["tone_db"] is not None and same["tone_db"] > 1  # each is compared with another one
    waves = np.stack([tone(62), tone(74), tone(63), 0.001 * np.random.default_rng(0).normal(size=LENGTH)])
    found = figures.measure(waves.astype(np.float32), np.full(4, 62), real, real_pitches, RATE)
    assert (found["right_percent"], found["octave_percent"]) == (25, 50)
    expected = 20 * np.log10(np.median(np.sqrt(np.mean(waves**2, axis=1))))
    assert found["level_db"] == pytest.approx(expected, abs=0.01)
    louder = figures.measure(2 * real[:1], real_pitches[:1], real, real_pitches, RATE)
    assert louder["tone_db"] == pytest.approx(0, abs=0.01)  # the level does not count
    alone = figures.measure(real[2:], real_pitches[2:], real, real_pitches, RATE)
    assert alone["tone_db"] is None


def test_whole_demo_with_stand_in_commands(tmp_path, monkeypatch, capsys):
    """The commands in order and the page; instead of generated notes there are tones, half of them an octave off."""
    calls: list[tuple[str, dict]] = []
    played = []

    def write(folder: Path, pitches, wrong=0):
        folder.mkdir()
        for number, pitch in enumerate(pitches):
            soundfile.write(folder / f"{number:06d}_midi{pitch:03d}.wav", tone(pitch + wrong), RATE)

    def stand_in(package, name, **options):
        if package == "eval":
            write_page(**options)
            return
        if package == "wavegan_tf.core.edge":
            played.append((name, str(options["model_dir"]), str(options["output"])))
            return
        calls.append((name, options))
        assert package == "gansynth_tf"
        if name == "export":
            metadata = {"audio_length": LENGTH, "sample_rate": RATE, "step": 1234, "stage": 2}
            (options["export_dir"] / "assets.extra").mkdir(parents=True)
            (options["export_dir"] / "assets.extra" / "model.json").write_text(json.dumps(metadata))
        elif "scale" in options:
            write(options["output_dir"], PITCHES[::6], wrong=12 * (options["seed"] % 2))
        elif "interpolate" in options:
            write(options["output_dir"], [60] * (options["interpolate_steps"] + 1))
        elif "midi_file" in options:
            options["output_dir"].mkdir()
            soundfile.write(options["output_dir"] / "tune.wav", tone(60, length=3 * RATE), RATE)

    waves, pitches, instruments = demo.real_notes(LENGTH)
    few = (waves[:24], pitches[:24], instruments[:24])
    monkeypatch.setattr(demo, "real_notes", lambda length: few)
    monkeypatch.setattr(core_demo, "command", stand_in)
    demo.main([f"--output_dir={tmp_path / 'out'}", "--minutes=0.5"])
    assert [name for name, _ in calls] == ["train", "export", *["generate"] * 4]
    train = calls[0][1]
    assert json.loads(train["hparams"]) == OPTIONS and train["train_time_limit"] == 30
    assert {options["model_dir"] for name, options in calls[2:]} == {calls[1][1]["export_dir"]}
    text = (tmp_path / "out" / "notes" / "index.html").read_text(encoding="utf-8")
    tags = Tags(text)
    assert len(tags.players()) == len(tags.named("img")) == 1 + 12 + 5 + 6 + 2
    assert tags.named("img")[0]["alt"] == "Rainbowgram of The tune: Ode to Joy, in two voices"
    assert "1234 images in 3 stages" in text
    rows = [row.split('<td data-value="')[1:3] for row in text.split("<tbody>")[1].split("<tr>")[1:]]
    percents = [[float(cell.split('"')[0]) for cell in row] for row in rows]
    assert percents[0][0] > 90 and percents[1] == [50, 100] and percents[2][0] < 20
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'href="notes/index.html"' in index and 'href="notes/instruments/1.html"' in index
    out = tmp_path / "out" / "notes"
    assert played == [("export", str(out / "model" / "1"), str(out / "instruments" / "1.html"))]
    assert "tune.wav" in capsys.readouterr().out


@pytest.mark.slow
def test_a_short_demo_by_its_own_commands(tmp_path):
    demo.main([f"--output_dir={tmp_path}", "--minutes=0.2"])
    tune, rate = soundfile.read(tmp_path / "notes" / "tune" / "tune.wav")
    notes = reading.read_midi(str(TUNE))
    assert rate == RATE and len(tune) == int(np.ceil((notes.end_times.max() + 3) * RATE))
    assert tune.max() == pytest.approx(0.5, abs=1e-4)
    # Something sounds while any note is held.
    for start, end in zip(notes.start_times, notes.end_times, strict=True):
        assert np.sqrt(np.mean(tune[int(start * RATE) : int(end * RATE)] ** 2)) > 1e-3
