// How a MIDI file is played: on which instruments, with or without pedal and drums; what gansynth_generate has flags for.

import { MAX_SEED, latents } from "../latents.js";
import { decodeNpy } from "../npy.js";
import { choice, make } from "../widgets.js";
import { SECS_LIMITS, SECS_PER_INSTRUMENT } from "./instruments.js";
import { latentsOf, parseSeed, takingPart } from "./mixture.js";

const SOURCES = { random: "random instruments", given: "the instruments above, one after another", one: "what the keys play now" };

export class ClipOptions {
  /**
   * @param {{metadata: object, mixture: () => object, latents: () => Float32Array, oninstruments: () => void,
   *   onnotes: () => void}} options  what is played on the keys; called when other instruments, or other notes, are chosen
   */
  constructor(options) {
    Object.assign(this, options, { rows: null });
    const field = (attributes) => make("input", { class: "seed", autocomplete: "off", onchange: () => this.oninstruments(), ...attributes });
    const box = (name, text) => {
      this[name] = make("input", { type: "checkbox", checked: true, onchange: () => this.onnotes() });
      return make("label", { class: "check" }, this[name], ` ${text}`);
    };
    this.source = choice("Instruments", Object.entries(SOURCES), "random", () => {
      this.#show();
      this.oninstruments();
    });
    this.seed = field({ value: "0", inputmode: "numeric", maxlength: 10 });
    this.seconds = field({ inputmode: "decimal", maxlength: 8 });
    this.seedLabel = make("label", {}, "Seed ", this.seed);
    this.secondsLabel = make("label", {}, "Seconds each ", this.seconds);
    this.element = make("div", { class: "fields" }, this.source.element, this.seedLabel, this.secondsLabel,
      box("sustain", "Sustain pedal"), box("drums", "Drum channel"));
    this.#show();
  }

  #show() {
    const source = this.source.select.value;
    this.seedLabel.hidden = source !== "random";
    this.secondsLabel.hidden = source === "one";
    this.seconds.placeholder = source === "random" ? `${SECS_PER_INSTRUMENT}` : "once through";
  }

  /** How notes are read, for readClip. */
  get reading() { return { sustain: this.sustain.checked, drums: this.drums.checked }; }

  /**
   * Goes through the latents of an npy file, such as gansynth_generate writes, from now on.
   * @throws {Error} they are none, or another model's
   */
  takeLatents(name, bytes) {
    const rows = decodeNpy(bytes), { latent_dim: dim } = this.metadata;
    if (!rows.length || rows[0].length !== dim || !rows.every((row) => row.every(Number.isFinite))) {
      throw new Error(`its latents must be finite numbers in the shape [n, ${dim}]`);
    }
    this.rows = rows;
    const { select } = this.source;
    select.querySelector("[value=file]")?.remove();
    select.append(make("option", { value: "file" }, `those of ${name}`));
    select.value = "file";
    this.#show();
    this.oninstruments();
  }

  /**
   * The instruments, as renderClip wants them.
   * @throws {Error} a field holds no number that is possible
   */
  instruments() {
    const source = this.source.select.value, { latent, latent_dim: dim } = this.metadata, [least, most] = SECS_LIMITS;
    const typed = source === "one" ? "" : this.seconds.value.trim().replace(",", ".");
    const secondsEach = typed === "" ? null : Number(typed), seed = parseSeed(this.seed.value);
    if (secondsEach !== null && !(secondsEach >= least && secondsEach <= most)) {
      throw new Error(`“Seconds each” must be a number from ${least} to ${most}, or empty.`);
    }
    if (source === "random" && (!seed || seed.row)) throw new Error(`The seed must be a whole number from 0 to ${MAX_SEED}.`);
    const mixture = this.mixture(), given = {
      random: () => null,
      given: () => mixture.seeds.slice(0, takingPart(mixture)).map((one) => latentsOf(one, this.metadata)),
      one: () => [this.latents()],
      file: () => this.rows,
    }[source]();
    return { given, secondsEach, draw: (count) => latents(seed.seed, count, dim, latent) };
  }
}
