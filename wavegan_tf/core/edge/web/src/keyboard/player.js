// A rendered clip: its notes as a picture, where it is, play and stop.

import { toBuffer } from "../sound.js";
import { button, make } from "../widgets.js";

const HEIGHT = 120;  // of the picture, pixels
/** A time as minutes:seconds. */
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class ClipPlayer {
  /**
   * @param {AudioContext} context
   * @param {AudioNode} destination
   * @param {(pitches: Set<number>) => void} onpitches  told which pitches sound
   */
  constructor(context, destination, onpitches) {
    Object.assign(this, { context, destination, onpitches, notes: [], total: 0, at: 0, source: null, buffer: null });
    this.picture = make("canvas", { class: "roll", height: HEIGHT, "aria-hidden": "true" });
    this.toggle = button("Play", () => (this.source ? this.stop() : this.play()), { class: "main" });
    this.place = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": "Place in the clip" });
    this.time = make("span", { class: "time" });
    this.place.addEventListener("input", () => this.seek(Number(this.place.value)));
    this.element = make("div", { class: "player", hidden: true }, this.picture,
      make("div", { class: "row" }, this.toggle, this.place, this.time));
    new ResizeObserver(() => this.#draw()).observe(this.picture);
  }

  /** Shows notes that are yet to be rendered. */
  show(notes, total) {
    Object.assign(this, { notes, total });
    this.element.hidden = false;
    this.clear({ isShown: true });
  }

  /** Takes the rendered samples, interleaved. */
  load(clip, channels, rate) {
    this.stop();
    this.buffer = toBuffer(this.context, clip, channels, rate);
    this.at = 0;
    this.place.max = this.buffer.duration;
    for (const control of [this.toggle, this.place]) control.disabled = false;
    this.#update();
  }

  /** Forgets the samples. */
  clear({ isShown = false } = {}) {
    this.stop();
    this.buffer = null;
    this.at = 0;
    this.element.hidden = !isShown;
    for (const control of [this.toggle, this.place]) control.disabled = true;
    this.#update();
  }

  play() {
    if (!this.buffer) return;
    if (this.at >= this.buffer.duration - 0.01) this.at = 0;
    const source = this.context.createBufferSource();
    source.buffer = this.buffer;
    source.connect(this.destination);
    source.start(0, this.at);
    source.onended = () => { if (this.source === source) this.stop(); };
    Object.assign(this, { source, started: this.context.currentTime - this.at });
    this.toggle.textContent = "Stop";
    this.#follow();
  }

  stop() {
    const source = this.source;
    this.source = null;
    source?.stop();
    this.toggle.textContent = "Play";
    this.#update();
    this.onpitches(new Set());
  }

  /** Goes on from a place, seconds. */
  seek(at) {
    const wasPlaying = this.source !== null;
    this.stop();
    this.at = at;
    if (wasPlaying) this.play(); else this.#update();
  }

  #follow() {
    if (!this.source) return;
    this.at = Math.min(this.context.currentTime - this.started, this.buffer.duration);
    this.#update();
    this.onpitches(new Set(this.notes.filter(({ start, end }) => start <= this.at && this.at < end).map(({ pitch }) => pitch)));
    requestAnimationFrame(() => this.#follow());
  }

  #update() {
    this.place.value = this.at;
    this.time.textContent = `${clock(this.at)} / ${clock(this.buffer?.duration ?? this.total)}`;
    this.place.setAttribute("aria-valuetext", this.time.textContent);
    this.#draw();
  }

  #draw() {
    const { picture, notes } = this, wide = picture.clientWidth;
    if (!wide || !notes.length) return;
    if (picture.width !== wide) picture.width = wide;
    const pen = picture.getContext("2d"), style = getComputedStyle(picture);
    const low = notes.reduce((least, { pitch }) => Math.min(least, pitch), 127) - 1;
    const high = notes.reduce((most, { pitch }) => Math.max(most, pitch), 0) + 1;
    const length = this.buffer?.duration ?? this.total, step = HEIGHT / (high - low + 1);
    const x = (seconds) => seconds / length * wide;
    pen.clearRect(0, 0, wide, HEIGHT);
    for (const { pitch, velocity, start, end } of notes) {
      pen.globalAlpha = 0.35 + 0.65 * velocity / 127;
      pen.fillStyle = style.color;
      pen.fillRect(x(start), (high - pitch) * step, Math.max(1, x(end) - x(start) - 1), Math.max(2, step - 1));
    }
    pen.globalAlpha = 1;
    if (this.buffer) pen.fillRect(x(this.at) - 1, 0, 2, HEIGHT);
  }
}
