// Wav files of 16 bits, which everything reads.

const HEADER = 44;

// Interleaved samples in [-1, 1] to the bytes of a wav file; what is beyond is clipped. Numbers are cut towards zero,
// as the generate commands write them.
export function encodeWav(samples, channels, rate) {
  const bytes = new Uint8Array(HEADER + 2 * samples.length), view = new DataView(bytes.buffer);
  const word = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * channels * rate, true);
  view.setUint16(32, 2 * channels, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((x, i) => view.setInt16(HEADER + 2 * i, Math.fround(32767 * Math.min(1, Math.max(-1, x))), true));
  return bytes;
}
