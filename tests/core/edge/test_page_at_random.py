"""The drum machine's page under random hands: whatever is done in whatever order, nothing goes wrong."""

from __future__ import annotations

import random

import pytest

from tests.core.edge.playing import SPY, settled, state

# Nothing is saved to disk, and no file is chosen.
QUIET = "HTMLAnchorElement.prototype.click = () => {}; HTMLInputElement.prototype.click = () => {};"
# Uses the control that is at this share of all, with a value at that share of its range; tells which.
USE = """([which, share]) => {
  const controls = [...document.querySelectorAll("#instrument button, #instrument input, #instrument select")]
    .filter((control) => !control.disabled && control.checkVisibility());
  const control = controls[Math.floor(which * controls.length)], tell = (kind, Event_ = Event, more = {}) => (
    control.dispatchEvent(new Event_(kind, { bubbles: true, ...more })));
  if (control.tagName === "BUTTON") {
    tell("pointerdown", PointerEvent, { pointerType: "touch", button: 0 });
    HTMLElement.prototype.click.call(control);
  } else if (control.tagName === "SELECT") {
    control.selectedIndex = Math.floor(share * control.options.length);
    tell("change");
  } else {
    if (control.type === "range") control.value = Number(control.min) + share * (control.max - control.min);
    else if (control.type === "number") control.value = String(300 * share);
    else control.value = ["7", "A B", "", "ACA"][Math.floor(4 * share)];
    tell("input");
    tell("change");
  }
  return control.getAttribute("aria-label") || control.textContent || control.id; }"""
KEYS = ["1", "5", "8", "Space", "r", "n", "l", "t", "Control+z", "Control+y", "Tab", "ArrowDown", "PageUp", "Enter"]
EXPECTED = ("There is no pattern", "There is no step to be heard", "is locked: unlock it")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["wavegan", "labelled"])
def test_nothing_goes_wrong(pages, tiny, kind, seed):
    page = pages.open(tiny.page(kind), script=SPY + QUIET, viewport={"width": (390, 1280)[seed % 2], "height": 844})
    dice, done = random.Random(seed), []
    for number in range(300):
        done.append(page.evaluate(USE, [dice.random(), dice.random()]))
        if number % 10 == 0:
            page.keyboard.press(dice.choice(KEYS))
        errors = page.locator(".toast.error span").all_inner_texts()
        assert [text for text in errors if not any(known in text for known in EXPECTED)] == [], done[-3:]
    settled(page)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    settled(page)
    assert len(state(page)["pads"]) in (8, 12, 16)
