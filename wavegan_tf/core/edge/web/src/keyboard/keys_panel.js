// The panel with the piano: which notes are ready, octave, velocity, sustain, MIDI, volume and reverb.

import { masterPanel, midiPanel } from "../frame.js";
import { button, make, slider } from "../widgets.js";
import { lettersFrom, listenToKeys } from "./computer_keys.js";
import { Piano } from "./piano.js";
import { nameOf } from "./pitches.js";

const VELOCITY_STEP = 0.1;
const percent = (x) => `${Math.round(100 * x)} %`;

export class KeysPanel {
  /**
   * @param {{bank: NoteBank, performer: Performer, output: object, settings: object, onsettings: () => void}} options  output:
   *   of makeOutput; settings: {octave, velocity, volume, reverb}, which the panel changes
   */
  constructor(options) {
    Object.assign(this, options, { pointerPedal: false, keyPedal: false, midiPedal: false });
    const { bank, performer, settings } = this;
    const press = (...note) => performer.press(...note), release = (...note) => performer.release(...note);
    this.piano = new Piano({ low: bank.low, high: bank.high, press, release, velocity: () => settings.velocity, onshift: () => this.#showRange() });
    this.#build();
    listenToKeys({
      press, release, velocity: () => settings.velocity, octave: () => settings.octave,
      releaseAll: (source) => performer.releaseAll(source),
      setOctave: (octave) => this.#setOctave(octave),
      stepVelocity: (steps) => this.#setVelocity(settings.velocity + steps * VELOCITY_STEP),
      setPedal: (isDown) => this.#setPedal("keyPedal", isDown),
    });
    performer.onkey = (pitch, isDown) => this.#showKey(pitch, isDown);
    performer.onpedal = (isDown) => this.sustain.setAttribute("aria-pressed", String(isDown));
    performer.onhint = (text) => { this.hint.textContent = text; };
    this.down = new Set();
    this.#setOctave(settings.octave);
    this.showProgress();
  }

  #build() {
    const { settings } = this;
    this.progress = make("progress", { max: this.bank.count, value: 0, "aria-label": "Notes that are ready" });
    this.ready = make("span", { class: "ready_text" });
    this.hint = make("p", { class: "hint", role: "status" });
    this.lower = button("‹", () => this.piano.shift(-1), { "aria-label": "Show lower keys" });
    this.higher = button("›", () => this.piano.shift(1), { "aria-label": "Show higher keys" });
    this.range = make("output", { class: "range", "aria-label": "Keys that are shown" });
    this.sustain = button("Sustain", () => this.#setPedal("pointerPedal", !this.pointerPedal), { "aria-pressed": "false" });
    this.octaveText = make("output", { "aria-label": "Lowest note of the computer’s keys" });
    const octave = make("span", { class: "stepper", role: "group", "aria-label": "Octave of the computer’s keys" },
      button("−", () => this.#setOctave(settings.octave - 1), { "aria-label": "Octave down" }), this.octaveText,
      button("+", () => this.#setOctave(settings.octave + 1), { "aria-label": "Octave up" }));
    this.velocity = slider("Velocity of the computer’s keys", {
      min: 0.05, step: 0.05, value: settings.velocity, show: percent, oninput: (x) => this.#setVelocity(x),
    });
    this.master = masterPanel(this.output, (name, value) => {
      this.#keep({ [name]: value });
      this.master.update(settings);
    });
    this.master.update(settings);
    const midi = midiPanel({
      noteOn: (pitch, velocity) => this.performer.press("midi", pitch, velocity),
      noteOff: (pitch) => this.performer.release("midi", pitch),
      sustain: (isDown) => this.#setPedal("midiPedal", isDown),
      silence: () => this.performer.releaseAll("midi"),
      devices: () => {  // one that is gone lets nothing go
        this.performer.releaseAll("midi");
        this.#setPedal("midiPedal", false);
      },
    });
    this.element = make("section", { class: "piano_panel", "aria-label": "Keyboard" },
      make("div", { class: "row bar" }, this.lower, this.range, this.higher, this.sustain, octave, this.progress, this.ready),
      this.piano.element, this.hint);
    this.controls = make("section", { class: "panel controls", "aria-labelledby": "controls_title" },
      make("h2", { id: "controls_title" }, "Playing"), this.velocity.element, this.master.element, midi,
      make("p", { class: "muted" }, "With mouse or finger: the lower a key is touched, the louder it is."));
  }

  #keep(parts) {
    Object.assign(this.settings, parts);
    this.onsettings();
  }

  #setOctave(octave) {
    const least = Math.floor(this.bank.low / 12) - 1, most = Math.floor(this.bank.high / 12) - 1;
    this.#keep({ octave: Math.min(most, Math.max(least, octave)) });
    const lowest = 12 * (this.settings.octave + 1);
    this.octaveText.textContent = nameOf(lowest);
    this.piano.label(lettersFrom(this.settings.octave));
    const [from, to] = this.piano.range;
    if (!(from <= lowest && to >= lowest + 12)) this.piano.showFrom(lowest);
  }

  #setVelocity(velocity) {
    this.#keep({ velocity: Number(Math.min(1, Math.max(0.05, velocity)).toFixed(2)) });
    this.velocity.value = this.settings.velocity;
  }

  // The pedal is down while anything holds it.
  #setPedal(name, isDown) {
    this[name] = isDown;
    this.performer.setPedal(this.pointerPedal || this.keyPedal || this.midiPedal);
  }

  #showKey(pitch, isDown) {
    if (isDown) this.down.add(pitch); else this.down.delete(pitch);
    this.piano.mark("down", this.down);
  }

  #showRange() {
    const [from, to] = this.piano.range, isAll = this.piano.width === this.piano.whites.length;
    this.range.textContent = `${nameOf(from)}–${nameOf(to)}`;
    this.lower.hidden = this.higher.hidden = isAll;
    this.lower.disabled = this.piano.first === 0;
    this.higher.disabled = this.piano.first + this.piano.width >= this.piano.whites.length;
  }

  /** Shows which notes of the instrument are ready. */
  showProgress() {
    const { bank } = this, pitches = Array.from({ length: bank.count }, (_, i) => bank.low + i);
    this.progress.value = bank.ready;
    this.ready.textContent = bank.ready === bank.count ? "All notes ready" : `${bank.ready} of ${bank.count} notes ready`;
    this.piano.mark("ready", new Set(pitches.filter((pitch) => bank.isReady(pitch))));
  }
}
