// The keyboard: notes of generated instruments, played by hand or from MIDI files.

import { aboutPanel } from "../about.js";
import { keeper } from "../files.js";
import { openSound } from "../sound.js";
import { complain, make, say } from "../widgets.js";
import { NoteBank } from "./bank.js";
import { ClipPanel } from "./clip_panel.js";
import { KEYS } from "./computer_keys.js";
import { InstrumentPanel } from "./instrument_panel.js";
import { KeysPanel } from "./keys_panel.js";
import { fromHash, initialMixture, latentsBetween, restored, toHash } from "./mixture.js";
import { Performer } from "./performer.js";
import { RecordingPanel } from "./recording.js";

const SETTINGS = { octave: 4, velocity: 0.8, volume: 0.8, reverb: 0.15 };
const PLACE = "keyboard";
const WRITE_AFTER = 300;  // milliseconds; browsers allow no more than some changes of the address a second

/** Builds the instrument inside root and plays what the engine makes. */
export async function start(root, engine) {
  const { metadata } = engine, session = new Session(keeper(document.body.dataset.page));
  const { settings } = session;
  // At the model's rate, notes are heard sample by sample as they were made.
  const { context, output } = openSound(settings, metadata.sample_rate);
  const bank = new NoteBank(engine, context), performer = new Performer(context, output.input, bank);
  let latents = latentsBetween(session.mixture, metadata);
  const keys = new KeysPanel({
    bank, performer, output, settings, onsettings: () => session.keep(),
  });
  const play = (mixture) => {
    latents = latentsBetween(mixture, metadata);
    bank.use(latents);
    session.change(mixture);
  };
  const instruments = new InstrumentPanel({ mixture: session.mixture, metadata, onchange: play });
  const recording = new RecordingPanel({ context, name: "recording", settings: () => settings });
  const clip = new ClipPanel({
    bank, context, destination: output.dry, mixture: () => instruments.mixture, latents: () => latents,
    onpitches: (pitches) => keys.piano.mark("sounding", pitches),
  });
  performer.onvoice = (voice) => recording.add(voice);
  bank.onprogress = () => keys.showProgress();
  bank.onfault = complain;
  session.onlink = (mixture) => {
    instruments.show(mixture);
    play(mixture);
  };
  root.classList.add("keyboard");
  const side = make("div", {}, keys.controls, recording.element);
  root.append(make("div", { class: "panels" }, instruments.element, clip.element, side), aboutPanel(engine, KEYS), keys.element);
  bank.use(latents);
  if (session.fault) say(session.fault, { isError: true });
}

/** What is set, kept by the browser; the instruments in the page's address too. */
class Session {
  constructor(kept) {
    this.kept = kept;
    this.onlink = () => {};  // called with the mixture of a link that is opened in this page
    const found = kept.get(PLACE);
    this.settings = { ...SETTINGS };
    for (const [name, value] of Object.entries(found?.settings ?? {})) {
      if (name in SETTINGS && Number.isFinite(value)) this.settings[name] = value;
    }
    for (const name of ["velocity", "volume", "reverb"]) this.settings[name] = Math.min(1, Math.max(0, this.settings[name]));
    const before = restored(found?.mixture) ?? initialMixture();
    const linked = fromHash(location.hash, before);
    this.mixture = linked ?? before;
    this.fault = location.hash.includes("=") && !linked ? "The link’s instruments can’t be understood; others are shown." : "";
    addEventListener("hashchange", () => this.#follow());
  }

  #follow() {
    const mixture = fromHash(location.hash, this.mixture);
    if (mixture && toHash(mixture) !== toHash(this.mixture)) this.onlink(mixture);
  }

  change(mixture) {
    this.mixture = mixture;
    this.keep();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => history.replaceState(null, "", `#${toHash(mixture)}`), WRITE_AFTER);
  }

  keep() {
    if (!this.kept.set(PLACE, { settings: this.settings, mixture: this.mixture }) && !this.hasComplained) {
      this.hasComplained = true;
      say("This browser keeps no settings for the page: copy the link to find the instruments again.");
    }
  }
}
