// What a browser needs for this page, checked before anything is started.

// A function with one instruction of 128 bits.
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

// Sentences about what is missing and without which nothing works; empty if nothing is.
export function missing(world = globalThis) {
  const wants = [
    [world.WebAssembly, "It has no WebAssembly, in which the model computes."],
    [
      !world.WebAssembly || world.WebAssembly.validate(SIMD),
      "Its WebAssembly has no SIMD (Chrome and Edge have it from version 91, Firefox 89, Safari 16.4).",
    ],
    [world.Worker, "It has no Web Workers."],
    [
      world.DecompressionStream,
      "It has no DecompressionStream (Chrome and Edge have it from version 80, Firefox 113, Safari 16.4).",
    ],
    [world.AudioContext, "It has no Web Audio."],
  ];
  return wants.filter(([has]) => !has).map(([, text]) => text);
}
