// The drum machine: pads of generated sounds and a sequencer.

import { aboutPanel } from "../about.js";
import { acceptDrops, keeper, openFiles } from "../files.js";
import { masterPanel, midiPanel } from "../frame.js";
import { openSound } from "../sound.js";
import { button, choice, complain, make } from "../widgets.js";
import { editorView } from "./editor.js";
import { bindKeys, KEYS } from "./keys.js";
import { renderLoop } from "./loop.js";
import { Machine } from "./machine.js";
import { morphView } from "./morph.js";
import { padsView } from "./pads.js";
import { latentOf } from "./recipes.js";
import { followLink, makeSaving } from "./saving.js";
import { sequencerView } from "./sequencer.js";
import { Sounds } from "./sounds.js";
import { checked, firstState, Store } from "./state.js";
import { Transport } from "./transport.js";

const LOWEST_NOTE = 36, PAD_CHOICES = [8, 12, 16], SAVE_AFTER = 300;

// Builds the instrument inside root and plays what the engine makes.
export async function start(root, engine) {
  const { metadata } = engine, { page } = document.body.dataset, kept = keeper(page), saved = kept.get("session");
  const store = new Store(saved ? checked(saved, metadata) : firstState(metadata));
  const sound = openSound(store.state, metadata.sample_rate);
  const sounds = new Sounds(engine, sound.context, (key) => {
    views.pads.update(store.state);
    machine.arrived(key);
  }, complain);
  const machine = new Machine({ metadata, page, store, sounds, sound });
  const views = {};
  machine.played = (index) => views.pads.flash(index);
  const hit = (pad, velocity, time) => machine.play(pad, velocity, time);
  machine.transport = new Transport(sound.context, () => store.state, hit, (step) => {
    views.sequencer.show(step);
    for (const { pad } of step?.hits ?? []) views.pads.flash(pad);
  });
  machine.saving = makeSaving(machine);
  Object.assign(views, {
    pads: padsView(machine), editor: editorView(machine), morph: morphView(machine), sequencer: sequencerView(machine),
    master: masterPanel(sound.output, (name, value) => machine.adjust(name, value)), tools: toolsView(machine),
  });
  root.append(
    views.tools.element,
    make("div", { class: "columns" },
      make("div", {}, views.pads.element, views.sequencer.element),
      make("div", { class: "side" }, views.editor.element, views.morph.element)),
    aboutPanel(engine, KEYS));
  views.tools.element.append(make("div", { class: "row" }, views.master.element,
    midiPanel({ noteOn: (note, velocity) => machine.play(padOf(note, store.state), velocity) })));

  const update = (state) => {
    sounds.update(state);
    for (const view of Object.values(views)) view.update?.(state);
  };
  store.subscribe(update);
  keepSession(store, kept);
  bindKeys(machine, views.sequencer.tap);
  acceptDrops((name, bytes) => machine.saving.load(name, bytes).catch(complain));
  update(store.state);
  followLink(machine);
  addEventListener("hashchange", () => followLink(machine));
  // What tests measure.
  globalThis.instrument = {
    engine, machine, latentOf: (code) => latentOf(code, metadata), renderLoop: () => renderLoop(store.state, sounds),
  };
}

// Drum notes of General MIDI begin with 36; pads repeat above and below.
export function padOf(note, { pads }) {
  return (((note - LOWEST_NOTE) % pads.length) + pads.length) % pads.length;
}

function toolsView(machine) {
  const undo = button("Undo", () => machine.store.undo(), { title: "Ctrl+Z" });
  const redo = button("Redo", () => machine.store.redo(), { title: "Ctrl+Shift+Z" });
  const count = choice("Pads", PAD_CHOICES.map((n) => [n, n]), 8, (value) => machine.setCount(Number(value)));
  const load = (name, bytes) => machine.saving.load(name, bytes).catch(complain);
  const open = button("Load …", () => openFiles(".zip,.npy,.json", load), {
    title: "A kit (zip), latents (npy) or a pattern (json)",
  });
  const fresh = button("New kit", () => machine.randomizeKit(), {
    class: "main", title: "New random sounds on all pads that are not locked",
  });
  const element = make("div", { class: "panel tools_bar", role: "group", "aria-label": "Kit" },
    make("div", { class: "row" },
      fresh, undo, redo, count.element, button("Save kit", () => machine.saving.kit()), open,
      button("Link to kit", () => machine.saving.link(machine.state.pads.map((_, i) => i)))));
  const update = ({ pads }) => {
    undo.disabled = !machine.store.past.length;
    redo.disabled = !machine.store.future.length;
    if (!PAD_CHOICES.includes(pads.length)) {
      if (![...count.select.options].some((option) => option.value === String(pads.length))) {
        count.select.append(make("option", { value: pads.length }, pads.length));
      }
    }
    count.select.value = pads.length;
  };
  return { element, update };
}

function keepSession(store, kept) {
  let timer = null, complained = false;
  const save = () => {
    clearTimeout(timer);
    timer = null;
    if (!kept.set("session", store.state) && !complained) {
      complained = true;
      complain(new Error("This browser does not keep the session: save the kit before you close the page."));
    }
  };
  store.subscribe(() => { timer ??= setTimeout(save, SAVE_AFTER); });
  addEventListener("pagehide", () => timer && save());
}
