"""Playing the keyboard in a browser, and measuring what is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests import javascript
from tests.core.edge import tones

LETTERS = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]
# What goes to the loudspeakers can be looked at: a quarter of a second of it.
TAP = """
window.taps = [];
window.AudioContext = class extends AudioContext {
  constructor(options) {
    super(options);
    taps.push({ context: this, tap: new AnalyserNode(this, { fftSize: 4096 }) });
  }
};
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  const found = taps.find(({ context }) => to === context.destination);
  if (found) connect.call(this, found.tap);
  return connect.call(this, to, ...rest);
};
"""
HEARD = """() => {
  const { tap } = taps[0], out = new Float32Array(tap.fftSize);
  tap.getFloatTimeDomainData(out);
  return [...out];
}"""
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


def open_keys(pages: Any, file: Path) -> Page:
    """The keyboard with all its notes ready, as loud as can be and without reverb."""
    page = pages.open(file, pages.context(TAP + DEVICE))
    dry_and_loud(page)
    return page


def slide(page: Page, name: str, value: str) -> None:
    """Moves a slider."""
    page.get_by_role("slider", name=name).fill(value)


def dry_and_loud(page: Page) -> None:
    """Sets volume and reverb, and waits for the notes."""
    slide(page, "Reverb", "0")
    slide(page, "Volume", "1")
    expect(page.get_by_text("All notes ready")).to_be_visible()


def hertz(pitch: int) -> float:
    """Frequency of a MIDI number."""
    return 440 * 2 ** ((pitch - 69) / 12)


def levels(page: Page, *pitches: int, after: float = 0.35) -> list[float]:
    """Amplitudes of the first harmonics of pitches in what is heard now."""
    page.wait_for_timeout(1000 * after)
    heard = page.evaluate(HEARD)
    window, t = np.hanning(len(heard)), np.arange(len(heard)) / tones.RATE
    return [abs(np.sum(window * heard * np.exp(-2j * np.pi * hertz(p) * t))) * 2 / window.sum() for p in pitches]


def expected_level(z: np.ndarray, pitch: int, velocity: float) -> float:
    """The same of a note's wave, of peak `velocity`."""
    wave = tones.note(tones.model(), z, pitch)
    time = np.arange(tones.RATE) / tones.RATE
    first = abs(np.sum(wave[: tones.RATE] * np.exp(-2j * np.pi * hertz(pitch) * time))) * 2 / tones.RATE
    return velocity * first / wave.max()


def drawn(seed: int, row: int = 0) -> np.ndarray:
    """Latents that the page draws of seeds; test_midi_mixing.py compares them with those of exports."""
    source = 'const { latents } = await load("../latents.js"); answer([...latents(...given, "normal")[given[1] - 1]]);'
    return np.array(javascript.run(source, [seed, row + 1, tones.DIM]), np.float32)


def key(page: Page, pitch: int) -> Locator:
    """A key of the piano."""
    return page.locator(f".key[data-pitch='{pitch}']")


def box_of(page: Page, pitch: int) -> Any:
    """Where a key is: x, y, width and height."""
    return key(page, pitch).bounding_box()


def press_mouse(page: Page, pitch: int, depth: float) -> None:
    """Presses the mouse on a key, at a part of its height from the top."""
    box = box_of(page, pitch)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + depth * box["height"])
    page.mouse.down()


def named(pitch: int) -> str:
    """Name of a MIDI number."""
    return f"{LETTERS[pitch % 12]}{pitch // 12 - 1}"
