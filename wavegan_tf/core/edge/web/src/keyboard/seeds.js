// Latents of a seed: what the `latents` signature of the model draws for it, so that a seed of the page is a seed of the
// generate commands. TensorFlow's stateless functions draw by Philox 4x32-10 (Salmon et al., 2011).

const MULTIPLIERS = [0xD2511F53, 0xCD9E8D57], WEYL = [0x9E3779B9, 0xBB67AE85], ROUNDS = 10;
const SCRAMBLE = [0x3EC8F720, 0x02461E29];
// The first half of the seed pair, which the exports fold every seed into: the two halves of -3285871255279884312.
const SERVED = [0xAB6027E8, 0xD2663D80];
export const MAX_SEED = 2 ** 31 - 1;

const product = (a, b) => {
  const wide = BigInt(a) * BigInt(b);
  return [Number(wide >> 32n), Number(wide & 0xFFFFFFFFn)];
};

/** Four random words of a counter of four words and a key of two. */
export const philox = (counter, key) => {
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

function* words(seed) {
  const mixed = philox([...SERVED, seed >>> 0, Math.floor(seed / 2 ** 32)], SCRAMBLE);
  for (let block = 0; ; block++) yield philox([block, 0, mixed[2], mixed[3]], [mixed[0], mixed[1]]);
}

// Box and Muller, 1958, rounded to float32 where TensorFlow does.
const normal = ([a, b, c, d]) => [[a, b], [c, d]].flatMap(([radius, angle]) => {
  const log = Math.fround(Math.log(Math.max(fraction(radius), Math.fround(1e-7))));
  const length = Math.fround(Math.sqrt(-2 * log)), turn = Math.fround(2 * Math.PI * fraction(angle));
  return [Math.fround(Math.sin(turn)) * length, Math.fround(Math.cos(turn)) * length];
});
const uniform = (block) => block.map((word) => 2 * fraction(word) - 1);

/**
 * The first `count` latents of a seed, each a Float32Array of `dim`.
 * @param {"normal"|"uniform"} kind  N(0, 1), or U[-1, 1)
 * @param {number} seed  0 to MAX_SEED
 */
export const drawLatents = (kind, seed, count, dim) => {
  const values = new Float32Array(Math.ceil(count * dim / 4) * 4);
  let at = 0;
  for (const block of words(seed)) {
    if (at >= values.length) break;
    values.set((kind === "normal" ? normal : uniform)(block), at);
    at += 4;
  }
  return Array.from({ length: count }, (_, row) => values.slice(row * dim, (row + 1) * dim));
};
