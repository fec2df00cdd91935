"""The keyboard in a browser: every way to play it sounds, at the right pitch and level, as long as a key is held."""

import json
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from gansynth_tf.midi import mixing, reading
from tests import javascript
from tests.core.edge import tones
from wavegan_tf.core.serving import latents

# What goes to the loudspeakers can be looked at: half a second of it.
TAP = """
window.taps = [];
window.AudioContext = class extends AudioContext {
  constructor(options) {
    super(options);
    taps.push({ context: this, tap: new AnalyserNode(this, { fftSize: 8192 }) });
  }
};
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  const found = taps.find(({ context }) => to === context.destination);
  if (found) connect.call(this, found.tap);
  return connect.call(this, to, ...rest);
};
"""
# A MIDI device: midi(144, 60, 100) sends a message.
DEVICE = """
const device = { name: "Test keys", state: "connected" };
navigator.requestMIDIAccess = async () => window.access = { inputs: new Map([["1", device]]) };
window.midi = (...data) => device.onmidimessage({ data: Uint8Array.from(data) });
"""
# A worker that answers only when it is told to: let_go(number of answers).
SLOW = """
window.kept = [];
window.allowed = Infinity;
const set = Object.getOwnPropertyDescriptor(Worker.prototype, "onmessage").set;
const pass = () => { while (kept.length && allowed-- > 0) kept.shift()(); };
window.let_go = (number) => { allowed = number; pass(); };
Object.defineProperty(Worker.prototype, "onmessage", { set(handle) {
  set.call(this, (event) => { kept.push(() => handle(event)); pass(); });
} });
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tones.save(tmp_path_factory.mktemp("keyboard") / "keys.html", tones.model(), tones.metadata())


@pytest.fixture
def keys(pages, file):
    """The keyboard with all its notes ready, without reverb."""
    page = pages.open(file, pages.context(TAP + DEVICE))
    dry_and_loud(page)
    return page


def slide(page, name, value):
    page.get_by_role("slider", name=name).fill(value)


def dry_and_loud(page):
    slide(page, "Reverb", "0")
    slide(page, "Volume", "1")
    expect(page.get_by_text("All notes ready")).to_be_visible()


def hertz(pitch):
    return 440 * 2 ** ((pitch - 69) / 12)


def levels(page, *pitches, after=0.6):
    """Amplitudes of the first harmonics of pitches in what is heard now."""
    page.wait_for_timeout(1000 * after)
    heard = page.evaluate(
        "(() => { const { tap } = taps[0], out = new Float32Array(tap.fftSize); tap.getFloatTimeDomainData(out); return [...out]; })()"
    )
    window, t = np.hanning(len(heard)), np.arange(len(heard)) / tones.RATE
    return [abs(np.sum(window * heard * np.exp(-2j * np.pi * hertz(p) * t))) * 2 / window.sum() for p in pitches]


def expected_level(z, pitch, velocity):
    wave = tones.note(tones.model(), z, pitch)
    time = np.arange(tones.RATE) / tones.RATE
    first = abs(np.sum(wave[: tones.RATE] * np.exp(-2j * np.pi * hertz(pitch) * time))) * 2 / tones.RATE
    return velocity * first / wave.max()


def drawn(seed, row=0):
    """What the page's seeds draw; test_midi_mixing.py holds it to the exports."""
    source = 'const { latents } = await load("../latents.js"); answer([...latents(...given, "normal")[given[1] - 1]]);'
    return np.array(javascript.run(source, [seed, row + 1, tones.DIM]), np.float32)


def key(page, pitch):
    return page.locator(f".key[data-pitch='{pitch}']")


def press_mouse(page, pitch, depth):
    box = key(page, pitch).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + depth * box["height"])
    page.mouse.down()


def test_the_mouse_plays_louder_further_down(keys):
    z = drawn(0)
    for depth in (0.7, 0.95):
        press_mouse(keys, 60, depth)
        expect(key(keys, 60)).to_have_class(re.compile(r"\bdown\b"))
        (heard, other) = levels(keys, 60, 66)
        assert heard == pytest.approx(expected_level(z, 60, 0.35 + 0.65 * depth), rel=0.02) and other < 0.01
        keys.mouse.up()
        expect(key(keys, 60)).not_to_have_class(re.compile(r"\bdown\b"))
        assert levels(keys, 60, after=1.0)[0] < 1e-4


def test_a_drag_goes_from_key_to_key(keys):
    press_mouse(keys, 60, 0.9)
    box = key(keys, 65).bounding_box()
    keys.mouse.move(box["x"] + 5, box["y"] + 0.9 * box["height"], steps=20)
    assert keys.locator(".key.down").count() == 1
    low, high = levels(keys, 60, 65, after=1.0)
    assert low < 1e-3 and high > 0.05
    keys.mouse.up()
    expect(keys.locator(".key.down")).to_have_count(0)


def test_two_fingers_play_two_keys(pages, file):
    page = pages.open(file, pages.context(TAP, viewport={"width": 390, "height": 800}, has_touch=True))
    expect(page.get_by_text("All notes ready")).to_be_visible()
    touch = page.context.new_cdp_session(page)
    boxes = [key(page, pitch).bounding_box() for pitch in (60, 67)]
    points = [{"x": b["x"] + b["width"] / 2, "y": b["y"] + 0.9 * b["height"], "id": i} for i, b in enumerate(boxes)]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    expect(page.locator(".key.down")).to_have_count(2)
    first, second, neither = levels(page, 60, 67, 63)
    assert min(first, second) > 0.05 and neither < 0.01
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": points[:1]})
    expect(page.locator(".key.down")).to_have_count(1)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".key.down")).to_have_count(0)
    assert page.evaluate("scrollY") == 0


def test_the_computers_keys(keys):
    z = drawn(0)
    slide(keys, "Volume", "0.4")  # at 1 two notes pass what is left as it is
    keys.keyboard.down("a")
    keys.keyboard.down("t")
    first, second, other = levels(keys, 60, 66, 63)
    assert first == pytest.approx(0.4 * expected_level(z, 60, 0.8), rel=0.02)
    assert second == pytest.approx(0.4 * expected_level(z, 66, 0.8), rel=0.02) and other < 0.01
    keys.keyboard.press("z")  # what is held stays as it is
    keys.keyboard.up("t")
    keys.keyboard.up("a")
    expect(keys.locator(".key.down")).to_have_count(0)
    for _ in range(2):
        keys.keyboard.press("c")
    keys.keyboard.down("a")
    assert levels(keys, 48)[0] == pytest.approx(0.4 * expected_level(z, 48, 0.6), rel=0.02)
    keys.evaluate("dispatchEvent(new Event('blur'))")
    expect(keys.locator(".key.down")).to_have_count(0)
    seed = keys.get_by_label("Seed of instrument A")
    seed.focus()
    keys.keyboard.press("s")
    assert keys.locator(".key.down").count() == 0 and seed.input_value() == "0s"


def test_the_piano_by_the_keyboard_alone(keys):
    key(keys, 60).focus() if key(keys, 60).get_attribute("tabindex") == "0" else key(keys, 48).focus()
    start = int(keys.evaluate("document.activeElement.dataset.pitch"))
    for name, pitch in (("ArrowRight", start + 1), ("ArrowLeft", start), ("End", 72), ("PageDown", 60), ("Home", 48)):
        keys.keyboard.press(name)
        assert keys.evaluate("document.activeElement.ariaLabel + document.activeElement.tabIndex") == named(pitch) + "0"
    keys.keyboard.down("Enter")
    assert levels(keys, 48)[0] > 0.05
    keys.keyboard.up("Enter")
    expect(keys.locator(".key.down")).to_have_count(0)
    assert keys.locator(".key[tabindex='0']").count() == 1


def named(pitch):
    return f"{'C C♯ D D♯ E F F♯ G G♯ A A♯ B'.split()[pitch % 12]}{pitch // 12 - 1}"


def test_midi_with_velocity_pedal_and_foreign_pitches(keys):
    z = drawn(0)
    keys.get_by_role("button", name="Connect MIDI").click()
    expect(keys.get_by_text("Test keys")).to_be_visible()
    keys.evaluate("midi(0x90, 60, 127)")
    assert levels(keys, 60)[0] == pytest.approx(expected_level(z, 60, 1), rel=0.02)
    keys.evaluate("midi(0x90, 60, 0)")
    assert levels(keys, 60, after=1.0)[0] < 1e-3
    keys.evaluate("midi(0xB3, 64, 127); midi(0x93, 62, 64); midi(0x83, 62, 0)")
    expect(keys.get_by_role("button", name="Sustain")).to_have_attribute("aria-pressed", "true")
    assert levels(keys, 62, after=1.0)[0] == pytest.approx(expected_level(z, 62, 64 / 127), rel=0.02)
    keys.evaluate("midi(0xB3, 64, 0)")
    assert levels(keys, 62, after=1.0)[0] < 1e-3
    for asked, played in ((24, 48), (100, 64), (73, 61)):
        keys.evaluate(f"midi(0x90, {asked}, 100)")
        expect(key(keys, played)).to_have_class(re.compile(r"\bdown\b"))
        expect(keys.locator(".hint")).to_contain_text(f"{named(asked)} is played as {named(played)}")
        keys.evaluate(f"midi(0x80, {asked}, 0)")
        expect(keys.locator(".key.down")).to_have_count(0)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("delete Navigator.prototype.requestMIDIAccess;", "This browser has no MIDI"),
        (
            "navigator.requestMIDIAccess = async () => { throw new DOMException('no', 'NotAllowedError'); };",
            "does not let this page use MIDI",
        ),
    ],
)
def test_what_the_browser_lacks_is_said(pages, file, script, words):
    page = pages.open(file, pages.context(script))
    connect = page.get_by_role("button", name="Connect MIDI")
    if connect.is_enabled():
        connect.click()
    expect(page.locator("#midi_state")).to_contain_text(words)


def test_notes_come_from_the_one_played_outwards_and_others_stand_in(pages, file):
    page = pages.open(file, pages.context(TAP + SLOW))
    dry_and_loud(page)
    page.evaluate("let_go(0)")
    slide(page, "Morph from A to B", "1")
    expect(page.get_by_text("0 of 25 notes ready")).to_be_visible()
    page.keyboard.down("h")  # A4: the instrument before plays it
    expect(page.locator(".hint")).to_have_text("A4 is being made; an instrument played before stands in for it.")
    assert levels(page, 69)[0] == pytest.approx(expected_level(drawn(0), 69, 0.8), rel=0.02)
    page.keyboard.up("h")
    page.evaluate("let_go(5)")
    expect(page.get_by_text("5 of 25 notes ready")).to_be_visible()
    ready = page.evaluate("[...document.querySelectorAll('.key.ready')].map((one) => Number(one.dataset.pitch))")
    # The first was under way, then the one that was asked for, then those around it.
    assert set(ready) == {60, 69, 70, 68, 71}
    page.keyboard.down("u")
    expect(page.locator(".hint")).to_have_text("")
    page.keyboard.up("u")
    page.keyboard.down("k")
    expect(page.locator(".hint")).to_have_text("C5 is being made; B4, shifted, stands in for it.")
    assert levels(page, 72)[0] == pytest.approx(expected_level(drawn(1), 71, 0.8), rel=0.05)
    page.keyboard.up("k")


def test_a_key_that_is_held_sounds_as_soon_as_its_first_note_is_there(pages, file):
    page = pages.open(file, pages.context(TAP + SLOW + "allowed = 1;"))
    page.keyboard.down("a")
    expect(page.locator(".hint")).to_have_text("C4 is being made and sounds as soon as it is ready.")
    assert levels(page, 60)[0] == 0
    page.evaluate("let_go(3)")
    assert levels(page, 60)[0] > 0.05
    page.keyboard.up("a")


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
    """The largest from the renderer's note. Where it begins and ends is known to some samples, as its ends are silent."""
    found = []
    for later in range(4):
        for longer in range(-2, 30):
            note = np.pad(mixing.shape_note(wave, held + longer / rate, 0.8 * 127, rate), (later, rate))[: len(part)]
            found.append(np.abs(note - part[: len(note)]).max())
    return min(found)


def test_seeds_morph_undo_and_only(keys):
    state = lambda: json.loads(keys.evaluate("Object.entries(localStorage)[0][1]"))["mixture"]  # noqa: E731
    for typed, row in (("7", 0), (" 7/2 ", 2)):
        keys.get_by_label("Seed of instrument B").fill(typed)
        keys.get_by_role("button", name="Play only instrument B").click()
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
    pairs = [latents.slerp(drawn(i), drawn(i + 1), 0.3) for i in (0, 2)]
    assert levels(keys, 60)[0] == pytest.approx(expected_level(latents.slerp(*pairs, 0.75), 60, 0.8), rel=0.02)
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
