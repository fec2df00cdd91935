// Sounds, kits, patterns and loops as files and links, and back.

import { download } from "../files.js";
import { decodeNpy, encodeNpy } from "../npy.js";
import { isCancelled } from "../queue.js";
import { interleave } from "../sound.js";
import { encodeWav } from "../wav.js";
import { complain, make, say } from "../widgets.js";
import { decodeZip, encodeZip } from "../zip.js";
import { renderLoop } from "./loop.js";
import { latentOf, nameOf } from "./recipes.js";
import { letterOf } from "./sequence.js";
import { checkedPad, checkedPattern, MOST_PADS } from "./state.js";

const WAV = "audio/wav", JSON_TYPE = "application/json";

// Returns the functions that the page's buttons call.
export function makeSaving(machine) {
  const { metadata, labels, sounds } = machine;
  const sure = async (pad, place) => {
    try {
      return await sounds.want(pad, place, 3);
    } catch (error) {
      if (isCancelled(error)) return sure(pad, place);  // a pad wanted it too, and no longer does
      throw error;
    }
  };
  const all = (pads) => Promise.all(pads.map((pad, index) => sure(pad, `save ${index}`)));
  const wav = ({ samples }) => encodeWav(samples, sounds.channels, sounds.rate);

  return {
    async sound(index) {
      const pad = machine.state.pads[index], [made] = await all([pad]);
      const name = pad.code.startsWith("=") ? `pad_${index + 1}` : pad.code.replace(/[^\w-]+/g, "_").slice(0, 60);
      download(`sound_${name}.wav`, wav(made), WAV);
    },

    // The sounds as the model makes them, their latents for wavegan_generate --latents_file, and all settings.
    async kit() {
      const { pads } = machine.state, made = await all(pads);
      const nameAt = (index) => `${String(index + 1).padStart(2, "0")}.wav`;
      const files = made.map((sound, index) => ({ name: nameAt(index), bytes: wav(sound) }));
      const kit = JSON.stringify({ kind: "kit", model: metadata.model, page: machine.page, pads }, null, 1);
      files.push({ name: "latents.npy", bytes: encodeNpy(pads.map((pad) => latentOf(pad.code, metadata))) });
      if (labels) {
        const lines = pads.map((pad) => `${labels[pad.label]}\n`).join("");
        files.push({ name: "labels.txt", bytes: encoded(lines) });
      }
      files.push({ name: "kit.json", bytes: encoded(kit) });
      download("kit.zip", encodeZip(files), "application/zip");
    },

    pattern() {
      const { pattern, patterns, tempo, swing } = machine.state;
      const text = JSON.stringify({ kind: "pattern", tempo, swing, ...patterns[pattern] });
      download(`pattern_${letterOf(pattern)}.json`, text, JSON_TYPE);
    },

    async loop() {
      const { state } = machine;
      await all(state.pads);
      const buffer = await renderLoop(state, sounds);
      if (!buffer) throw new Error("There is no step to be heard: set some, then save the loop.");
      download("loop.wav", encodeWav(interleave(buffer), buffer.numberOfChannels, buffer.sampleRate), WAV);
    },

    // A link to the sounds of these pads: copied, and shown, as not every browser lets a page copy.
    async link(indices) {
      const names = indices.map((index) => {
        const { code, label } = machine.state.pads[index];
        return labels ? `${code}:${label}` : code;
      });
      const link = `${location.href.replace(/#.*/, "")}#sounds=${encodeURI(names.join(";"))}`;
      const field = make("input", { readonly: true, value: link, "aria-label": "Link" });
      let text = "Link copied";
      try {
        await navigator.clipboard.writeText(link);
      } catch {
        text = "Copy this link";
      }
      say(text, { child: field });
      field.select();
    },

    // Takes a kit (zip), latents (npy) or a pattern or kit (json).
    async load(name, bytes) {
      try {
        if (/\.zip$/i.test(name)) await loadKit(machine, bytes);
        else if (/\.npy$/i.test(name)) setPads(machine, padsOf(decodeNpy(bytes), machine));
        else if (/\.json$/i.test(name)) loadJson(machine, new TextDecoder().decode(bytes));
        else throw new Error("a kit is a .zip, latents are an .npy, a pattern is a .json");
      } catch (error) {
        throw new Error(`${name}: ${error.message}`);
      }
      say(`${name} loaded`);
    },
  };
}

const encoded = (text) => new TextEncoder().encode(text);

// Sounds of a link's hash as pads' {code, label}; null if it has none. Throws an Error if one can't be read.
function readLink(hash, { metadata, labels }) {
  const match = /^#sounds=(.+)/.exec(hash);
  if (!match) return null;
  return decodeURIComponent(match[1]).split(";").slice(0, MOST_PADS).map((text) => {
    const [code, label] = text.split(":");
    latentOf(code, metadata);
    return { code, ...(labels && label !== undefined ? { label: Number(label) } : {}) };
  });
}

// Puts the sounds of the page's address on the pads, a single one on the first that is not locked.
export function followLink(machine) {
  try {
    const linked = readLink(location.hash, machine);
    if (!linked) return;
    const free = linked.length > 1 ? 0 : machine.state.pads.findIndex((pad) => !pad.locked);
    if (free < 0) throw new Error("all pads are locked");
    const none = Array.from({ length: free }, () => ({}));
    setPads(machine, [...none, ...linked]);
    machine.select(free);
    // The link has done its work: later changes are not to be lost by loading the page again.
    history.replaceState(null, "", location.href.replace(/#.*/, ""));
  } catch (error) {
    complain(new Error(`The sounds of this link can't be loaded: ${error.message}`));
  }
}

function padsOf(rows, { metadata }) {
  if (rows[0].length !== metadata.latent_dim) {
    throw new Error(`its latents have ${rows[0].length} numbers, this model takes ${metadata.latent_dim}`);
  }
  if (!rows.every((row) => row.every(Number.isFinite))) throw new Error("its latents are not all finite");
  if (rows.length > MOST_PADS) say(`Only the first ${MOST_PADS} of ${rows.length} sounds have room.`);
  return rows.slice(0, MOST_PADS).map((row) => ({ code: nameOf(row) }));
}

// Sounds onto the pads, where those that are locked stay. What isn't said of a pad stays as it is.
function setPads(machine, pads) {
  machine.store.change(null, (state) => {
    pads.forEach((pad, index) => {
      if (state.pads[index]?.locked) return;
      state.pads[index] = checkedPad({ ...state.pads[index], ...pad, locked: false }, index, machine.metadata);
    });
  });
}

async function loadKit(machine, bytes) {
  const files = await decodeZip(bytes);
  const latents = files.get("latents.npy"), kit = files.get("kit.json");
  if (!latents) throw new Error("it holds no latents.npy, as kits saved by this page do");
  const pads = padsOf(decodeNpy(latents), machine), told = kit ? parsed(kit) : {};
  const known = Array.isArray(told.pads) ? told.pads : [];
  // A name says the same as the latent, but shorter; where they differ, the file was changed and the latent stands.
  const sounds = pads.map((pad, index) => ({ ...known[index], ...(names(known[index], pad, machine) ? {} : pad) }));
  if (told.page && told.page !== machine.page) say("This kit was saved by another model: its sounds will be others.");
  setPads(machine, sounds);
}

function names(known, { code }, { metadata }) {
  try {
    return nameOf(latentOf(known.code, metadata)) === code;
  } catch {
    return false;
  }
}

function parsed(bytes) {
  try {
    const value = JSON.parse(typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes));
    return value && typeof value === "object" ? value : {};
  } catch {
    throw new Error("its JSON can't be read");
  }
}

function loadJson(machine, text) {
  const value = parsed(text);
  if (value.kind !== "pattern" || !Array.isArray(value.tracks)) {
    throw new Error("it is not a pattern saved by this page");
  }
  machine.store.change(null, (state) => {
    state.patterns[state.pattern] = checkedPattern(value);
    for (const name of ["tempo", "swing"]) {
      if (Number.isFinite(value[name])) state[name] = machine.limited(name, value[name]);
    }
  });
}
