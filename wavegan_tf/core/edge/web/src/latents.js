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

// n latents of a seed. kind: "uniform" in [-1, 1), or "normal" with variance 1.
export function latents(seed, n, dim, kind) {
  const draw = randomStream(seed);
  return Array.from({ length: n }, () => Float32Array.from({ length: dim }, () => (
    kind === "normal" ? normal(draw) : 2 * draw() - 1
  )));
}

// Box and Muller's transform; 1 - draw() is never 0.
function normal(draw) {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

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
