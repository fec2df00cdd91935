"""MIDI files on the page: what is heard and saved is what gansynth_generate --midi_file makes of the same notes."""

import base64
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from gansynth_tf.draws import normal_latents
from gansynth_tf.midi import instruments, mixing, reading
from tests import midi_files
from tests.core.edge import tones
from tests.midi_files import off, on, pedal, save, tempo
from tests.originals import GOLDENS
from wavegan_tf.core.serving import saved_model

EXAMPLE = GOLDENS / "gansynth" / "example.mid"
DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector("h1").dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tones.save(tmp_path_factory.mktemp("clips") / "keys.html", tones.model(), tones.metadata())


@pytest.fixture
def page(pages, file):
    return pages.open(file)


def drop(page, name, content):
    page.evaluate(DROP, [name, base64.b64encode(content).decode()])


def saved(page):
    """The rendered clip, as saved."""
    panel = page.get_by_role("region", name="MIDI file")
    button = panel.get_by_role("button", name="Save as wav")
    expect(button).to_be_enabled(timeout=60_000)
    with page.expect_download() as started:
        button.click()
    samples, rate = soundfile.read(started.value.path())
    return started.value.suggested_filename, samples, rate


def drawn(seed, count):
    import tensorflow as tf

    return normal_latents(count, tones.DIM, saved_model.latents_seed(tf.constant(seed, tf.int64))).numpy()


def rendered(
    path, *, given=None, seconds=None, seed=0, file=None, pitches=(tones.LOW, tones.HIGH), rate=tones.RATE, **read
):
    """The clip of `rendering.render_midi`, made of the notes of the page's model."""
    notes = reading.read_midi(str(path), *pitches, **read)
    total = float(notes.end_times.max())
    z = instruments.instruments_of_clip(total, given, seconds, lambda count: drawn(seed, count))
    rows = instruments.note_latents(notes.start_times, z, instruments.instrument_times(len(z), total))
    waves = [tones.note(file or tones.model(), row, pitch) for row, pitch in zip(rows, notes.pitches, strict=True)]
    return mixing.combine_notes(waves, notes, rate)


def assert_same(found, expected):
    """Within 1e-4 of the peak, of which 16 bits take a third."""
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_dropped_file_is_rendered_as_by_the_command(page, tmp_path):
    beats = [(on if index % 2 else off)(0, 60 + index % 7) for index in range(6)]
    track = [
        tempo(0, 400_000), pedal(0, 127), on(0), on(0, 64, 40), off(150), off(0, 64), pedal(100, 0), on(20, 72, 127),
        tempo(0, 900_000), off(400, 72), *beats, on(0, 30), on(0, 31), off(50, 30), off(0, 31),
        on(900, 55, 9), off(30, 55),
    ]  # fmt: skip
    path = save(tmp_path / "A tune.mid", track)
    drop(page, "A tune.mid", (tmp_path / "A tune.mid").read_bytes())
    name, samples, rate = saved(page)
    assert (name, rate) == ("A tune.wav", tones.RATE)
    assert_same(samples, rendered(path))
    panel = page.get_by_role("region", name="MIDI file")
    expect(panel.get_by_text("Skipped: 2 notes whose pitches are not from 48 to 72.")).to_be_visible()
    words = r"^A tune.mid: \d+ notes in [\d.]+ seconds. Ready: 0:\d\d on 2 instruments.$"
    expect(panel.locator(".report")).to_have_text(re.compile(words))


@pytest.mark.parametrize(
    ("choice", "seconds", "options"),
    [
        ("random", "", {"seed": 11}),
        ("random", "0.75", {"seed": 11, "seconds": 0.75}),
        ("given", "", {"given": [0, 1]}),
        ("given", "1,5", {"given": [0, 1], "seconds": 1.5}),
        ("one", "", {"given": [0]}),
    ],
)
def test_instruments_over_time(page, choice, seconds, options):
    panel = page.get_by_role("region", name="MIDI file")
    panel.get_by_label("Instruments").select_option(choice)
    if choice == "random":
        panel.get_by_label("Seed").fill("11")
    if choice != "one":
        panel.get_by_label("Seconds each").fill(seconds)
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Choose a MIDI file").click()
    chooser.value.set_files(EXAMPLE)
    _, samples, _ = saved(page)
    given = options.pop("given", None)
    z = None if given is None else np.concatenate([drawn(seed, 1) for seed in given])
    assert_same(samples, rendered(EXAMPLE, given=z, **options))
    with page.expect_download() as started:
        panel.get_by_role("button", name="Save latents").click()
    kept = np.load(started.value.path())
    assert kept.shape == (instrument_count(z, options), tones.DIM) and kept.dtype == np.float32
    np.testing.assert_allclose(kept[0], drawn(11, 1)[0] if z is None else z[0], rtol=1e-6, atol=1e-7)


def instrument_count(z, options):
    total = float(reading.read_midi(str(EXAMPLE), tones.LOW, tones.HIGH).end_times.max())
    return len(instruments.instruments_of_clip(total, z, options.get("seconds"), lambda count: np.zeros([count, 1])))


def test_latents_of_a_file(page, tmp_path):
    z = np.random.default_rng(0).normal(size=(3, tones.DIM)).astype(np.float32)
    np.save(tmp_path / "latents.npy", z)
    np.save(tmp_path / "wrong.npy", z[:, 1:])
    drop(page, "latents.npy", (tmp_path / "latents.npy").read_bytes())
    drop(page, "example.mid", EXAMPLE.read_bytes())
    assert_same(saved(page)[1], rendered(EXAMPLE, given=z))
    drop(page, "wrong.npy", (tmp_path / "wrong.npy").read_bytes())
    words = "wrong.npy: its latents must be finite numbers in the shape [n, 4]"
    expect(page.get_by_role("alert")).to_contain_text(words)


def test_pedal_and_drums_can_be_left_out(page, tmp_path):
    track = [pedal(0, 127), on(0), off(50), on(0, 62, channel=9), off(50, 62, channel=9), on(200, 65), off(50, 65)]
    path = save(tmp_path / "x.mid", track)
    drop(page, "x.mid", (tmp_path / "x.mid").read_bytes())
    assert_same(saved(page)[1], rendered(path))
    panel = page.get_by_role("region", name="MIDI file")
    panel.get_by_label("Drum channel").uncheck()
    assert_same(saved(page)[1], rendered(path, drums=False))
    expect(panel.get_by_text("Skipped: 1 notes of the drum channel.")).to_be_visible()
    panel.get_by_label("Sustain pedal").uncheck()
    assert_same(saved(page)[1], rendered(path, drums=False, sustain=False))


@pytest.mark.parametrize(("rate", "samples", "low", "high"), [(11025, 5000, 60, 64), (22050, 22050, 30, 90)])
def test_models_with_other_rates_lengths_and_pitches(pages, tmp_path, rate, samples, low, high):
    file = tones.model(rate, samples)
    page = pages.open(tones.save(tmp_path / "other.html", file, tones.metadata(rate, samples, low, high)))
    expect(page.get_by_text("All notes ready")).to_be_visible()
    assert page.locator(".piano_panel progress").get_attribute("max") == str(high - low + 1)
    drop(page, "example.mid", EXAMPLE.read_bytes())
    _, found, found_rate = saved(page)
    assert found_rate == rate
    assert_same(found, rendered(EXAMPLE, file=file, pitches=(low, high), rate=rate))


def test_a_model_in_stereo(pages, tmp_path):
    file = tones.model(channels=2)
    page = pages.open(tones.save(tmp_path / "stereo.html", file, tones.metadata(channels=2)))
    drop(page, "example.mid", EXAMPLE.read_bytes())
    _, found, _ = saved(page)
    assert found.ndim == 2 and np.abs(found[:, 0] - found[:, 1]).max() > 0.01
    assert_same(found, rendered(EXAMPLE, file=file))
    time = page.get_by_role("region", name="MIDI file").locator(".time")
    expect(time).to_have_text(re.compile(rf"/ 0:0{len(found) // tones.RATE}$"))


def test_faults_are_counted_and_shown_and_files_that_cannot_be_read_refused(page):
    notes = midi_files.track([on(0), off(100)], end=None)
    drop(page, "odd.mid", midi_files.header(3) + midi_files.chunk(b"MTrk", notes))
    saved(page)
    panel = page.get_by_role("region", name="MIDI file")
    words = "Faults of the file, which was read all the same (2): track 1 has no end-of-track event; its header gives 3"
    expect(panel.locator(".remarks")).to_contain_text(words)
    drop(page, "note.txt", b"not a MIDI file")
    words = "note.txt: cannot be read as MIDI (it does not begin with a MIDI header)."
    expect(panel.locator(".report")).to_have_text(words)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(panel.get_by_role("button", name="Save as wav")).to_be_disabled()
    expect(panel.locator(".player")).to_be_hidden()


def test_a_clip_is_played_and_its_keys_are_shown(page, tmp_path):
    save(tmp_path / "x.mid", [tempo(0, 1_000_000), on(0), on(0, 67), off(200), off(0, 67), on(0, 48), off(400, 48)])
    drop(page, "x.mid", (tmp_path / "x.mid").read_bytes())
    saved(page)
    panel, sounding = page.get_by_role("region", name="MIDI file"), page.locator(".key.sounding")
    expect(sounding).to_have_count(2)
    panel.get_by_role("button", name="Stop").click()
    expect(sounding).to_have_count(0)
    panel.get_by_role("slider", name="Place in the clip").fill("1")
    panel.get_by_role("button", name="Play").click()
    expect(sounding).to_have_count(2)
    panel.get_by_role("slider", name="Place in the clip").fill("3")
    expect(sounding).to_have_count(1)
    expect(sounding).to_have_attribute("data-pitch", "48")
    panel.get_by_role("button", name="Stop").click()
    expect(sounding).to_have_count(0)
    expect(panel.locator(".time")).to_have_text(re.compile(r"^0:03 / 0:09$"))


def test_wrong_numbers_are_refused(page):
    panel = page.get_by_role("region", name="MIDI file")
    drop(page, "example.mid", EXAMPLE.read_bytes())
    saved(page)
    for field, value, words in (
        ("Seconds each", "0", "“Seconds each” must be a number from 0.05 to 1000000, or empty."),
        ("Seconds each", "x", "“Seconds each” must be a number"),
        ("Seed", "1.5", "The seed must be a whole number"),
    ):
        panel.get_by_label(field).fill(value)
        panel.get_by_role("button", name="Render").click()
        expect(page.get_by_role("alert").last).to_contain_text(words)
        panel.get_by_label(field).fill("" if field != "Seed" else "0")
