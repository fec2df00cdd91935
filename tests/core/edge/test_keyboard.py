"""The keyboard in a browser: every way to play it sounds, at the right pitch and level, as long as a key is held."""

import re

import pytest
from playwright.sync_api import expect

from tests.core.edge import tones
from tests.core.edge.listening import (
    SLOW,
    TAP,
    box_of,
    drawn,
    dry_and_loud,
    expected_level,
    key,
    levels,
    named,
    open_keys,
    press_mouse,
    slide,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tones.save(tmp_path_factory.mktemp("keyboard") / "keys.html", tones.model(), tones.metadata())


@pytest.fixture
def keys(pages, file):
    return open_keys(pages, file)


def test_the_mouse_plays_louder_further_down(keys):
    z = drawn(0)
    for depth in (0.7, 0.95):
        press_mouse(keys, 60, depth)
        expect(key(keys, 60)).to_have_class(re.compile(r"\bdown\b"))
        (heard, other) = levels(keys, 60, 66)
        assert heard == pytest.approx(expected_level(z, 60, 0.35 + 0.65 * depth), rel=0.02) and other < 0.01
        keys.mouse.up()
        expect(key(keys, 60)).not_to_have_class(re.compile(r"\bdown\b"))
        assert levels(keys, 60, after=0.7)[0] < 1e-4


def test_a_drag_goes_from_key_to_key(keys):
    press_mouse(keys, 60, 0.9)
    box = box_of(keys, 65)
    keys.mouse.move(box["x"] + 5, box["y"] + 0.9 * box["height"], steps=20)
    assert keys.locator(".key.down").count() == 1
    low, high = levels(keys, 60, 65, after=0.7)
    assert low < 1e-3 and high > 0.05
    keys.mouse.up()
    expect(keys.locator(".key.down")).to_have_count(0)


def test_two_fingers_play_two_keys(pages, file):
    page = pages.open(file, pages.context(TAP, viewport={"width": 390, "height": 800}, has_touch=True))
    expect(page.get_by_text("All notes ready")).to_be_visible()
    touch = page.context.new_cdp_session(page)
    boxes = [box_of(page, pitch) for pitch in (60, 67)]
    points = [{"x": b["x"] + b["width"] / 2, "y": b["y"] + 0.9 * b["height"], "id": i} for i, b in enumerate(boxes)]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    expect(page.locator(".key.down")).to_have_count(2)
    first, second, neither = levels(page, 60, 67, 63)
    assert min(first, second) > 0.05 and neither < 0.01
    points[1]["x"] += boxes[1]["width"]
    touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
    expect(key(page, 69)).to_have_class(re.compile(r"\bdown\b"))
    expect(page.locator(".key.down")).to_have_count(2)
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


def test_the_pedal_is_let_go_wherever_the_focus_has_gone(keys):
    pedal = keys.get_by_role("button", name="Sustain")
    keys.keyboard.down(" ")
    expect(pedal).to_have_attribute("aria-pressed", "true")
    keys.get_by_role("button", name="Random instrument A").click()
    keys.keyboard.up(" ")
    expect(pedal).to_have_attribute("aria-pressed", "false")


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


def test_midi_with_velocity_pedal_and_foreign_pitches(keys):
    z = drawn(0)
    keys.get_by_role("button", name="Connect MIDI").click()
    expect(keys.get_by_text("Test keys")).to_be_visible()
    keys.evaluate("midi(0x90, 60, 127)")
    assert levels(keys, 60)[0] == pytest.approx(expected_level(z, 60, 1), rel=0.02)
    keys.evaluate("midi(0x90, 60, 0)")
    assert levels(keys, 60, after=0.7)[0] < 1e-3
    keys.evaluate("midi(0xB3, 64, 127); midi(0x93, 62, 64); midi(0x83, 62, 0)")
    expect(keys.get_by_role("button", name="Sustain")).to_have_attribute("aria-pressed", "true")
    assert levels(keys, 62, after=0.7)[0] == pytest.approx(expected_level(z, 62, 64 / 127), rel=0.02)
    keys.evaluate("midi(0xB3, 64, 0)")
    assert levels(keys, 62, after=0.7)[0] < 1e-3
    for asked, played in ((24, 48), (100, 64), (73, 61)):
        keys.evaluate(f"midi(0x90, {asked}, 100)")
        expect(key(keys, played)).to_have_class(re.compile(r"\bdown\b"))
        expect(keys.locator(".hint")).to_contain_text(f"{named(asked)} is played as {named(played)}")
        keys.evaluate(f"midi(0x80, {asked}, 0)")
        expect(keys.locator(".key.down")).to_have_count(0)
    keys.evaluate("midi(0xB0, 64, 127); midi(0x90, 60, 100); midi(0x80, 60, 0); midi(0xB0, 121, 0)")
    expect(keys.get_by_role("button", name="Sustain")).to_have_attribute("aria-pressed", "false")
    silences = [f"midi(0xB0, {number}, 0)" for number in (120, *range(123, 128))]
    for silence in (*silences, "access.inputs.clear(); access.onstatechange()"):
        keys.evaluate("midi(0x90, 55, 100); midi(0x90, 60, 100)")
        expect(keys.locator(".key.down")).to_have_count(2)
        keys.evaluate(silence)
        expect(keys.locator(".key.down")).to_have_count(0)
    expect(keys.locator("#midi_state")).to_have_text("No MIDI device is connected yet.")


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
    page.get_by_role("button", name="Random instrument A").click()  # whose note it then waits for
    page.evaluate("let_go(3)")
    assert levels(page, 60)[0] > 0.05
    page.keyboard.up("a")
