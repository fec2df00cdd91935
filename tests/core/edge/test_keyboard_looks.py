"""The keyboard's page fits into windows of every size, and is worked without a mouse."""

import pytest
from playwright.sync_api import expect

from tests.core.edge import tones
from tests.core.edge.test_midi_clips import EXAMPLE, drop, saved


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tones.save(tmp_path_factory.mktemp("looks") / "keys.html", tones.model(), tones.metadata(low=36, high=84))


OUTSIDE = """[...document.querySelectorAll("button, input, select, canvas, .field")].filter((element) => {
  const { left, right, width } = element.getBoundingClientRect();
  return width && (left < -1.5 || right > innerWidth + 1.5);
}).map((element) => element.outerHTML)"""
SMALL = """[...document.querySelectorAll("button:not(.key), input, select")].filter((element) => {
  const { width, height } = element.getBoundingClientRect();
  return width && Math.min(width, height) < (element.type === "checkbox" ? 16 : 24);
}).map((element) => element.outerHTML)"""

UNNAMED = """[...document.querySelectorAll("button, input, select, summary, progress, [role]")].filter((element) => {
  const names = [element.ariaLabel, element.getAttribute("aria-labelledby"), element.labels?.[0]?.textContent.trim(),
    element.textContent.trim(), ["status", "alert"].includes(element.role)];
  return element.checkVisibility() && !names.some(Boolean);
}).map((element) => element.outerHTML)"""
# The element that has the focus, its number, and whether that is seen.
FOCUSED = """() => {
  const { activeElement: element } = document, { outlineStyle, outlineWidth } = getComputedStyle(element);
  window.met ??= new Map();
  if (!met.has(element)) met.set(element, met.size);
  return [element.outerHTML.slice(0, 200), met.get(element), outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
}"""


@pytest.mark.parametrize(("width", "height"), [(360, 640), (740, 360), (768, 1024), (1280, 900), (2200, 1200)])
def test_it_fits_into_the_window(pages, file, width, height):
    page = pages.open(file, viewport={"width": width, "height": height})
    for mode in ("four", "two"):
        page.get_by_label("Play", exact=True).select_option(mode)
        if mode == "four":
            drop(page, "example.mid", EXAMPLE.read_bytes())
            saved(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OUTSIDE) == [] and page.evaluate(SMALL) == []
    # The keys are seen wherever the page is scrolled to, and wide enough for a finger.
    for place in (0, 10_000):
        page.evaluate(f"scrollTo(0, {place})")
        box = page.locator(".key.white").first.bounding_box()
        assert box["width"] >= 38 and box["y"] > 0 and box["y"] + box["height"] <= height
    shown = page.locator(".key").count()
    assert page.get_by_role("button", name="Show higher keys").is_visible() == (shown < 49)


def test_the_keys_that_are_shown_are_moved(pages, file):
    page = pages.open(file, viewport={"width": 390, "height": 800})
    shown, last = page.get_by_label("Keys that are shown"), page.locator(".key.white").last
    expect(shown).to_have_text("C4–C5")
    page.get_by_role("button", name="Show higher keys").click()
    expect(shown).to_have_text("C5–C6")
    expect(last).to_have_attribute("aria-label", "C6")
    expect(page.get_by_role("button", name="Show higher keys")).to_be_disabled()
    for _ in range(4):
        page.get_by_role("button", name="Octave down").click()
    expect(shown).to_have_text("C2–C3")
    expect(page.get_by_label("Lowest note of the computer’s keys")).to_have_text("C2")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(shown).to_have_text("C2–C6")


@pytest.mark.parametrize(
    ("low", "high", "shown"), [(61, 61, "C♯4–C♯4"), (59, 61, "B3–C4"), (58, 63, "B3–D4"), (0, 127, "C-1–")]
)
def test_other_ranges_of_pitches(pages, tmp_path, low, high, shown):
    path = tones.save(tmp_path / "range.html", tones.model(), tones.metadata(low=low, high=high))
    page = pages.open(path, viewport={"width": 1280, "height": 900})
    expect(page.get_by_text("All notes ready")).to_be_visible()
    page.locator(".key[tabindex='0']").press("Home")
    expect(page.get_by_label("Keys that are shown")).to_contain_text(shown)
    assert page.locator(".key").count() == min(high - low + 1, 49)
    assert page.evaluate(OUTSIDE) == []
    page.locator(f".key[data-pitch='{low}']").click()
    page.keyboard.press("a")
    expect(page.locator(".key.down")).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(360, 740), (740, 360), (1280, 720)])
def test_the_piano_does_not_hide_what_has_the_focus(pages, file, width, height):
    page = pages.open(file, viewport={"width": width, "height": height})
    hidden = """() => {
      const { activeElement: element } = document, { left, top, width, height } = element.getBoundingClientRect();
      const seen = document.elementFromPoint(left + width / 2, top + height / 2);
      return element.closest(".panels, .about") && !element.contains(seen) ? element.outerHTML : null; }"""
    for key in ("Tab", "Shift+Tab"):
        for _ in range(page.locator("button:not(.key), input, select, summary").count()):
            page.keyboard.press(key)
            assert page.evaluate(hidden) is None


def test_everything_has_a_name_and_is_reached_by_tab(pages, file):
    page = pages.open(file, viewport={"width": 1280, "height": 900})
    page.get_by_label("Play", exact=True).select_option("four")
    drop(page, "example.mid", EXAMPLE.read_bytes())
    saved(page)
    assert page.evaluate(UNNAMED) == []
    controls = "[...document.querySelectorAll('button, input, select, summary, [tabindex]')]"
    are_reached = "(one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0"
    reachable = page.evaluate(f"{controls}.filter({are_reached}).length")
    assert page.locator(".key[tabindex='0']").count() == 1
    seen = set()
    for _ in range(reachable + 1):
        page.keyboard.press("Tab")
        what, number, is_visible = page.evaluate(FOCUSED)
        if what.startswith("<body"):  # between the last and the first
            continue
        assert is_visible, what
        seen.add(number)
    assert len(seen) == reachable
