// The computer's keys as a piano: by their place, so that every layout has the same.

// Semitones above the lowest C, from the row of A (white keys) and the row above it (black keys).
const PLACES = [
  "KeyA", "KeyW", "KeyS", "KeyE", "KeyD", "KeyF", "KeyT", "KeyG", "KeyY", "KeyH", "KeyU", "KeyJ",
  "KeyK", "KeyO", "KeyL", "KeyP", "Semicolon", "Quote",
];
const SEMITONES = new Map(PLACES.map((code, semitones) => [code, semitones]));
const SIGNS = { Semicolon: ";", Quote: "'" };
const MAX_OCTAVE = 9;

/** What the computer's keys do, for the reader: [key, what]. */
export const KEYS = [
  ["A S D F G H J K L ; '", "white keys"], ["W E T Y U O P", "black keys"], ["Z X", "an octave down or up"],
  ["C V", "softer or louder"], ["Space", "sustain pedal"], ["Tab, arrows", "to the piano and along its keys"], ["Enter", "plays the key there"],
];

/** The letter of each pitch of an octave and the one above it, on a US layout: a Map. */
export const lettersFrom = (octave) => new Map(PLACES.map((code, semitones) => (
  [12 * (octave + 1) + semitones, SIGNS[code] ?? code.slice(3)]
)));

// What is typed there is text, or chooses something.
const isTaken = (target) => target.closest?.("input:not([type=range]):not([type=checkbox]), select, textarea, [contenteditable]");
const isPressed = (target) => target.closest?.("button, a, summary, input[type=checkbox], [role=slider]");

/**
 * Listens to the computer's keys.
 * @param {{press: (source: string, pitch: number, velocity: number) => void,
 *   release: (source: string, pitch: number) => void, releaseAll: (source: string) => void, velocity: () => number,
 *   octave: () => number, setOctave: (octave: number) => void, stepVelocity: (steps: number) => void,
 *   setPedal: (isDown: boolean) => void}} options  the octave of the lowest key: 4 is that of middle C
 */
export const listenToKeys = (options) => {
  const down = new Map();  // pitch by key, as the octave may change in between
  const commands = {
    KeyZ: () => options.setOctave(Math.max(-1, options.octave() - 1)),
    KeyX: () => options.setOctave(Math.min(MAX_OCTAVE, options.octave() + 1)),
    KeyC: () => options.stepVelocity(-1),
    KeyV: () => options.stepVelocity(1),
  };
  const letGo = () => {
    down.clear();
    options.releaseAll("keys");
    options.setPedal(false);
  };
  addEventListener("keydown", (event) => {
    const { code, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || isTaken(target)) return;
    if (code === "Space" && !isPressed(target)) {
      options.setPedal(true);
    } else if (code in commands) {
      commands[code]();
    } else if (!SEMITONES.has(code)) {
      return;
    } else if (!event.repeat) {
      const pitch = 12 * (options.octave() + 1) + SEMITONES.get(code);
      if (pitch <= 127) {
        down.set(code, pitch);
        options.press("keys", pitch, options.velocity());
      }
    }
    event.preventDefault();
  });
  addEventListener("keyup", ({ code }) => {
    if (code === "Space") options.setPedal(false);  // wherever the focus has gone since
    if (!down.has(code)) return;
    options.release("keys", down.get(code));
    down.delete(code);
  });
  // Keys that are let go elsewhere are told to nobody.
  addEventListener("blur", letGo);
  document.addEventListener("visibilitychange", () => document.hidden && letGo());
};
