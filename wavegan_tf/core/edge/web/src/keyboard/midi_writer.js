// Notes as a MIDI file of one track.

const DIVISION = 480, TEMPO = 500_000;  // ticks and microseconds of a beat
const TICKS_PER_SECOND = DIVISION * 1e6 / TEMPO;
const bytesOf = (text) => [...text].map((letter) => letter.charCodeAt(0));
const big = (value, size) => Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** (size - 1 - i)) % 256);

// Seven bits a byte, the highest bit of all but the last byte set.
const number = (value) => {
  const digits = [value & 0x7F];
  for (let rest = value >> 7; rest; rest >>= 7) digits.unshift(0x80 | rest & 0x7F);
  return digits;
};

/**
 * A file of type 0; Uint8Array.
 * @param {{pitch: number, velocity: number, start: number, end: number}[]} notes  velocity 1 to 127, times in seconds
 */
export const encodeMidi = (notes) => {
  const events = notes.flatMap(({ pitch, velocity, start, end }) => {
    const [on, off] = [start, end].map((time) => Math.round(time * TICKS_PER_SECOND));
    return [{ tick: on, order: 1, data: [0x90, pitch, velocity] }, { tick: Math.max(off, on + 1), order: 0, data: [0x80, pitch, 64] }];
  });
  events.sort((a, b) => a.tick - b.tick || a.order - b.order);
  const track = [0, 0xFF, 0x51, 3, ...big(TEMPO, 3)];
  let last = 0;
  for (const { tick, data } of events) {
    track.push(...number(tick - last), ...data);
    last = tick;
  }
  track.push(0, 0xFF, 0x2F, 0);
  return Uint8Array.from([
    ...bytesOf("MThd"), ...big(6, 4), ...big(0, 2), ...big(1, 2), ...big(DIVISION, 2), ...bytesOf("MTrk"), ...big(track.length, 4), ...track,
  ]);
};
