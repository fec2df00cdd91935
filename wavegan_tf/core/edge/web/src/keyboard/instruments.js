// Latents of instruments, and the way through them in time for the notes of a clip, as gansynth_tf/midi/instruments.py
// has them.

/** Seconds from one random instrument to the next, and the limits of what may be asked for. */
export const SECS_PER_INSTRUMENT = 6, SECS_LIMITS = [0.05, 1e6];
// The original's first instrument stands a little before the first note, so that a note at 0 lies between two.
const FIRST_TIME = -0.0001;
// Below, the sine that slerp divides by is rounding noise.
const PARALLEL = 1e-6;

/** Spherical linear interpolation (Shoemake, 1985); the straight way where one is zero or both lie on a line. */
export const slerp = (a, b, share) => {
  let product = 0, squareA = 0, squareB = 0;
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i];
    squareA += a[i] * a[i];
    squareB += b[i] * b[i];
  }
  const lengths = Math.sqrt(squareA) * Math.sqrt(squareB), cosine = lengths > 0 ? product / lengths : 1;
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine))), sine = Math.sin(angle);
  const isStraight = sine < PARALLEL;
  const ofA = isStraight ? 1 - share : Math.sin((1 - share) * angle) / sine;
  const ofB = isStraight ? share : Math.sin(share * angle) / sine;
  return Float64Array.from(a, (value, i) => ofA * value + ofB * b[i]);
};

/** Instruments of a clip; at least two, to go from one to the other. */
export const countInstruments = (total, secondsEach) => Math.max(2, Math.trunc(total / secondsEach));

/** When each instrument is reached: seconds, evenly over a clip. */
export const instrumentTimes = (count, total) => {
  const step = (total - FIRST_TIME) / Math.max(count - 1, 1);
  return Array.from({ length: count }, (_, i) => (i > 0 && i === count - 1 ? total : FIRST_TIME + i * step));
};

/** The latents of a note, between those of the instruments before and after its start; Float32Array. */
export const latentsAt = (start, instruments, times) => {
  if (instruments.length === 1) return Float32Array.from(instruments[0]);
  const before = times.filter((time) => time < start).length;
  const left = Math.min(Math.max(before - 1, 0), times.length - 2);
  const share = (start - times[left]) / (times[left + 1] - times[left]);
  return Float32Array.from(slerp(instruments[left], instruments[left + 1], share));
};

/**
 * Latents of the instruments that a clip goes through.
 * @param {number} total  seconds of the clip
 * @param {Float32Array[]|null} given  instruments to go through; null for random ones
 * @param {number|null} secondsEach  from one to the next, given ones coming round again as often as needed; null for 6
 *   with random ones, and for once through the given ones
 * @param {(count: number) => Float32Array[]} draw  random ones
 */
export const instrumentsOfClip = (total, given, secondsEach, draw) => {
  if (given && secondsEach === null) return given;
  const count = countInstruments(total, secondsEach ?? SECS_PER_INSTRUMENT);
  return given ? Array.from({ length: count }, (_, i) => given[i % given.length]) : draw(count);
};
