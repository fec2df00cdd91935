// Notes to a clip: the envelope of each note, and their sum, as gansynth_tf/midi/mixing.py has them.

/** Seconds that a note is held at most, and that a clip goes on after its last note. */
export const MAX_NOTE_LENGTH = 3;
/** Seconds, from the start of a note and from its end. */
export const ATTACK = 0.010, RELEASE = 0.3;
export const MAX_VELOCITY = 127;

/**
 * The parts of a note's envelope, in samples: a linear attack within what is held, level 1, a linear release.
 * @param {number} length  seconds that the key is held
 * @param {number} rate  Hz
 * @param {number} maxSamples  of the note's waveform; a longer envelope is made to fit by releasing the note earlier
 */
export const envelopeParts = (length, rate, maxSamples) => {
  const release = Math.min(Math.trunc(rate * RELEASE), maxSamples);
  const held = Math.min(Math.trunc(rate * Math.min(length, MAX_NOTE_LENGTH)), maxSamples - release);
  return { attack: Math.min(Math.trunc(rate * ATTACK), held + release), held, release };
};

/** Linear attack, level 1, linear release after the note's end; Float64Array. The arguments are those above. */
export const noteEnvelope = (length, rate, maxSamples) => {
  const { held, release } = envelopeParts(length, rate, maxSamples), whole = Math.trunc(rate * ATTACK);
  const envelope = new Float64Array(held + release).fill(1);
  for (let i = 0; i < Math.min(whole, envelope.length); i++) envelope[i] = i / Math.max(whole - 1, 1);
  for (let i = 0; i < release; i++) envelope[held + i] = 1 - i / Math.max(release - 1, 1);
  return envelope;
};

/** The largest sample of one or more channels; of what is nowhere above zero, the largest magnitude. */
export const peakOf = (...waves) => {
  let largest = -Infinity, smallest = Infinity;
  for (const wave of waves) {
    for (const sample of wave) {
      if (sample > largest) largest = sample;
      if (sample < smallest) smallest = sample;
    }
  }
  return largest > 0 ? largest : Math.max(0, -smallest);
};

/** Samples of a clip: to 3 seconds after the last note has ended. */
export const clipSamples = (notes, rate) => {
  const end = notes.reduce((last, note) => Math.max(last, note.end), 0);
  return Math.ceil((end + MAX_NOTE_LENGTH) * rate);
};

/** Adds a note to a clip, under its envelope and of peak velocity / 127; the channels of both are interleaved. */
export const addNote = (clip, wave, note, rate, channels = 1) => {
  const envelope = noteEnvelope(note.end - note.start, rate, wave.length / channels);
  const shaped = Float64Array.from(wave.subarray(0, channels * envelope.length));
  for (let i = 0; i < shaped.length; i++) shaped[i] *= envelope[Math.trunc(i / channels)];
  const peak = peakOf(shaped), scale = peak === 0 ? 1 : note.velocity / MAX_VELOCITY / peak;
  const at = channels * Math.trunc(note.start * rate), end = Math.min(shaped.length, clip.length - at);
  for (let i = 0; i < end; i++) clip[at + i] += shaped[i] * scale;
};

/** Brings a clip to a peak of one half, in place; silence stays as it is. */
export const levelClip = (clip) => {
  const peak = peakOf(clip);
  if (peak > 0) for (let i = 0; i < clip.length; i++) clip[i] *= 0.5 / peak;
  return clip;
};
