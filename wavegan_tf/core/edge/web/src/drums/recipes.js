// Names of sounds, from which they can be made again, so that they can be typed, shared and undone:
//
//   421                    the first latent of seed 421, as the generate commands draw it
//   421/3                  its latent number 3, counted from 0, of which they make 000003.wav
//   421~7*20               moved by 20 % into the direction of seed 7
//   lin(421,99,35)         35 % of the way from 421 to 99, straight
//   sph(421,99,35)         the same along a sphere
//   =AAAAgD8...            the latent itself, float32, base64url

import { latents, lerp, MAX_SEED, slerp } from "../latents.js";

const MOST_LETTERS = 40_000, DEEPEST = 40;
const MAX_NUMBER = 2 ** 16 - 1;  // of a seed's latents; the generate commands draw further ones in another way

// The latent that a name stands for, Float32Array [dim]. Throws an Error that says what is wrong with the name.
export function latentOf(code, { latent_dim: dim, latent: kind }) {
  if (code.length > MOST_LETTERS) throw new Error("The sound's name is too long.");
  const reader = { code: code.replace(/\s/g, ""), at: 0 };
  const z = sound(reader, dim, kind, 0);
  if (reader.at < reader.code.length) throw unreadable(reader);
  return z;
}

export const nudged = (code, seed, percent) => `${code}~${seed}*${percent}`;
export const morphed = (a, b, percent, how) => `${how}(${a},${b},${percent})`;

// A latent's own name.
export function nameOf(z) {
  const text = String.fromCharCode(...new Uint8Array(Float32Array.from(z).buffer));
  return "=" + btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// A name in short, to be shown.
export function shortName(code) {
  if (code.startsWith("=")) return "from a file";
  return code.length > 14 ? `${code.slice(0, 13)}…` : code;
}

function unreadable({ code, at }) {
  const place = at < code.length ? `at "${code.slice(at, at + 12)}"` : "at its end";
  return new Error(`A sound is named by a number, such as 421; this can't be read ${place}.`);
}

function take(reader, pattern) {
  pattern.lastIndex = reader.at;
  const match = pattern.exec(reader.code);
  if (!match) throw unreadable(reader);
  reader.at = pattern.lastIndex;
  return match;
}

function whole(reader, most) {
  const value = Number(take(reader, /\d{1,10}/y)[0]);
  if (value > most) throw new Error(`${value} is too large: at most ${most}.`);
  return value;
}

const seed = (reader) => whole(reader, MAX_SEED);

function sound(reader, dim, kind, depth) {
  if (depth > DEEPEST) throw new Error("The sound's name is too deep.");
  let z = term(reader, dim, kind, depth);
  while (reader.code[reader.at] === "~") {
    reader.at++;
    const [direction] = latents(seed(reader), 1, dim, kind);
    take(reader, /\*/y);
    z = moved(z, direction, whole(reader, 100) / 100, kind);
  }
  return z;
}

function term(reader, dim, kind, depth) {
  const [start] = /^(=|lin\(|sph\()?/.exec(reader.code.slice(reader.at, reader.at + 4));
  reader.at += start.length;
  if (start === "=") return own(take(reader, /[\w-]+/y)[0], dim);
  if (start === "") return drawn(reader, dim, kind);
  const a = sound(reader, dim, kind, depth + 1);
  take(reader, /,/y);
  const b = sound(reader, dim, kind, depth + 1);
  take(reader, /,/y);
  const t = whole(reader, 100) / 100;
  take(reader, /\)/y);
  return start === "lin(" ? lerp(a, b, t) : slerp(a, b, t);
}

function drawn(reader, dim, kind) {
  const value = seed(reader);
  if (reader.code[reader.at] !== "/") return latents(value, 1, dim, kind)[0];
  reader.at++;
  return latents(value, 1, dim, kind, whole(reader, MAX_NUMBER))[0];
}

function own(text, dim) {
  const decoded = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(decoded, (letter) => letter.charCodeAt(0));
  if (bytes.length !== 4 * dim) {
    throw new Error(`The sound is of another model: it has ${bytes.length / 4} numbers, this model ${dim}.`);
  }
  const z = new Float32Array(bytes.buffer);
  if (!z.every(Number.isFinite)) throw new Error("The sound's numbers are not finite.");
  return z;
}

// A step that keeps to where the model was trained: uniform latents turn back at -1 and 1, normal ones keep their
// variance.
function moved(z, direction, amount, kind) {
  if (kind === "normal") return z.map((x, i) => (x + amount * direction[i]) / Math.sqrt(1 + amount * amount));
  return z.map((x, i) => {
    const y = x + amount * direction[i];
    return Math.abs(x) > 1 ? y : y > 1 ? 2 - y : y < -1 ? -2 - y : y;
  });
}
