// The steps of a pattern, a row for each pad.
// Arrow keys move, Enter or Space sets, Page Up and Page Down change velocity.

import { button, make, slider } from "../widgets.js";
import { LIMITS, MOST_PADS } from "./state.js";

const DRAG = 60;  // pixels from silent to full

// Returns {element, update(state), show(step of the transport or null)}.
export function gridView(machine) {
  const table = make("div", { class: "grid", role: "grid", "aria-label": "Steps" });
  const rows = Array.from({ length: MOST_PADS }, (_, pad) => rowOf(machine, pad));
  const velocity = slider("Velocity", {
    min: LIMITS.velocity[0], max: 1, step: 0.05, value: 0.8, show: (x) => `${Math.round(100 * x)} %`,
    oninput: (x) => machine.setVelocity(x, focus),
  });
  let focus = { pad: 0, step: 0 };

  const cellAt = (pad, step) => rows[pad].cells[step];
  const move = (pad, step) => {
    const { steps } = machine.pattern, count = machine.state.pads.length;
    cellAt(focus.pad, focus.step).tabIndex = -1;
    focus = { pad: Math.min(count - 1, Math.max(0, pad)), step: (step + steps) % steps };
    cellAt(focus.pad, focus.step).tabIndex = 0;
    return cellAt(focus.pad, focus.step);
  };
  const place = (target) => {
    const cell = target.closest?.(".step");
    return cell && { cell, pad: Number(cell.dataset.pad), step: Number(cell.dataset.step) };
  };

  let drag = null;  // {pad, step, y, velocity}
  table.addEventListener("pointerdown", (event) => {
    const at = place(event.target);
    if (!at || event.button !== 0) return;
    move(at.pad, at.step).focus({ preventScroll: true });
    const before = machine.pattern.tracks[at.pad][at.step];
    if (event.pointerType === "mouse") {
      drag = { ...at, y: event.clientY, velocity: before || machine.state.velocity, was: before };
      table.setPointerCapture(event.pointerId);
      if (!before) machine.setStep(at.pad, at.step, machine.state.velocity);
    }
  });
  table.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const change = (drag.y - event.clientY) / DRAG;
    if (!drag.moved && Math.abs(drag.y - event.clientY) < 4) return;
    drag.moved = true;
    machine.setStep(drag.pad, drag.step, Math.min(1, Math.max(LIMITS.velocity[0], drag.velocity + change)));
  });
  const release = () => {
    if (drag && !drag.moved && drag.was) machine.setStep(drag.pad, drag.step, 0);
    drag = null;
  };
  table.addEventListener("pointerup", release);
  table.addEventListener("pointercancel", () => { drag = null; });
  // What a mouse does happens above; a click comes from a touch, a key, or a screen reader.
  table.addEventListener("click", (event) => {
    const at = place(event.target);
    if (!at || event.pointerType === "mouse") return;
    move(at.pad, at.step);
    machine.toggleStep(at.pad, at.step);
  });
  table.addEventListener("keydown", (event) => {
    const { pad, step } = focus, now = machine.pattern.tracks[pad][step];
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!place(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) move(pad + moves[event.key][0], step + moves[event.key][1]).focus();
    else if (event.key === "Home") move(pad, 0).focus();
    else if (event.key === "End") move(pad, -1).focus();
    else if (event.key === "PageUp") machine.setStep(pad, step, Math.min(1, now + 0.1));
    else if (event.key === "PageDown") machine.setStep(pad, step, Math.max(0, now - 0.1));
    else return;
    event.preventDefault();
  });

  let heard = [];
  const show = (step) => {
    for (const cell of heard) cell.classList.remove("now");
    heard = [];
    if (!step || step.pattern !== machine.state.pattern) return;
    heard = rows.slice(0, machine.state.pads.length).map(({ cells }) => cells[step.step]);
    for (const cell of heard) cell.classList.add("now");
  };
  const update = (state) => {
    const { steps, tracks } = state.patterns[state.pattern];
    table.style.setProperty("--steps", steps);
    table.classList.toggle("long", steps === 32);
    table.setAttribute("aria-colcount", steps + 1);
    const count = state.pads.length;
    while (table.children.length > count) table.lastChild.remove();
    while (table.children.length < count) table.append(rows[table.children.length].element);
    rows.slice(0, count).forEach((row, pad) => row.update(tracks[pad], steps, pad === state.selected));
    if (focus.pad >= count || focus.step >= steps) move(0, 0);
    showVelocity();
  };
  const showVelocity = () => {
    velocity.value = machine.pattern.tracks[focus.pad][focus.step] || machine.state.velocity;
  };
  table.addEventListener("focusin", showVelocity);
  cellAt(0, 0).tabIndex = 0;
  return { element: table, velocity, update, show };
}

function rowOf(machine, pad) {
  const name = button(`${pad + 1}`, () => {
    machine.select(pad);
    machine.play(pad);
  }, { class: "row_name", "aria-label": `Play pad ${pad + 1}` });
  const cells = Array.from({ length: 32 }, (_, step) => make("button", {
    type: "button", class: step % 4 === 0 ? "step beat" : "step", tabindex: -1, "data-pad": pad, "data-step": step,
  }));
  const holders = cells.map((cell) => make("div", { role: "gridcell", class: "holder" }, cell));
  const element = make("div", { class: "track", role: "row" }, make("div", { role: "rowheader", class: "head" }, name),
    make("div", { class: "steps", role: "presentation" }, ...holders));
  return {
    element,
    cells,
    update(track, steps, isSelected) {
      element.classList.toggle("selected", isSelected);
      cells.forEach((cell, step) => {
        const velocity = track[step], percent = Math.round(100 * velocity);
        holders[step].hidden = step >= steps;
        if (cell.dataset.velocity === String(percent)) return;
        cell.dataset.velocity = percent;
        cell.style.setProperty("--velocity", velocity);
        cell.setAttribute("aria-pressed", String(velocity > 0));
        cell.setAttribute("aria-label", `Pad ${pad + 1}, step ${step + 1}${percent ? `, velocity ${percent} %` : ""}`);
      });
    },
  };
}
