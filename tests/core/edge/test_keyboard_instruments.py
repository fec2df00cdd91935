"""Instruments of the keyboard, by seeds, between two and four, in links and sessions; recordings of what is played."""

import json
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from gansynth_tf.midi import mixing, reading
from tests.core.edge import tones
from tests.core.edge.listening import drawn, expected_level, levels, open_keys, slide
from tests.core.edge.playing import count_starts
from wavegan_tf.core.serving import latents


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tones.save(tmp_path_factory.mktemp("keyboard") / "keys.html", tones.model(), tones.metadata())


@pytest.fixture
def keys(pages, file):
    return open_keys(pages, file)


def test_recorded_notes_have_the_envelopes_of_the_renderer(keys):
    keys.get_by_role("button", name="Record").click()
    keys.keyboard.down("a")
    keys.wait_for_timeout(600)
    keys.keyboard.up("a")
    keys.wait_for_timeout(400)
    keys.keyboard.down("d")
    keys.wait_for_timeout(3600)
    keys.keyboard.up("d")
    keys.get_by_role("button", name="Stop recording").click()
    recording = keys.get_by_role("region", name="Recording")
    expect(recording.get_by_text(re.compile(r"^2 notes, \d"))).to_be_visible()
    with keys.expect_download() as started:
        recording.get_by_role("button", name="Save as wav").click()
    with keys.expect_download() as written:
        recording.get_by_role("button", name="Save as MIDI").click()
    samples, rate = soundfile.read(started.value.path())
    assert rate == tones.RATE and samples.shape[1] == 2 and started.value.suggested_filename == "recording.wav"
    np.testing.assert_array_equal(samples[:, 0], samples[:, 1])
    sound = samples[:, 0]
    quiet = np.flatnonzero(sound == 0)
    longest = max(np.split(quiet, np.flatnonzero(np.diff(quiet) > 1) + 1), key=len)  # between the notes
    for pitch, part in ((60, sound[: longest[0]]), (64, sound[longest[-1] :])):
        held = min(len(np.trim_zeros(part, "b")) / rate - 0.3, 3.0)
        assert held == pytest.approx(0.6 if pitch == 60 else 3.0, abs=0.15)
        assert difference(part, tones.note(tones.model(), drawn(0), pitch), held, rate) < 1e-4
    notes = reading.read_midi(str(written.value.path()))
    assert notes.pitches.tolist() == [60, 64] and notes.velocities.tolist() == [round(0.8 * 127)] * 2
    assert notes.start_times[1] == pytest.approx((len(sound) - len(part)) / rate, abs=0.01)


def difference(part, wave, held, rate):
    """The largest from the renderer's note, which begins and ends somewhere near where sound is."""
    found = []
    for later in range(4):
        for longer in range(-2, 30):
            note = np.pad(mixing.shape_note(wave, held + longer / rate, 0.8 * 127, rate), (later, rate))[: len(part)]
            found.append(np.abs(note - part[: len(note)]).max())
    return min(found)


def test_a_recording_is_played_once_at_a_time(keys):
    keys.evaluate("""() => {
        window.sounding = new Set();
        const { start, stop } = AudioBufferSourceNode.prototype;
        AudioBufferSourceNode.prototype.start = function (...rest) {
          if (this.buffer.numberOfChannels === 2) sounding.add(this);
          return start.apply(this, rest);
        };
        AudioBufferSourceNode.prototype.stop = function (...rest) {
          sounding.delete(this);
          return stop.apply(this, rest);
        }; }""")
    keys.get_by_role("button", name="Record").click()
    keys.keyboard.press("a")
    keys.wait_for_timeout(1000)
    keys.keyboard.press("a")
    keys.get_by_role("button", name="Stop recording").click()
    play, record = (keys.locator(".recording button").nth(place) for place in (1, 0))
    for clicks, is_heard in (([play], 1), ([play], 0), ([play] * 2, 0), ([play] * 3, 1), ([record], 0)):
        keys.evaluate("(buttons) => buttons.forEach((button) => button.click())", [b.element_handle() for b in clicks])
        keys.wait_for_timeout(400)
        assert keys.evaluate("sounding.size") == is_heard
        expect(play).to_have_text("Stop" if is_heard else "Play")


def test_a_long_recording_is_handed_over_bit_by_bit(keys):
    keys.get_by_role("button", name="Record").click()
    notes = keys.evaluate("""() => {
        let now = 1000, count = 300;
        Object.defineProperty(AudioContext.prototype, "currentTime", { configurable: true, get: () => now });
        const tell = (kind) => document.body.dispatchEvent(new KeyboardEvent(kind, { code: "KeyA", bubbles: true }));
        for (let i = 0; i < count; i++, now += 0.2) { tell("keydown"); now += 0.2; tell("keyup"); }
        return count; }""")
    keys.get_by_role("button", name="Stop recording").click()
    keys.evaluate("() => { delete AudioContext.prototype.currentTime; }")
    count_starts(keys)
    with keys.expect_download():
        keys.get_by_role("region", name="Recording").get_by_role("button", name="Save as wav").click()
    assert keys.evaluate("started") == notes > 10 > keys.evaluate("before")


def test_seeds_morph_undo_and_only(keys):
    state = lambda: json.loads(keys.evaluate("Object.entries(localStorage)[0][1]"))["mixture"]  # noqa: E731
    for typed, row in (("7", 0), (" 7/2 ", 2)):
        keys.get_by_label("Seed of instrument B").fill(typed)
        keys.get_by_role("button", name="Solo: play only instrument B").click()
        expect(keys.get_by_text("All notes ready")).to_be_visible()
        keys.keyboard.down("a")
        assert levels(keys, 60)[0] == pytest.approx(expected_level(drawn(7, row), 60, 0.8), rel=0.02)
        keys.keyboard.up("a")
    slide(keys, "Morph from A to B", "0.4")
    expect(keys.get_by_text("All notes ready")).to_be_visible()
    keys.keyboard.down("a")
    between = latents.slerp(drawn(0), drawn(7, 2), 0.4)
    assert levels(keys, 60)[0] == pytest.approx(expected_level(between, 60, 0.8), rel=0.02)
    keys.keyboard.up("a")
    keys.get_by_label("Seed of instrument A").fill("-3")
    keys.keyboard.press("Tab")
    expect(keys.get_by_text("A seed is a whole number from 0")).to_be_visible()
    assert keys.get_by_label("Seed of instrument A").input_value() == "0"
    before = state()
    keys.get_by_role("button", name="Random instrument A").click()
    assert state()["seeds"][0] != before["seeds"][0] and state()["seeds"][1:] == before["seeds"][1:]
    keys.get_by_role("button", name="Undo").click()
    assert state() == before
    keys.get_by_role("button", name="All random").click()
    assert all(a != b for a, b in zip(state()["seeds"][:2], before["seeds"][:2], strict=True))


def test_the_field_of_four_by_mouse_and_arrows(keys):
    keys.get_by_label("Play", exact=True).select_option("four")
    field, handle = keys.locator(".field"), keys.get_by_role("slider", name="Place between the four instruments")
    box = field.bounding_box()
    field.click(position={"x": 0.25 * box["width"], "y": 0.5 * box["height"]})
    expect(handle).to_have_attribute("aria-valuetext", "38 % A, 13 % B, 38 % C, 13 % D")
    handle.press("ArrowRight")
    handle.press("Shift+ArrowDown")
    expect(handle).to_have_attribute("aria-valuetext", "18 % A, 8 % B, 52 % C, 22 % D")
    expect(keys.get_by_text("All notes ready")).to_be_visible()
    keys.locator("h1").click()
    keys.keyboard.down("a")
    upper, lower = (latents.slerp(drawn(i), drawn(i + 1), 0.3) for i in (0, 2))
    assert levels(keys, 60)[0] == pytest.approx(expected_level(latents.slerp(upper, lower, 0.75), 60, 0.8), rel=0.02)
    keys.keyboard.up("a")


def test_links_and_the_session_bring_instruments_back(pages, file, keys):
    keys.get_by_label("Seed of instrument A").fill("31/5")
    slide(keys, "Morph from A to B", "0.5")
    expect(keys).to_have_url(re.compile(r"#seeds=31/5,1&morph=0\.5$"))
    keys.get_by_role("button", name="Share link").click()
    link = keys.get_by_label("Link").input_value()
    assert link == keys.evaluate("location.href")
    again = keys.context.new_page()  # the same storage
    again.goto(file.as_uri())
    expect(again.get_by_label("Seed of instrument A")).to_have_value("31/5")
    other = pages.open(link.replace("0.5", "0.25"))
    expect(other.get_by_label("Seed of instrument A")).to_have_value("31/5")
    expect(other.get_by_role("slider", name="Morph from A to B")).to_have_value("0.25")
    other.evaluate("location.hash = '#seeds=1,2,3,4&x=0.5&y=1'")
    expect(other.get_by_label("Seed of instrument D")).to_have_value("4")
    damaged = pages.open(f"{file.as_uri()}#seeds=1,x&morph=2")
    expect(damaged.get_by_text("can’t be understood")).to_be_visible()
    expect(damaged.get_by_label("Seed of instrument A")).to_have_value("0")
