// Latents drawn from seeds, and ways between two of them. A latent is a Float32Array [latent_dim].

// Numbers in [0, 1) that follow from a seed, 0 to 2^32 - 1 (mulberry32).
export function randomStream(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const randomSeed = () => Math.floor(Math.random() * 1e6);

// n latents of a seed, 0 to 2^32 - 1: those that the `latents` signature of the exports draws, so that a seed of the page is a
// seed of the generate commands. kind: "uniform" in [-1, 1), or "normal" with variance 1; skipped: latents before the first.
export function latents(seed, n, dim, kind, skipped = 0) {
  const first = skipped * dim, draw = kind === "normal" ? normal : uniform, offset = first % BLOCK;
  const values = new Float32Array(Math.ceil((offset + n * dim) / BLOCK) * BLOCK), words = wordsOf(seed);
  for (let at = 0; at < values.length; at += BLOCK) values.set(draw(words((first - offset + at) / BLOCK)), at);
  return Array.from({ length: n }, (_, row) => values.slice(offset + row * dim, offset + (row + 1) * dim));
}

// TensorFlow's stateless functions draw by Philox 4x32-10 (Salmon et al., 2011).
const MULTIPLIERS = [0xD2511F53, 0xCD9E8D57], WEYL = [0x9E3779B9, 0xBB67AE85], ROUNDS = 10;
const BLOCK = 4;  // words that are drawn together
const SCRAMBLE = [0x3EC8F720, 0x02461E29];
// The first half of the seed pair, which the exports fold every seed into: the two halves of -3285871255279884312.
const SERVED = [0xAB6027E8, 0xD2663D80];
// The largest that the generate commands take.
export const MAX_SEED = 2 ** 31 - 1;

// The upper and the lower word of the product of two.
const product = (a, b) => {
  const low = a & 0xFFFF, high = a >>> 16, middle = high * (b & 0xFFFF) + Math.floor(low * (b & 0xFFFF) / 0x10000);
  const carried = middle % 0x10000 + low * (b >>> 16);
  return [high * (b >>> 16) + Math.floor(middle / 0x10000) + Math.floor(carried / 0x10000), Math.imul(a, b) >>> 0];
};

// Four random words of a counter of four words and a key of two.
const philox = (counter, key) => {
  let [a, b, c, d] = counter, [k, l] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = product(MULTIPLIERS[0], a), [high1, low1] = product(MULTIPLIERS[1], c);
    [a, b, c, d] = [(high1 ^ b ^ k) >>> 0, low1, (high0 ^ d ^ l) >>> 0, low0];
    [k, l] = [(k + WEYL[0]) >>> 0, (l + WEYL[1]) >>> 0];
  }
  return [a, b, c, d];
};

// In [0, 1), of 23 bits.
const fraction = (word) => (word & 0x7FFFFF) / 0x800000;

// The words of a seed, by the number of their block.
const wordsOf = (seed) => {
  const [first, second, third, fourth] = philox([...SERVED, seed >>> 0, 0], SCRAMBLE);
  return (block) => philox([block, 0, third, fourth], [first, second]);
};

// Box and Muller, 1958, rounded to float32 where TensorFlow does.
const normal = ([a, b, c, d]) => [[a, b], [c, d]].flatMap(([radius, angle]) => {
  const log = Math.fround(Math.log(Math.max(fraction(radius), Math.fround(1e-7))));
  const length = Math.fround(Math.sqrt(-2 * log)), turn = Math.fround(2 * Math.PI * fraction(angle));
  return [Math.fround(Math.sin(turn)) * length, Math.fround(Math.cos(turn)) * length];
});
const uniform = (block) => block.map((word) => 2 * fraction(word) - 1);

export const lerp = (a, b, t) => a.map((value, i) => value + t * (b[i] - value));

// Along the great circle, with a length between those of the ends: the middle of two normal latents is as long as they.
export function slerp(a, b, t) {
  const length = (v) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  const [la, lb] = [length(a), length(b)];
  const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (la * lb);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  if (!(sine > 1e-4)) return lerp(a, b, t);
  const wanted = la + t * (lb - la);
  const wa = Math.sin((1 - t) * angle) / sine / la, wb = Math.sin(t * angle) / sine / lb;
  return a.map((x, i) => wanted * (wa * x + wb * b[i]));
}
