// The panel for MIDI files: choose or drop one, render it, hear it, save it.

import { acceptDrops, download, openFiles } from "../files.js";
import { encodeNpy } from "../npy.js";
import { interleave } from "../sound.js";
import { encodeWav } from "../wav.js";
import { button, complain, make, say } from "../widgets.js";
import { readClip, remarks, renderClip } from "./clip.js";
import { ClipOptions } from "./clip_options.js";
import { UnusableMidi } from "./notes.js";
import { ClipPlayer, clock } from "./player.js";

const ENDINGS = ".mid,.midi,.kar,.rmi,.npy,audio/midi";

export class ClipPanel {
  /**
   * @param {{bank: NoteBank, context: AudioContext, destination: AudioNode, mixture: () => object,
   *   latents: () => Float32Array, onpitches: (pitches: Set<number>) => void}} options  what is played on the keys, and
   *   what is told the pitches that sound
   */
  constructor({ bank, context, destination, mixture, latents, onpitches }) {
    Object.assign(this, { bank, context, metadata: bank.engine.metadata, file: null, made: null });
    this.channels = this.metadata.num_channels ?? 1;
    this.player = new ClipPlayer(context, destination, onpitches);
    this.options = new ClipOptions({
      metadata: this.metadata, mixture, latents, oninstruments: () => this.#outdate(), onnotes: () => this.file && this.#read(),
    });
    this.#build();
    acceptDrops((name, bytes) => this.open(name, bytes));
  }

  #build() {
    this.render = button("Render", () => this.#render(), { class: "main", disabled: true });
    this.cancel = button("Cancel", () => this.rendering?.abort(), { hidden: true });
    this.progress = make("progress", { max: 1, value: 0, "aria-label": "Notes of the file that are made", hidden: true });
    this.text = make("p", { class: "report" });
    this.notes = make("ul", { class: "remarks" });
    this.save = button("Save as wav", () => this.#saveWav(), { disabled: true });
    this.saveLatents = button("Save latents", () => this.#saveLatents(), { disabled: true, title: "For gansynth_generate --latents_file" });
    const choose = button("Choose a MIDI file …", () => openFiles(ENDINGS, (name, bytes) => this.open(name, bytes)));
    this.element = make("section", { class: "panel clip", "aria-labelledby": "clip_title" },
      make("h2", { id: "clip_title" }, "MIDI file"),
      make("p", { class: "muted" }, "Drop a MIDI file anywhere on the page. It is played as gansynth_generate --midi_file plays it; ",
        "latents from there (.npy) can be dropped too."),
      make("div", { class: "row" }, choose, this.render, this.cancel), this.options.element,
      this.progress, this.text, this.notes, this.player.element, make("div", { class: "row" }, this.save, this.saveLatents));
  }

  #outdate() {
    if (this.made) this.text.textContent = `${this.summary} Render again to hear the change.`;
  }

  /** Takes a MIDI file, which is rendered, or latents to play it with. */
  async open(name, bytes) {
    if (!/\.npy$/i.test(name)) {
      this.file = { name, bytes };
      await this.#read();
      return;
    }
    try {
      this.options.takeLatents(name, bytes);
      say(`MIDI files are played with the latents of ${name}.`);
      if (this.read) await this.#render();
    } catch (error) {
      complain(new Error(`${name}: ${error.message}`));
    }
  }

  async #read() {
    const { name, bytes } = this.file;
    this.rendering?.abort();
    this.player.clear();
    this.made = this.read = null;
    for (const one of [this.save, this.saveLatents, this.render]) one.disabled = true;
    this.notes.replaceChildren();
    try {
      this.read = readClip(bytes, this.metadata, this.options.reading);
    } catch (error) {
      if (!(error instanceof UnusableMidi)) throw error;
      this.text.textContent = `${name}: ${error.message}.`;
      complain(new Error(this.text.textContent));
      return;
    }
    const { notes, total } = this.read, counted = notes.length === 1 ? "1 note" : `${notes.length} notes`;
    this.summary = `${name}: ${counted} in ${total.toFixed(1)} seconds.`;
    this.text.textContent = this.summary;
    this.notes.replaceChildren(...remarks(this.read, this.metadata).map((remark) => make("li", {}, remark)));
    this.player.show(this.read.notes, this.read.total);
    this.render.disabled = false;
    await this.#render();
  }

  async #render() {
    this.rendering?.abort();
    const rendering = this.rendering = new AbortController(), { signal } = rendering, { name } = this.file;
    this.player.stop();
    this.#showRendering(true);
    try {
      const made = await this.#make(signal);
      this.made = { ...made, name: name.replace(/\.[^.]*$/, "") };
      this.player.load(made.clip, this.channels, this.metadata.sample_rate);
      // Until something is clicked on the page, the browser keeps it silent.
      if (this.context.state === "running") this.player.play();
      const number = made.instruments.length, length = clock(made.clip.length / this.channels / this.metadata.sample_rate);
      this.text.textContent = `${this.summary} Ready: ${length} on ${number} instrument${number > 1 ? "s" : ""}.`;
      say(`${name} is rendered.`);
    } catch (error) {
      if (this.rendering !== rendering) return;  // another rendering has begun
      this.text.textContent = `${this.summary} ${signal.aborted ? "Cancelled." : "It could not be rendered."}`;
      if (!signal.aborted) complain(error);
    }
    this.#showRendering(false);
  }

  #make(signal) {
    const instruments = this.options.instruments(), count = this.read.notes.length;
    const isKept = instruments.given?.length === 1;  // or else hardly any two notes have the same latents
    return renderClip(this.read, this.metadata, {
      ...instruments, signal,
      note: async (z, pitch) => interleave(await this.bank.note(z, pitch, { signal, isKept })),
      onprogress: (done) => {
        this.progress.value = done / count;
        this.text.textContent = `${this.summary} Made: ${done} of ${count}.`;
      },
    });
  }

  #showRendering(isOn) {
    this.progress.hidden = this.cancel.hidden = !isOn;
    this.progress.value = 0;
    this.render.disabled = isOn;
    for (const one of [this.save, this.saveLatents]) one.disabled = isOn || !this.made;
  }

  #saveWav() {
    download(`${this.made.name}.wav`, encodeWav(this.made.clip, this.channels, this.metadata.sample_rate), "audio/wav");
  }

  #saveLatents() {
    download(`${this.made.name}.npy`, encodeNpy(this.made.instruments));
  }
}
