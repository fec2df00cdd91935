// Names of pitches, and pitches of the model for those that it has not learned.

const LETTERS = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
const OCTAVE = 12;

/** Scientific name of a MIDI number: 60 is C4. */
export const nameOf = (pitch) => `${LETTERS[pitch % OCTAVE]}${Math.floor(pitch / OCTAVE) - 1}`;

export const isBlack = (pitch) => LETTERS[pitch % OCTAVE].length > 1;

/** The pitch itself if it is from low to high, or else the one of its name in the nearest octave; null if there is none. */
export const withinRange = (pitch, low, high) => {
  const octaves = pitch < low ? Math.ceil((low - pitch) / OCTAVE) : pitch > high ? -Math.ceil((pitch - high) / OCTAVE) : 0;
  const found = pitch + OCTAVE * octaves;
  return found >= low && found <= high ? found : null;
};

/** The frequency by which a pitch is above another, as a factor. */
export const ratio = (pitch, other) => 2 ** ((pitch - other) / OCTAVE);
