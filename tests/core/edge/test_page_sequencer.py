"""The drum machine's sequencer in a browser: its controls, and when its steps are heard."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.core.edge.playing import SPY, count_starts, hits, settled, slide, state, until

RATE = 16_000  # of the model
TEMPO = 900  # faster than the page lets one choose, so that tests need not wait
LOOP = """async () => {
  const buffer = await instrument.renderLoop(), bytes = new Uint8Array(buffer.getChannelData(0).buffer);
  let text = ""; for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}"""


@pytest.fixture
def page(pages, tiny) -> Page:
    page = pages.open(tiny.page("wavegan"), script=SPY, viewport={"width": 1280, "height": 900})
    settled(page)
    return page


def cell(page, pad, step):
    return page.locator(f"[data-pad='{pad}'][data-step='{step}']")


def tracks(page):
    now = state(page)
    return now["patterns"][now["pattern"]]["tracks"]


def set_steps(page, wanted, **settings):
    """Lets the pattern be {pad: {step: velocity}}."""
    page.evaluate(
        """([wanted, settings]) => instrument.machine.store.change(null, (state) => {
          const { tracks } = state.patterns[state.pattern];
          for (const track of tracks) track.fill(0);
          for (const [pad, steps] of Object.entries(wanted)) Object.assign(tracks[pad], steps);
          for (const [name, value] of Object.entries(settings)) {
            if (name === "steps") state.patterns[state.pattern].steps = value; else state[name] = value;
          }
        })""",
        [wanted, settings],
    )


def onsets(page):
    """Times in seconds at which the rendered loop has sound again after silence, and its length in samples."""
    wave = np.frombuffer(base64.b64decode(page.evaluate(LOOP)), np.float32)
    loud = np.abs(wave) > 1e-5
    first = np.flatnonzero(loud & ~np.concatenate([[False], loud[:-1]]))
    starts = first[np.concatenate([[True], np.diff(first) > 0.02 * RATE])]
    return starts / RATE, len(wave)


def test_64_steps_are_where_they_belong_in_the_samples(page):
    # Sounds of a few milliseconds, so that the samples have silence between steps.
    page.evaluate("""() => { for (const sound of instrument.machine.sounds.kept.values()) {
        sound.buffer = new AudioBuffer({ length: 64, sampleRate: 16000 });
        sound.buffer.getChannelData(0).fill(0.5); } }""")
    for tempo, swing in ((120, 0.5), (97, 0.62), (240, 0.75)):
        set_steps(
            page,
            {0: dict.fromkeys(range(32), 1), 1: {3: 0.5}},
            tempo=tempo,
            swing=swing,
            reverb=0,
            steps=32,
            mode="song",
            song=[0, 0],
        )
        times, length = onsets(page)
        step = 60 / tempo / 4
        wanted = np.array([n * step + (n % 2) * (2 * swing - 1) * step for n in range(64)])
        assert len(times) == 64 and length == round(64 * step * RATE)
        assert np.abs(times - wanted).max() < 1.5 / RATE, np.abs(times - wanted).max()


def test_a_loop_begins_with_what_rings_on_from_its_end(page):
    set_steps(page, {0: {15: 1}}, tempo=120, reverb=0)
    wave = np.frombuffer(base64.b64decode(page.evaluate(LOOP)), np.float32)
    assert len(wave) == 2 * RATE
    sound = np.array(page.evaluate("[...instrument.machine.sounds.get(instrument.machine.state.pads[0]).samples]"))
    # In the middle of the stereo field each channel has 3 dB less; the limiter leaves what is below 0.8 as it is.
    level, start = 0.8 * 0.5**0.5, round(15 / 8 * RATE)
    np.testing.assert_allclose(wave[start:], level * sound[: 2 * RATE - start], atol=1e-4)
    np.testing.assert_allclose(wave[: len(sound) - (2 * RATE - start)], level * sound[2 * RATE - start :], atol=1e-4)
    assert np.abs(wave[len(sound) : start]).max() == 0


def test_a_long_song_is_handed_over_bit_by_bit(page):
    set_steps(page, {0: {step: 0.5 for step in range(0, 16, 4)}}, mode="song", song=[0] * 64, tempo=120, reverb=0)
    count_starts(page)
    wave = np.frombuffer(base64.b64decode(page.evaluate(LOOP)), np.float32).reshape(64, 2 * RATE)
    assert page.evaluate("started") >= 256 > 20 > page.evaluate("before")
    np.testing.assert_allclose(wave, np.broadcast_to(wave[0], wave.shape), atol=1e-6)
    assert np.abs(wave[0]).max() > 0.01


def test_pads_that_were_taken_away_are_silent_and_keep_their_steps(page):
    page.get_by_role("combobox", name="Pads").select_option("12")
    set_steps(page, {11: {0: 1}})
    page.get_by_role("combobox", name="Pads").select_option("8")
    assert page.evaluate("instrument.renderLoop()") is None
    page.get_by_role("combobox", name="Pads").select_option("12")
    settled(page)
    assert page.evaluate("instrument.renderLoop().then(buffer => buffer.length)") > 0


def test_steps_are_handed_over_ahead_of_their_time(page):
    set_steps(page, {0: dict.fromkeys(range(16), 1)}, tempo=TEMPO, swing=0.6)
    hits(page)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    until(page, "instrument.machine.transport.log.length >= 64")
    page.get_by_role("button", name="Stop").click()
    log = page.evaluate("instrument.machine.transport.log")[:64]
    times = np.array([step["time"] for step in log])
    step = 60 / TEMPO / 4
    wanted = np.array([n * step + (n % 2) * 0.2 * step for n in range(64)])
    assert np.abs(times - times[0] - wanted).max() < 1e-6
    assert min(entry["ahead"] for entry in log) > 0
    played = hits(page)
    np.testing.assert_allclose([hit["when"] for hit in played[:64]], times)
    assert all(hit["when"] > hit["now"] for hit in played)
    page.wait_for_timeout(100)
    assert hits(page) == [] and page.locator(".step.now").count() == 0


def test_steps_are_set_by_mouse_and_keys(page):
    page.get_by_role("button", name="Clear").click()
    box = cell(page, 1, 2).bounding_box()
    cell(page, 1, 2).click()
    assert tracks(page)[1][2] == 0.8
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 35, steps=4)
    page.mouse.up()
    assert tracks(page)[1][2] == pytest.approx(0.3, abs=0.02)
    cell(page, 1, 2).click()
    assert tracks(page)[1][2] == 0
    for key in (
        "ArrowRight",
        "ArrowDown",
        "Enter",
        "PageUp",
        "PageUp",
        "ArrowLeft",
        "ArrowLeft",
        "ArrowLeft",
        "ArrowLeft",
        "Space",
        "PageDown",
    ):
        page.keyboard.press(key)
    assert tracks(page)[2][3] == 1 and tracks(page)[2][15] == pytest.approx(0.7)
    expect(cell(page, 2, 15)).to_be_focused()
    expect(cell(page, 2, 15)).to_have_attribute("aria-label", "Pad 3, step 16, velocity 70 %")
    assert page.locator(".step[tabindex='0']").count() == 1
    slide(page, "Velocity", 0.25)
    assert tracks(page)[2][15] == 0.25
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert tracks(page)[2][0] == 0.25
    page.get_by_role("button", name="Undo").click()
    assert tracks(page)[2][0] == 0


def test_patterns_song_and_tempo(page):
    page.get_by_role("combobox", name="Steps").select_option("32")
    expect(page.locator(".step:visible")).to_have_count(8 * 32)
    cell(page, 0, 31).click()
    page.get_by_role("button", name="Copy to next").click()
    assert state(page)["pattern"] == 1 and state(page)["patterns"][1]["steps"] == 32 and tracks(page)[0][31] == 0.8
    page.get_by_role("button", name="Pattern C").click()
    expect(page.locator(".step:visible")).to_have_count(8 * 16)
    cell(page, 7, 0).click()
    song = page.get_by_role("textbox", name="Song")
    song.fill("c, c x")
    song.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text('There is no pattern "X": they are A to H.')
    song.fill("A" * 65)
    song.press("Enter")
    expect(page.get_by_role("alert").last).to_contain_text("A song has at most 64 patterns, not 65.")
    song.fill("c ca")
    song.press("Tab")
    page.get_by_role("combobox", name="Play").select_option("the song")
    assert state(page)["song"] == [2, 2, 0] and song.input_value() == "C C A"
    page.get_by_role("spinbutton", name="Tempo").fill("500")
    page.get_by_role("spinbutton", name="Tempo").press("Enter")
    assert state(page)["tempo"] == 240
    page.evaluate("tempo => instrument.machine.set('tempo', tempo)", TEMPO)
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "instrument.machine.transport.log.length > 34")
    page.get_by_role("button", name="Stop").click()
    log = page.evaluate("instrument.machine.transport.log")
    assert [entry["pattern"] for entry in log[:34]] == [2] * 32 + [0] * 2
    page.evaluate("performance.now = () => performance.tick * 400; performance.tick = 100")
    for _ in range(5):
        page.evaluate("performance.tick++")
        page.get_by_role("button", name="Tap").click()
    assert state(page)["tempo"] == 150
    page.evaluate("performance.tick += 20")
    page.get_by_role("button", name="Tap").click()
    assert state(page)["tempo"] == 150


@pytest.mark.parametrize("key", ["Enter", "Tab"])
def test_the_tempo_that_is_shown_is_the_one_that_is_played(page, key):
    field = page.get_by_role("spinbutton", name="Tempo")
    for typed, tempo in (("500", 240), ("", 240), ("0", 40), ("e", 40), ("87.5", 87.5)):
        field.fill("")
        field.press_sequentially(typed)
        field.press(key)
        assert state(page)["tempo"] == tempo and float(field.input_value()) == tempo


def test_a_wrong_song_is_forgotten_with_the_next_change(page):
    song = page.get_by_role("textbox", name="Song")
    song.fill("Z")
    song.press("Tab")
    expect(song).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Clear").click()
    expect(song).to_have_value("")
    assert song.get_attribute("aria-invalid") is None


def test_a_pattern_is_saved_and_read_back(page, tmp_path):
    page.get_by_role("combobox", name="Steps").select_option("32")
    cell(page, 5, 30).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save pattern").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "pattern_A.json"
    saved = state(page)["patterns"][0]
    page.get_by_role("button", name="Pattern D").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Load …").click()
    chooser.value.set_files(path)
    until(page, "instrument.machine.pattern.steps === 32")
    assert state(page)["patterns"][3] == saved and tracks(page)[5][30] == 0.8
    assert json.loads(path.read_text())["tempo"] == 110
