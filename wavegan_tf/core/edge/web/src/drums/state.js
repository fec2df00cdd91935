// The session: sounds and settings of the pads, patterns and song. It is plain data, kept as JSON.

import { latentOf } from "./recipes.js";

export const MOST_PADS = 16, PATTERNS = 8, MOST_SONG = 64;
export const LIMITS = {
  gain: [0, 1.5, 1], pitch: [-24, 24, 0], pan: [-1, 1, 0], decay: [0.02, 1, 1],  // of a pad: least, most, usual
  tempo: [40, 240, 110], swing: [0.5, 0.75, 0.5], volume: [0, 1, 0.8], reverb: [0, 1, 0.12], velocity: [0.05, 1, 0.8],
  step: [5, 50, 15],
};
const PAD_SETTINGS = ["gain", "pitch", "pan", "decay"];
const SETTINGS = ["tempo", "swing", "volume", "reverb", "velocity", "step"];
// A beat to begin with: hits of the first pads by step.
const FIRST_BEAT = [[0, 6, 10], [4, 12], [0, 2, 4, 6, 8, 10, 12, 14], [14]];

export const limited = (value, [least, most, usual]) => (
  Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : usual
);
const count = (value, most, usual) => (Number.isInteger(value) && value >= 0 && value < most ? value : usual);
const list = (value) => (Array.isArray(value) ? value : []);

export const newPattern = (steps = 16) => ({
  steps,
  tracks: Array.from({ length: MOST_PADS }, () => Array(32).fill(0)),
});

// The session at the very first start.
export function firstState(metadata) {
  const state = checked({ pads: Array.from({ length: 8 }, (_, i) => ({ code: String(i + 1) })) }, metadata);
  FIRST_BEAT.forEach((steps, pad) => steps.forEach((step) => { state.patterns[0].tracks[pad][step] = 0.8; }));
  return state;
}

// A session in which every value is possible, from one that may be of anyone's making.
export function checked(given, metadata) {
  const from = given && typeof given === "object" ? given : {};
  const pads = list(from.pads).slice(0, MOST_PADS).map((pad, i) => checkedPad(pad, i, metadata));
  while (pads.length < 8) pads.push(checkedPad({ code: String(pads.length + 1) }, pads.length, metadata));
  const patterns = Array.from({ length: PATTERNS }, (_, i) => checkedPattern(list(from.patterns)[i]));
  return {
    pads,
    selected: count(from.selected, pads.length, 0),
    patterns,
    pattern: count(from.pattern, PATTERNS, 0),
    song: list(from.song).filter((index) => count(index, PATTERNS, -1) >= 0).slice(0, MOST_SONG),
    mode: from.mode === "song" ? "song" : "pattern",
    ...Object.fromEntries(SETTINGS.map((name) => [name, limited(from[name], LIMITS[name])])),
  };
}

export function checkedPad(given, index, metadata) {
  const from = given && typeof given === "object" ? given : {};
  const labels = metadata.labels?.length ?? 0;
  return {
    code: isName(from.code, metadata) ? from.code : String(index + 1),
    label: count(from.label, Math.max(1, labels), labels ? index % labels : 0),
    locked: from.locked === true,
    ...Object.fromEntries(PAD_SETTINGS.map((name) => [name, limited(from[name], LIMITS[name])])),
  };
}

function isName(code, metadata) {
  try {
    return typeof code === "string" && latentOf(code, metadata) !== null;
  } catch {
    return false;
  }
}

export function checkedPattern(given) {
  const pattern = newPattern(given?.steps === 32 ? 32 : 16);
  list(given?.tracks).slice(0, MOST_PADS).forEach((track, pad) => list(track).slice(0, 32).forEach((velocity, step) => {
    pattern.tracks[pad][step] = Number.isFinite(velocity) ? Math.min(1, Math.max(0, velocity)) : 0;
  }));
  return pattern;
}

const NOT_UNDONE = ["volume", "reverb", "velocity", "step", "mode"];
const MOST_UNDO = 200, TOGETHER = 900;  // ms within which changes of one kind, such as by a slider, are one

// The session with its history. Whoever subscribes is called after each change.
export class Store {
  constructor(state) {
    this.state = state;
    this.past = [];
    this.future = [];
    this.last = { kind: null, time: 0 };
    this.listeners = [];
  }

  subscribe(listener) {
    this.listeners.push(listener);
  }

  // Changes a copy of the state by edit(copy). Changes of one kind, soon after each other, are undone together.
  change(kind, edit) {
    const next = structuredClone(this.state), now = performance.now();
    edit(next);
    if (!(kind && kind === this.last.kind && now - this.last.time < TOGETHER)) {
      this.past = [...this.past, this.state].slice(-MOST_UNDO);
    }
    this.last = { kind, time: now };
    this.future = [];
    this.become(next);
  }

  // Changes the state without a step of its own in the history, such as which pad is selected.
  adjust(edit) {
    const next = structuredClone(this.state);
    edit(next);
    this.become(next);
  }

  undo() {
    this.travel(this.past, this.future);
  }

  redo() {
    this.travel(this.future, this.past);
  }

  travel(from, to) {
    if (!from.length) return;
    to.push(this.state);
    this.last.kind = null;
    this.become({ ...from.pop(), ...Object.fromEntries(NOT_UNDONE.map((name) => [name, this.state[name]])) });
  }

  become(state) {
    this.state = state;
    for (const listener of this.listeners) listener(state);
  }
}
