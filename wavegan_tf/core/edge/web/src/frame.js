// What surrounds either instrument: master volume, reverb and the connection to MIDI.

import { connectMidi, lackOfMidi } from "./midi.js";
import { button, complain, make, say, slider } from "./widgets.js";

const percent = (x) => `${Math.round(100 * x)} %`;

// Sliders for volume and reverb; set(name, value) is called with "volume" or "reverb".
// Returns {element, update({volume, reverb})}.
export function masterPanel(output, set) {
  const apply = { volume: output.setVolume, reverb: output.setReverb };
  const one = (text, name) => slider(text, { show: percent, oninput: (x) => set(name, x) });
  const sliders = { volume: one("Volume", "volume"), reverb: one("Reverb", "reverb") };
  const update = (state) => {
    for (const [name, view] of Object.entries(sliders)) {
      view.value = state[name];
      apply[name](state[name]);
    }
  };
  return { element: make("div", { class: "master" }, ...Object.values(sliders).map((view) => view.element)), update };
}

// A button that asks for MIDI, with what became of it; handlers as connectMidi has them.
export function midiPanel(handlers) {
  const state = make("span", { class: "muted", role: "status", id: "midi_state" });
  const show = (names) => { state.textContent = names.length ? names.join(", ") : "No MIDI device is connected yet."; };
  const connect = button("Connect MIDI", async () => {
    try {
      const devices = (names) => {
        show(names);
        handlers.devices?.(names);
      };
      await connectMidi({ ...handlers, devices });
      connect.setAttribute("aria-pressed", "true");
      say("MIDI is connected");
    } catch (error) {
      state.textContent = error.message;
      complain(error);
    }
  }, { "aria-describedby": "midi_state" });
  state.textContent = lackOfMidi();
  connect.disabled = state.textContent !== "";
  return make("div", { class: "row midi" }, connect, state);
}
