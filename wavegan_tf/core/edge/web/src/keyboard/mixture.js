// What is played: instruments found by their seeds, and a place between them. All of it fits into a link.

import { slerp } from "./instruments.js";
import { MAX_SEED, latents, randomSeed as anySeed } from "../latents.js";

export const NAMES = ["A", "B", "C", "D"];
const MAX_ROW = 2 ** 16 - 1;  // the generate commands draw further ones in another way

/** A seed as it is typed: "5", or "5/7" for its latent number 7, counted from 0; null for anything else. */
export const parseSeed = (text) => {
  const found = /^\s*(\d{1,10})\s*(?:\/\s*(\d{1,5})\s*)?$/.exec(text);
  if (!found) return null;
  const [seed, row] = [Number(found[1]), Number(found[2] ?? 0)];
  return seed <= MAX_SEED && row <= MAX_ROW ? { seed, row } : null;
};

export const showSeed = ({ seed, row }) => (row ? `${seed}/${row}` : `${seed}`);

export const randomSeed = () => ({ seed: anySeed(), row: 0 });

/** Latents of a seed; Float32Array. */
export const latentsOf = ({ seed, row }, { latent, latent_dim: dim }) => latents(seed, 1, dim, latent, row)[0];

/** What is set when the page is opened for the first time. */
export const initialMixture = () => ({
  seeds: NAMES.map((_, seed) => ({ seed, row: 0 })), mode: "two", morph: 0, x: 0, y: 0,
});

/** Instruments that the place lies between: two, or four in the order of reading of the pad's corners. */
export const takingPart = ({ mode }) => (mode === "two" ? 2 : 4);

/** Latents of the place between the instruments, by arcs; Float32Array. */
export const latentsBetween = (mixture, metadata) => {
  const ends = mixture.seeds.slice(0, takingPart(mixture)).map((seed) => latentsOf(seed, metadata));
  if (mixture.mode === "two") return between(ends[0], ends[1], mixture.morph);
  return between(between(ends[0], ends[1], mixture.x), between(ends[2], ends[3], mixture.x), mixture.y);
};

// At the ends the latents themselves, without rounding.
const between = (a, b, share) => {
  if (share <= 0) return a;
  return share >= 1 ? b : Float32Array.from(slerp(a, b, share));
};

/** A mixture as the part of a link behind "#". */
export const toHash = (mixture) => {
  const seeds = mixture.seeds.slice(0, takingPart(mixture)).map(showSeed).join(",");
  const place = mixture.mode === "two" ? { morph: mixture.morph } : { x: mixture.x, y: mixture.y };
  return Object.entries({ seeds, ...place }).map(([name, value]) => `${name}=${value}`).join("&");
};

/** The mixture of a link, on top of another; null if the link has none that can be understood. */
export const fromHash = (hash, mixture) => {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const given = values.get("seeds")?.split(",").map(parseSeed);
  if (!given || given.includes(null) || ![2, 4].includes(given.length)) return null;
  const places = given.length === 2 ? ["morph"] : ["x", "y"], found = {};
  for (const name of places) {
    const place = Number(values.get(name) ?? 0);
    if (!(place >= 0 && place <= 1)) return null;
    found[name] = Number(place.toFixed(2));  // as the page's controls have them
  }
  const seeds = [...given, ...mixture.seeds.slice(given.length)];
  return { ...mixture, ...found, seeds, mode: given.length === 2 ? "two" : "four" };
};

/** A mixture that was kept by the browser; null if it is none. */
export const restored = (kept) => {
  if (!kept || !Array.isArray(kept.seeds) || kept.seeds.length !== NAMES.length) return null;
  const seeds = kept.seeds.map((seed) => parseSeed(`${seed?.seed}/${seed?.row}`));
  const places = [kept.morph, kept.x, kept.y];
  if (seeds.includes(null) || !places.every((place) => place >= 0 && place <= 1)) return null;
  return ["two", "four"].includes(kept.mode) ? { ...kept, seeds } : null;
};
