"""Playing an instrument's page from a test."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

# Hits as they are handed to the audio clock, and a MIDI device that tests play on.
SPY = """
window.hits = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when = 0) {
  if (!(this.context instanceof OfflineAudioContext)) {
    const rate = this.playbackRate.value, samples = this.buffer.length;
    window.hits.push({ when, now: this.context.currentTime, rate, samples });
  }
  return start.call(this, when);
};
const input = { name: "Pads of a test", state: "connected" };
const access = { inputs: new Map([["1", input]]), onstatechange: null };
navigator.requestMIDIAccess = async () => access;
window.midi = (...data) => input.onmidimessage({ data: Uint8Array.from(data) });
"""


def state(page: Page) -> dict[str, Any]:
    """The session."""
    return page.evaluate("instrument.machine.state")


def codes(page: Page) -> list[str]:
    """The names of the pads' sounds."""
    return [pad["code"] for pad in state(page)["pads"]]


def hits(page: Page) -> list[dict[str, float]]:
    """Hits since the last call."""
    return page.evaluate("window.hits.splice(0)")


def until(page: Page, script: str) -> None:
    """Waits until a script gives something true; the page's policy forbids Playwright's own way."""
    end = time.monotonic() + 20
    while not page.evaluate(script):
        assert time.monotonic() < end, script
        page.wait_for_timeout(10)


def settled(page: Page) -> None:
    """Waits until all sounds are made."""
    until(page, "instrument.engine.pending === 0 && !document.querySelector('.busy')")


def slide(page: Page, name: str, value: float) -> None:
    """Moves a slider, as dragging does."""
    page.get_by_role("slider", name=name, exact=True).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def count_starts(page: Page) -> None:
    """Counts the sounds that are started from now on: all, `started`, and those until rendering begins, `before`."""
    page.evaluate("""() => {
        const { startRendering } = OfflineAudioContext.prototype, { start } = AudioBufferSourceNode.prototype;
        window.started = 0;
        AudioBufferSourceNode.prototype.start = function (...rest) { started++; return start.apply(this, rest); };
        OfflineAudioContext.prototype.startRendering = function () {
          window.before = started;
          return startRendering.call(this);
        }; }""")
