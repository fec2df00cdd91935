// Between two pads: a slider from the sound of one to that of the other.

import { isCancelled } from "../queue.js";
import { button, choice, complain, make, slider } from "../widgets.js";
import { morphed } from "./recipes.js";

// Returns {element, update(state)}.
export function morphView(machine) {
  const chosen = { a: 0, b: 1, target: 2, how: "sph" };
  const pads = () => machine.state.pads.map((_, i) => [i, `Pad ${i + 1}`]);
  const set = (key) => (value) => {
    chosen[key] = key === "how" ? value : Number(value);
    if (key !== "target") hear();
  };
  // The sound at the slider's place, in the class of the nearer end.
  const mixture = () => {
    const { a, b, how } = chosen, { pads: all } = machine.state, percent = amount.value;
    if (percent === 0 || percent === 100) {
      const { code, label } = all[percent ? b : a];
      return { code, label };
    }
    const [from, to] = [a, b].map((pad) => machine.shortened(all[pad].code));
    return { code: machine.shortened(morphed(from, to, percent, how)), label: all[percent < 50 ? a : b].label };
  };
  const hear = async () => {
    const sound = mixture(), like = machine.state.pads[chosen.target];
    try {
      machine.playSound(await machine.sounds.want(sound, "morph", 2), like);
    } catch (error) {
      if (!isCancelled(error)) complain(error);
    }
  };
  const amount = slider("From A to B", { min: 0, max: 100, step: 1, value: 50, show: (x) => `${x} %`, oninput: hear });
  const choices = {
    a: choice("A", pads(), chosen.a, set("a")),
    b: choice("B", pads(), chosen.b, set("b")),
    target: choice("Put it on", pads(), chosen.target, set("target")),
  };
  const how = choice("Way", [["sph", "spherical"], ["lin", "linear"]], chosen.how, set("how"));
  const put = button("Put", () => {
    const { code, label } = mixture();
    machine.setSound(chosen.target, code, label);
  }, { "aria-label": "Put the morphed sound on the pad" });
  const element = make("section", { class: "panel morph", "aria-labelledby": "morph_title" },
    make("h2", { id: "morph_title" }, "Morph"),
    make("div", { class: "row" }, choices.a.element, choices.b.element, how.element),
    amount.element,
    make("div", { class: "row" }, button("Hear", hear), choices.target.element, put));

  let count = machine.state.pads.length;
  const update = (state) => {
    put.disabled = state.pads[chosen.target]?.locked ?? true;
    if (state.pads.length === count) return;
    count = state.pads.length;
    for (const [key, { select }] of Object.entries(choices)) {
      select.replaceChildren(...pads().map(([value, text]) => make("option", { value }, text)));
      chosen[key] = Math.min(chosen[key], count - 1);
      select.value = chosen[key];
    }
  };
  choices.target.select.addEventListener("change", () => update(machine.state));
  return { element, update };
}
