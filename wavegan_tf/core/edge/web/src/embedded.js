// What the page holds besides its script: metadata as JSON, and the worker's code, runtime and model in base 85.

const text = (id) => document.getElementById(id).textContent;

export const readMetadata = () => JSON.parse(text("metadata"));

export const bytesOf = (id) => decode85(text(id));

// Python's base85 with "," in the place of "<".
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
const VALUES = new Uint8Array(128);
[...DIGITS].forEach((digit, value) => { VALUES[digit.charCodeAt(0)] = value; });

// Five digits are four bytes; of n digits that are left over, n - 1 bytes.
export function decode85(coded) {
  const padding = (5 - coded.length % 5) % 5, filled = coded + "~".repeat(padding);
  const bytes = new Uint8Array(4 * filled.length / 5), view = new DataView(bytes.buffer);
  for (let from = 0, to = 0; from < filled.length; from += 5, to += 4) {
    let value = 0;
    for (let i = from; i < from + 5; i++) value = 85 * value + VALUES[filled.charCodeAt(i)];
    view.setUint32(to, value);
  }
  return bytes.subarray(0, bytes.length - padding);
}

export async function inflate(bytes, format = "gzip") {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
