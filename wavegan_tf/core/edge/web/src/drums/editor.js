// The selected pad: its sound's name, how to find others near it, and how it is played.

import { button, choice, make, slider } from "../widgets.js";
import { LIMITS } from "./state.js";

const limits = (name) => ({ min: LIMITS[name][0], max: LIMITS[name][1] });
const signed = (x) => (x > 0 ? `+${x}` : String(x));
const percent = (x) => `${Math.round(100 * x)} %`;
const decibels = (gain) => (gain > 0 ? `${signed(Number((20 * Math.log10(gain)).toFixed(1)))} dB` : "off");
const side = (pan) => (Math.abs(pan) < 0.025 ? "middle" : `${percent(Math.abs(pan))} ${pan < 0 ? "left" : "right"}`);

// Returns {element, update(state)}.
export function editorView(machine) {
  const title = make("h2", { id: "editor_title" });
  const name = make("input", {
    id: "seed", type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": "seed_error",
  });
  const wrong = make("p", { id: "seed_error", class: "wrong", role: "alert" });
  const submit = (event) => {
    event.preventDefault();
    wrong.textContent = "";
    try {
      machine.setSound(machine.selected, name.value.trim());
      name.removeAttribute("aria-invalid");
    } catch (error) {
      wrong.textContent = error.message;
      name.setAttribute("aria-invalid", "true");
    }
  };
  const load = make("button", { type: "submit" }, "Load");
  const form = make("form", { class: "row", onsubmit: submit },
    make("label", { for: "seed" }, "Seed"), name, load);
  const roll = button("New sound", () => machine.randomize(machine.selected), { class: "main", title: "R" });
  const nudge = button("Nudge", () => machine.nudge(machine.selected), { title: "N: a small step to a sound nearby" });
  const lock = button("Lock", () => machine.toggleLock(machine.selected), { title: "L: keep this sound" });
  const step = slider("Size of a nudge", {
    ...limits("step"), step: 1, show: (x) => `${x} %`, oninput: (x) => machine.adjust("step", x),
  });
  const { labels } = machine, setLabel = (value) => machine.setLabel(machine.selected, Number(value));
  const classes = labels ? choice("Class", labels.map((text, i) => [i, text]), 0, setLabel) : null;
  const knob = (text, key, size, show) => slider(text, {
    ...limits(key), step: size, show, oninput: (x) => machine.setPad(machine.selected, key, x),
  });
  const knobs = {
    gain: knob("Gain", "gain", 0.01, decibels),
    pitch: knob("Pitch", "pitch", 1, (x) => `${signed(x)} st`),
    pan: knob("Pan", "pan", 0.05, side),
    decay: knob("Decay", "decay", 0.01, (x) => (x >= 1 ? "full" : percent(x))),
  };
  const element = make("section", { class: "panel editor", "aria-labelledby": "editor_title" },
    title, form, wrong, classes?.element,
    make("div", { class: "row" }, roll, nudge, lock), step.element,
    make("div", { class: "knobs" }, ...Object.values(knobs).map((one) => one.element)),
    make("div", { class: "row" },
      button("Save sound", () => machine.saving.sound(machine.selected)),
      button("Copy link", () => machine.saving.link([machine.selected])),
      button("Reset settings", () => machine.resetPad(machine.selected))));

  const update = (state) => {
    const pad = state.pads[state.selected];
    title.textContent = `Pad ${state.selected + 1}`;
    if (name.dataset.shown !== `${state.selected} ${pad.code}`) {
      name.value = pad.code;
      name.dataset.shown = `${state.selected} ${pad.code}`;
      name.removeAttribute("aria-invalid");
      wrong.textContent = "";
    }
    if (classes) {
      classes.select.value = pad.label;
      classes.select.disabled = pad.locked;
    }
    for (const control of [roll, nudge, name, load]) control.disabled = pad.locked;
    lock.setAttribute("aria-pressed", String(pad.locked));
    step.value = state.step;
    for (const [key, one] of Object.entries(knobs)) one.value = pad[key];
  };
  return { element, update };
}
