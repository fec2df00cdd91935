// The pads: press to play, see what it sounds like, lock it, or roll another.

import { drawSound, watchLooks } from "../pictures.js";
import { button, make } from "../widgets.js";
import { shortName } from "./recipes.js";

// machine: see index.js. Returns {element, update(state), flash(pad)}.
export function padsView(machine) {
  const element = make("div", { class: "pads", role: "group", "aria-label": "Pads" });
  const views = [];
  const redraw = (canvas) => {
    for (const view of views) if (!(canvas instanceof Element) || canvas === view.canvas) view.draw();
  };

  const update = (state) => {
    while (views.length < state.pads.length) {
      const view = padView(machine, views.length);
      views.push(view);
      element.append(view.element);
      watchLooks([view.canvas], redraw);
    }
    while (views.length > state.pads.length) views.pop().element.remove();
    state.pads.forEach((pad, index) => views[index].update(pad, index === state.selected));
  };
  return { element, update, flash: (index) => views[index]?.flash() };
}

function padView(machine, index) {
  const number = index + 1, { labels } = machine;
  const canvas = make("canvas", { "aria-hidden": "true" });
  const name = make("span", { class: "name" });
  const hit = button("", () => {}, { class: "hit" });
  const spoken = (text) => make("span", { class: "spoken" }, text);
  hit.append(spoken("Pad "), make("span", { class: "number" }, number), canvas, spoken(" sound "), name);
  const lock = button("", () => machine.toggleLock(index), { class: "icon lock", title: "Lock: keep this sound" });
  const roll = button("", () => machine.randomize(index), { class: "icon roll", title: "New random sound" });
  lock.append(icon("lock"));
  roll.append(icon("roll"));
  roll.setAttribute("aria-label", `New random sound on pad ${number}`);
  const element = make("div", { class: "pad" }, hit, make("div", { class: "tools" }, lock, roll));
  hit.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    machine.select(index);
    machine.play(index);
  });
  hit.addEventListener("click", (event) => {
    if (event.detail !== 0) return;  // by the pointer, which played it when it came down
    machine.select(index);
    machine.play(index);
  });

  let shown = null, key = null;
  const draw = () => drawSound(canvas, shown?.samples, machine.sounds.channels, machine.sounds.rate);
  return {
    element,
    canvas,
    draw,
    update(pad, isSelected) {
      const sound = machine.sounds.get(pad), text = shortName(pad.code);
      element.classList.toggle("selected", isSelected);
      element.classList.toggle("locked", pad.locked);
      element.classList.toggle("busy", !sound);
      name.textContent = labels ? `${labels[pad.label]} ${text}` : text;
      hit.setAttribute("aria-current", String(isSelected));
      lock.setAttribute("aria-pressed", String(pad.locked));
      lock.setAttribute("aria-label", `Lock pad ${number}`);
      roll.disabled = pad.locked;
      if (sound && machine.sounds.keyOf(pad) !== key) {
        key = machine.sounds.keyOf(pad);
        shown = sound;
        draw();
      }
    },
    flash() {
      element.classList.remove("played");
      void element.offsetWidth;  // lets the animation begin again
      element.classList.add("played");
    },
  };
}

const DICE = [[8, 8], [16, 8], [12, 12], [8, 16], [16, 16]];
const SHAPES = {
  lock: "M7 10V7a5 5 0 0 1 10 0v3h1.5v10h-13V10zm2 0h6V7a3 3 0 0 0-6 0z",
  roll: "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z" + DICE.map(([x, y]) => (
    `M${x} ${y - 1.7}a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4z`
  )).join(""),
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SHAPES[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}
