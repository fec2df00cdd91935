// Keys of the computer's keyboard.

export const KEYS = [
  ["1 – 8", "play a pad"], ["Space", "play or stop the sequencer"], ["R", "new random sound on the selected pad"],
  ["N", "nudge it"], ["L", "lock it"], ["T", "tap the tempo"], ["Ctrl Z", "undo"], ["Ctrl Shift Z", "redo"],
  ["MIDI 36 – 43", "play the pads; further notes repeat them"],
  ["Arrows, Enter", "in the steps: move and set"], ["Page Up / Down", "in the steps: velocity"],
];

// Fields in which keys write, and controls that have a use of their own for Space.
const isTyping = (element) => element.matches("input:not([type=range]), textarea, select");
const takesSpace = (element) => element.matches("button, summary, input, select, a");

export function bindKeys(machine, tap) {
  const actions = {
    r: () => machine.randomize(machine.selected), n: () => machine.nudge(machine.selected),
    l: () => machine.toggleLock(machine.selected), t: tap,
  };
  addEventListener("keydown", (event) => {
    const { target } = event, key = event.key.toLowerCase();
    if (isTyping(target)) return;
    if (event.ctrlKey || event.metaKey) {
      const back = key === "z" && !event.shiftKey, forth = key === "y" || (key === "z" && event.shiftKey);
      if (!back && !forth) return;
      event.preventDefault();
      if (back) machine.store.undo(); else machine.store.redo();
      return;
    }
    if (event.altKey || event.repeat) return;
    const digit = /^Digit([1-9])$/.exec(event.code) ?? /^([1-9])$/.exec(key);
    if (digit && Number(digit[1]) <= Math.min(8, machine.state.pads.length)) {
      machine.select(Number(digit[1]) - 1);
      machine.play(Number(digit[1]) - 1);
    } else if (key === " " && !takesSpace(target)) {
      event.preventDefault();
      machine.togglePlay();
    } else actions[key]?.();
  });
}
