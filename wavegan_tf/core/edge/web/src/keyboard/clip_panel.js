// The panel for MIDI files: choose or drop one, render it, hear it, save it.

import { acceptDrops, download, openFiles } from "../files.js";
import { encodeNpy } from "../npy.js";
import { encodeWav } from "../wav.js";
import { button, choice, complain, make, say } from "../widgets.js";
import { readClip, remarks, renderClip } from "./clip.js";
import { SECS_LIMITS, SECS_PER_INSTRUMENT } from "./instruments.js";
import { latentsOf, parseSeed, takingPart } from "./mixture.js";
import { UnusableMidi } from "./notes.js";
import { ClipPlayer } from "./player.js";
import { drawLatents } from "./seeds.js";

const SOURCES = [["random", "random instruments"], ["given", "the instruments above, one after another"], ["one", "what the keys play now"]];
const ENDINGS = ".mid,.midi,.kar,.rmi,audio/midi";
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class ClipPanel {
  /**
   * @param {{bank: NoteBank, context: AudioContext, destination: AudioNode, mixture: () => object,
   *   latents: () => Float32Array, onpitches: (pitches: Set<number>) => void}} options  what is played on the keys, and
   *   what is told the pitches that sound
   */
  constructor(options) {
    Object.assign(this, options, { file: null, made: null });
    this.metadata = this.bank.engine.metadata;
    this.player = new ClipPlayer(this.context, this.destination, this.onpitches);
    this.#build();
    acceptDrops(document.body, (name, bytes) => this.open(name, bytes));
  }

  #build() {
    const stale = () => this.#outdate();
    this.source = choice("Instruments", SOURCES, "random", () => { this.#showSeed(); stale(); });
    this.seed = make("input", { class: "seed", value: "0", inputmode: "numeric", autocomplete: "off", maxlength: 10, onchange: stale });
    this.seedLabel = make("label", {}, "Seed ", this.seed);
    this.seconds = make("input", { class: "seed", inputmode: "decimal", autocomplete: "off", maxlength: 8, onchange: stale });
    const box = (text) => {
      const input = make("input", { type: "checkbox", checked: true, onchange: () => this.file && this.open(this.file.name, this.file.bytes) });
      return [input, make("label", { class: "check" }, input, ` ${text}`)];
    };
    const [sustain, sustainLabel] = box("Sustain pedal"), [drums, drumsLabel] = box("Drum channel");
    Object.assign(this, { sustain, drums });
    this.render = button("Render", () => this.#render(), { class: "main", disabled: true });
    this.cancel = button("Cancel", () => this.rendering?.abort(), { hidden: true });
    this.progress = make("progress", { max: 1, value: 0, "aria-label": "Notes of the file that are made", hidden: true });
    this.text = make("p", { class: "report", role: "status" });
    this.notes = make("ul", { class: "remarks" });
    this.save = button("Save as wav", () => this.#saveWav(), { disabled: true });
    this.saveLatents = button("Save latents", () => this.#saveLatents(), { disabled: true, title: "For gansynth_generate --latents_file" });
    this.element = make("section", { class: "panel clip", "aria-labelledby": "clip_title" },
      make("h2", { id: "clip_title" }, "MIDI file"),
      make("p", { class: "muted" }, "Drop a MIDI file anywhere on the page. It is played as gansynth_generate --midi_file plays it."),
      make("div", { class: "row" }, button("Choose a MIDI file …", () => openFiles(ENDINGS, (name, bytes) => this.open(name, bytes))), this.render, this.cancel),
      make("div", { class: "fields" }, this.source.element, this.seedLabel, make("label", {}, "Seconds each ", this.seconds), sustainLabel, drumsLabel),
      this.progress, this.text, this.notes, this.player.element, make("div", { class: "row" }, this.save, this.saveLatents));
    this.#showSeed();
  }

  #showSeed() {
    const source = this.source.select.value;
    this.seedLabel.hidden = source !== "random";
    this.seconds.parentElement.hidden = source === "one";
    this.seconds.placeholder = source === "random" ? `${SECS_PER_INSTRUMENT}` : "once through";
  }

  #outdate() {
    if (this.made) this.text.textContent = `${this.summary} Render again to hear the change.`;
  }

  /** Reads a file and renders it. */
  async open(name, bytes) {
    this.rendering?.abort();
    this.player.clear();
    this.made = null;
    for (const one of [this.save, this.saveLatents, this.render]) one.disabled = true;
    this.notes.replaceChildren();
    this.file = { name, bytes };
    try {
      this.read = readClip(bytes, this.metadata, { sustain: this.sustain.checked, drums: this.drums.checked });
    } catch (error) {
      this.text.textContent = error instanceof UnusableMidi ? `${name}: ${error.message}.` : "";
      if (error instanceof UnusableMidi) complain(new Error(this.text.textContent)); else complain(error);
      return;
    }
    this.summary = `${name}: ${this.read.notes.length} notes in ${this.read.total.toFixed(1)} seconds.`;
    this.notes.replaceChildren(...remarks(this.read, this.metadata).map((remark) => make("li", {}, remark)));
    this.player.show(this.read.notes, this.read.total);
    this.render.disabled = false;
    await this.#render();
  }

  // The instruments of the clip as renderClip wants them; null, and a word about it, if a field holds no number.
  #instruments() {
    const source = this.source.select.value, { latent, latent_dim: dim } = this.metadata, mixture = this.mixture();
    const draw = (seed) => (count) => drawLatents(latent, seed, count, dim);
    const typed = this.seconds.value.trim().replace(",", "."), [least, most] = SECS_LIMITS;
    const secondsEach = typed === "" || source === "one" ? null : Number(typed), seed = parseSeed(this.seed.value);
    if (secondsEach !== null && !(secondsEach >= least && secondsEach <= most)) {
      complain(new Error(`“Seconds each” must be a number from ${least} to ${most}, or empty.`));
    } else if (source === "random" && (!seed || seed.row)) {
      complain(new Error("The seed must be a whole number from 0 to 2147483647."));
    } else {
      const given = { random: null, one: [this.latents()], given: mixture.seeds.slice(0, takingPart(mixture)).map((one) => latentsOf(one, this.metadata)) }[source];
      return { given, secondsEach, draw: draw(seed?.seed ?? 0) };
    }
    return null;
  }

  async #render() {
    const chosen = this.#instruments();
    if (!chosen) return;
    this.rendering?.abort();
    const rendering = this.rendering = new AbortController(), { signal } = rendering, count = this.read.notes.length;
    const isKept = chosen.given?.length === 1;
    this.player.stop();
    this.#showRendering(true);
    try {
      const made = await renderClip(this.read, this.metadata, {
        ...chosen, signal,
        note: async (z, pitch) => (await this.bank.note(z, pitch, { signal, isKept })).getChannelData(0),
        onprogress: (done) => {
          this.progress.value = done / count;
          this.text.textContent = `${this.summary} Made: ${done} of ${count}.`;
        },
      });
      this.made = { ...made, name: this.file.name.replace(/\.[^.]*$/, "") };
      this.player.load(made.clip, this.metadata.sample_rate);
      const number = made.instruments.length;
      this.text.textContent = `${this.summary} Ready: ${clock(made.clip.length / this.metadata.sample_rate)} on ${number} instrument${number > 1 ? "s" : ""}.`;
      say(`${this.made.name} is rendered.`);
    } catch (error) {
      if (this.rendering !== rendering) return;  // another rendering has begun
      this.text.textContent = `${this.summary} ${signal.aborted ? "Cancelled." : "It could not be rendered."}`;
      if (!signal.aborted) complain(error);
    }
    this.#showRendering(false);
  }

  #showRendering(isOn) {
    this.progress.hidden = this.cancel.hidden = !isOn;
    this.progress.value = 0;
    this.render.disabled = isOn;
    for (const one of [this.save, this.saveLatents]) one.disabled = isOn || !this.made;
  }

  #saveWav() {
    download(`${this.made.name}.wav`, encodeWav(this.made.clip, 1, this.metadata.sample_rate), "audio/wav");
  }

  #saveLatents() {
    download(`${this.made.name}.npy`, encodeNpy(this.made.instruments));
  }
}
