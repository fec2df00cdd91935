// The piano on the screen: keys for mouse, pen, any number of fingers, and the arrow keys.

import { make } from "../widgets.js";
import { isBlack, nameOf } from "./pitches.js";

const KEY_WIDTH = 42;  // of a white one, pixels, at least
const BLACK_WIDTH = 0.62;  // of a white one
const MIN_KEYS = 8, OCTAVE_KEYS = 7;
const LIGHT = 0.35;  // velocity of a touch at the upper end of a key; at the lower end it is 1
const CLICK_SECONDS = 0.5;  // that a key is held which assistive technology clicks

export class Piano {
  /**
   * @param {{low: number, high: number, press: (source: string, pitch: number, velocity: number) => void,
   *   release: (source: string, pitch: number) => void, velocity: () => number, onshift?: () => void}} options
   */
  constructor(options) {
    Object.assign(this, { onshift: () => {}, ...options });
    const pitches = Array.from({ length: this.high - this.low + 1 }, (_, i) => this.low + i);
    this.whites = pitches.filter((pitch) => !isBlack(pitch));
    if (!this.whites.length) this.whites = pitches;
    this.first = this.wanted = 0;  // of the white keys, which is leftmost, and which is to be where there is room
    this.keys = new Map();
    this.touched = new Map();  // pitch by pointer
    this.labels = new Map();
    this.states = { down: new Set(), ready: new Set() };
    this.element = make("div", { class: "piano", role: "group", "aria-label": `Piano, ${nameOf(this.low)} to ${nameOf(this.high)}` });
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** White keys that are seen. */
  get width() {
    const room = Math.floor((this.element.clientWidth || 800) / KEY_WIDTH);
    return Math.min(this.whites.length, Math.max(MIN_KEYS, room));
  }

  get range() { return [this.whites[this.first], this.whites[this.first + this.shown - 1]]; }

  /** Shows the keys from a white one on; the nearest possible. */
  show(first) {
    this.wanted = Math.max(0, Math.min(first, this.whites.length - 1));
    this.draw();
  }

  shift(octaves) { this.show(this.first + OCTAVE_KEYS * octaves); }

  /** Shows the keys from a pitch on; the nearest possible. */
  showFrom(pitch) {
    const at = this.whites.findIndex((white) => white >= pitch);
    this.show(at < 0 ? this.whites.length : at);
  }

  /** Brings a pitch into view. */
  reveal(pitch) {
    const [from, to] = this.range;
    if (pitch >= from - 1 && pitch <= to + 1) return;
    const at = this.whites.findIndex((white) => white >= pitch);
    this.show((at < 0 ? this.whites.length : at) - Math.floor(this.width / 2));
  }

  draw() {
    const shown = this.width, first = Math.max(0, Math.min(this.wanted, this.whites.length - shown));
    if (shown === this.shown && first === this.first) return;
    Object.assign(this, { shown, first });
    const focused = this.element.contains(document.activeElement) ? Number(document.activeElement.dataset.pitch) : null;
    this.keys.clear();
    const [from, to] = this.range, whites = [], blacks = [];
    const isFirst = from === this.whites[0], isLast = to === this.whites[this.whites.length - 1];
    for (let pitch = isFirst ? this.low : from; pitch <= (isLast ? this.high : to); pitch++) {
      const isWhite = this.whites.includes(pitch), key = this.#key(pitch, isWhite);
      // Black keys lie on the border of two, at the ends within the only one.
      const half = BLACK_WIDTH / 2, place = Math.min(Math.max(whites.length, half), shown - half);
      if (!isWhite) Object.assign(key.style, { left: `${100 * place / shown}%`, width: `${100 * BLACK_WIDTH / shown}%` });
      (isWhite ? whites : blacks).push(key);
      this.keys.set(pitch, key);
    }
    this.element.replaceChildren(...whites, ...blacks);
    this.#setTabStop(this.keys.has(focused) ? focused : this.keys.has(this.stop) ? this.stop : from);
    if (focused !== null) this.keys.get(this.stop).focus();
    for (const [name, pitches] of Object.entries(this.states)) this.mark(name, pitches);
    this.label(this.labels);
    this.onshift();
  }

  #key(pitch, isWhite) {
    const name = make("span", { class: "name" }, pitch % 12 === 0 || pitch === this.low ? nameOf(pitch) : "");
    const attributes = {
      type: "button", class: `key ${isWhite ? "white" : "black"}`, "data-pitch": pitch, tabindex: -1, "aria-label": nameOf(pitch),
    };
    return make("button", attributes, make("kbd", { "aria-hidden": "true" }), name);
  }

  /** Gives the keys of these pitches, and no others, a class: "down", or "ready" once the note is made. */
  mark(name, pitches) {
    this.states[name] = pitches;
    for (const [pitch, key] of this.keys) key.classList.toggle(name, pitches.has(pitch));
  }

  /** Writes the letters of the computer's keys on the keys: a Map from pitch to letter. */
  label(letters) {
    this.labels = letters;
    for (const [pitch, key] of this.keys) key.firstChild.textContent = letters.get(pitch) ?? "";
  }

  #setTabStop(pitch) {
    this.stop = pitch;
    for (const [other, key] of this.keys) key.tabIndex = other === pitch ? 0 : -1;
  }

  #listen() {
    const on = (kinds, handle) => { for (const kind of kinds) this.element.addEventListener(kind, handle); };
    on(["pointerdown"], (event) => {
      const key = event.target.closest(".key");
      if (!key || event.button > 0) return;
      // So that the finger's later moves are told to whichever key it is over.
      if (event.target.hasPointerCapture?.(event.pointerId)) event.target.releasePointerCapture(event.pointerId);
      this.#touch(event, key);
    });
    on(["pointermove"], (event) => {
      if (!this.touched.has(event.pointerId)) return;
      this.#touch(event, document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".piano .key"));
    });
    const lift = (event) => this.#lift(event.pointerId);
    for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, lift);
    on(["contextmenu"], (event) => event.preventDefault());
    on(["mousedown"], (event) => {  // with the focus on a key, or in a field, Space and letters would mean something else
      event.preventDefault();
      document.activeElement?.blur();
    });
    on(["keydown"], (event) => this.#keyDown(event));
    on(["keyup"], (event) => { if (["Enter", " "].includes(event.key)) this.#letGo(); });
    on(["focusout"], () => this.#letGo());
    on(["click"], (event) => this.#click(event));
  }

  #touch(event, key) {
    const pitch = key ? Number(key.dataset.pitch) : null;
    if (this.touched.get(event.pointerId) === pitch) return;
    this.#lift(event.pointerId);
    this.touched.set(event.pointerId, pitch);
    if (pitch === null) return;
    const { top, height } = key.getBoundingClientRect(), depth = Math.min(1, Math.max(0, (event.clientY - top) / height));
    this.press(`pointer${event.pointerId}`, pitch, LIGHT + (1 - LIGHT) * depth);
  }

  #lift(pointer) {
    const pitch = this.touched.get(pointer);
    this.touched.delete(pointer);
    if (pitch != null) this.release(`pointer${pointer}`, pitch);
  }

  #keyDown(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 12, PageDown: -12 };
    if (event.key in steps) this.#moveTo(this.stop + steps[event.key]);
    else if (event.key === "Home") this.#moveTo(this.low);
    else if (event.key === "End") this.#moveTo(this.high);
    else if (!["Enter", " "].includes(event.key)) return;
    else if (!event.repeat) {
      this.#letGo();
      this.struck = Number(event.target.dataset.pitch);
      this.press("focus", this.struck, this.velocity());
    }
    event.preventDefault();
  }

  #letGo() {
    if (this.struck != null) this.release("focus", this.struck);
    this.struck = null;
  }

  #moveTo(pitch) {
    const wanted = Math.min(this.high, Math.max(this.low, pitch));
    this.reveal(wanted);
    if (!this.keys.has(wanted)) return;
    this.#setTabStop(wanted);
    this.keys.get(wanted).focus();
  }

  // Clicks without a pointer: of assistive technology.
  #click(event) {
    const key = event.target.closest(".key");
    if (!key || event.detail > 0 || event.pointerType) return;
    const pitch = Number(key.dataset.pitch);
    this.press("click", pitch, this.velocity());
    setTimeout(() => this.release("click", pitch), 1000 * CLICK_SECONDS);
  }
}
