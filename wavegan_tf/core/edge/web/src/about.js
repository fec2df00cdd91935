// What the model is and whose work the page stands on.

import { make } from "./widgets.js";

const NAMES = { wavegan: "WaveGAN", specgan: "SpecGAN", gansynth: "GANSynth" };
const BITS = { float32: "32-bit weights", float16: "16-bit weights", int8: "8-bit weights" };
const number = (x) => x.toLocaleString("en");

// Sentences about the model, from its metadata.
export function sentences(metadata, bytes) {
  const { model, sample_rate: rate, samples, num_channels: channels = 1, latent_dim: size } = metadata;
  const { step, weights, labels, min_pitch: low, max_pitch: high } = metadata;
  const sound = channels === 1 ? "mono" : channels === 2 ? "stereo" : `${channels} channels`;
  const seconds = Number((samples / rate).toFixed(2));
  const found = [
    `A ${NAMES[model] ?? model}, a neural network that makes ${seconds} s of sound (${number(rate)} Hz, ${sound}) from `
    + `${size} random numbers.`,
  ];
  if (low !== undefined) found.push(`It plays the notes ${low} to ${high} of MIDI.`);
  if (labels?.length) found.push(`It has ${labels.length} classes: ${labels.join(", ")}.`);
  if (step !== undefined) found.push(`It was trained with ${number(step)} ${model === "gansynth" ? "images" : "updates"}.`);
  found.push(`Its file has ${(bytes / 1e6).toFixed(1)} MB${BITS[weights] ? `, with ${BITS[weights]}` : ""}.`);
  return found;
}

// The part of the page that says so; `keys` are [key, what it does] pairs.
export function aboutPanel(engine, keys = []) {
  const { metadata, modelBytes } = engine;
  const paragraph = (text) => make("p", {}, text);
  const licences = make("pre", { class: "licences", tabindex: "0", "aria-label": "Licences" });
  const shown = make("details", {}, make("summary", {}, "Licences of the software in this page"), licences);
  shown.addEventListener("toggle", () => {
    licences.textContent = document.getElementById("licences").textContent;
  });
  const rows = keys.map(([key, what]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)));
  return make("section", { class: "panel about", "aria-labelledby": "about_title" },
    make("h2", { id: "about_title" }, "About this model"),
    paragraph(sentences(metadata, modelBytes).join(" ")),
    metadata.description ? paragraph(metadata.description) : null,
    paragraph(`Licence of the model: ${metadata.licence ?? "not stated"}.`),
    paragraph("Everything is computed in this browser; nothing is loaded from elsewhere or sent anywhere."),
    rows.length ? make("h2", {}, "Keys") : null,
    rows.length ? make("dl", { class: "keys" }, ...rows) : null,
    shown);
}
