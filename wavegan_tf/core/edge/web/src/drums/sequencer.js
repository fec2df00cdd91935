// The sequencer's panel: playing, tempo, patterns, song, and the steps.

import { button, choice, complain, make, slider } from "../widgets.js";
import { gridView } from "./grid.js";
import { letterOf, readSong, tappedTempo } from "./sequence.js";
import { LIMITS, MOST_SONG, PATTERNS } from "./state.js";

// Returns {element, update(state), show(step), tap()}.
export function sequencerView(machine) {
  const grid = gridView(machine);
  const play = button("Play", () => machine.togglePlay(), { class: "main play", title: "Space" });
  const tempo = make("input", {
    id: "tempo", type: "number", min: LIMITS.tempo[0], max: LIMITS.tempo[1], step: 1,
  });
  tempo.addEventListener("change", () => {
    if (tempo.value !== "") machine.setTempo(Number(tempo.value));
    tempo.value = machine.state.tempo;  // which may be another than what was typed
  });
  let taps = [];
  const tap = () => {
    const now = performance.now() / 1000;
    taps = [...taps.filter((time) => now - time < 6), now];
    if (now - (taps.at(-2) ?? now) > 2) taps = [now];
    const found = tappedTempo(taps);
    if (found) machine.setTempo(Math.round(found));
  };
  const swing = slider("Swing", {
    min: LIMITS.swing[0], max: LIMITS.swing[1], step: 0.01, value: 0.5, show: (x) => `${Math.round(100 * x)} %`,
    oninput: (x) => machine.set("swing", x),
  });
  const letterButton = (_, index) => button(letterOf(index), () => machine.showPattern(index), {
    class: "letter", "aria-label": `Pattern ${letterOf(index)}`,
  });
  const letters = Array.from({ length: PATTERNS }, letterButton);
  const steps = choice("Steps", [[16, "16"], [32, "32"]], 16, (value) => machine.setSteps(Number(value)));
  const song = make("input", {
    id: "song", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "A A B A",
  });
  song.addEventListener("change", () => {
    try {
      machine.set("song", readSong(song.value, PATTERNS, MOST_SONG));
      song.removeAttribute("aria-invalid");
    } catch (error) {
      song.setAttribute("aria-invalid", "true");
      complain(error);
    }
  });
  const modes = [["pattern", "this pattern"], ["song", "the song"]];
  const mode = choice("Play", modes, "pattern", (value) => machine.adjust("mode", value));
  const element = make("section", { class: "panel sequencer", "aria-labelledby": "sequencer_title" },
    make("h2", { id: "sequencer_title" }, "Sequencer"),
    make("div", { class: "row" }, play,
      make("label", { class: "number" }, make("span", {}, "Tempo"), tempo),
      button("Tap", tap, { title: "T: tap the beat" }),
      swing.element),
    make("div", { class: "row" },
      make("div", { class: "letters", role: "group", "aria-label": "Pattern" }, ...letters), steps.element,
      button("Copy to next", () => machine.copyPattern()), button("Clear", () => machine.clearPattern())),
    grid.element,
    make("div", { class: "row" }, grid.velocity.element, mode.element,
      make("label", { class: "wide" }, make("span", {}, "Song"), song)),
    make("div", { class: "row" },
      button("Save pattern", () => machine.saving.pattern()), button("Save loop as wav", () => machine.saving.loop())));

  const update = (state) => {
    grid.update(state);
    if (document.activeElement !== tempo) tempo.value = state.tempo;
    swing.value = state.swing;
    letters.forEach((letter, index) => {
      letter.setAttribute("aria-pressed", String(index === state.pattern));
      letter.classList.toggle("used", state.patterns[index].tracks.some((track) => track.some((x) => x > 0)));
    });
    steps.select.value = state.patterns[state.pattern].steps;
    mode.select.value = state.mode;
    if (document.activeElement !== song) {
      song.value = state.song.map(letterOf).join(" ");
      song.removeAttribute("aria-invalid");
    }
  };
  const show = (step) => {
    grid.show(step);
    play.textContent = machine.transport.isPlaying ? "Stop" : "Play";
    letters.forEach((letter, index) => letter.classList.toggle("now", step?.pattern === index));
  };
  return { element, update, show, tap };
}
