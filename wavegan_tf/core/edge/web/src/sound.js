// Sound out: one AudioContext, behind it reverb and master volume.

import { randomStream } from "./latents.js";

const REVERB_SECONDS = 2.2;

// What all sounds go through, in any context: {input, dry, setVolume(0 to 1), setReverb(0 to 1)}; dry has no reverb.
// Only the reverb has a memory, so that sounds are as early and as long with it as without.
export function makeOutput(context, { volume = 0.8, reverb = 0.15 } = {}) {
  const input = context.createGain(), wet = context.createGain(), master = context.createGain();
  const room = context.createConvolver(), limiter = context.createWaveShaper();
  room.buffer = impulse(context);
  limiter.curve = limiterCurve();
  const before = context.createGain();
  before.gain.value = 1 / LIMITER_RANGE;
  input.connect(master);
  input.connect(wet).connect(room).connect(master);
  master.connect(before).connect(limiter).connect(context.destination);
  const set = (parameter) => (value) => parameter.setTargetAtTime(value, context.currentTime, 0.01);
  wet.gain.value = reverb;
  master.gain.value = volume;
  return { input, dry: master, setVolume: set(master.gain), setReverb: set(wet.gain) };
}

// Noise that dies away, the same at every start.
function impulse(context) {
  const draw = randomStream(1), length = Math.round(REVERB_SECONDS * context.sampleRate);
  const buffer = context.createBuffer(2, length, context.sampleRate);
  for (const channel of [0, 1]) {
    const data = buffer.getChannelData(channel);
    for (let i = 0, low = 0; i < length; i++) {
      low += 0.4 * (2 * draw() - 1 - low);
      data[i] = low * Math.exp(-6.9 * i / length) * Math.min(1, i / 200);
    }
  }
  return buffer;
}

// As it is up to 0.8, then bent towards 1, which many loud sounds together would pass.
const LIMITER_RANGE = 8, LIMITER_KNEE = 0.8;

function limiterCurve() {
  const points = 4001;
  return Float32Array.from({ length: points }, (_, i) => {
    const x = LIMITER_RANGE * (2 * i / (points - 1) - 1), room = 1 - LIMITER_KNEE, over = Math.abs(x) - LIMITER_KNEE;
    return over <= 0 ? x : Math.sign(x) * (LIMITER_KNEE + room * Math.tanh(over / room));
  });
}

const BATCH = 1;  // seconds of sounds that are handed over together

// Calls play with each of the sounds {when, ...} of an OfflineAudioContext a little ahead of its time: the browser goes
// through all that were handed over for each block of samples, so that the time for many would grow with their square.
export function handOver(context, sounds, play) {
  const waiting = [...sounds].sort((a, b) => a.when - b.when), seconds = context.length / context.sampleRate;
  let next = 0;
  const playUntil = (time) => {
    while (next < waiting.length && waiting[next].when < time) play(waiting[next++]);
  };
  if (!context.suspend) {  // Firefox
    playUntil(Infinity);
    return;
  }
  playUntil(2 * BATCH);
  for (let at = BATCH; at < seconds - BATCH; at += BATCH) {
    context.suspend(at).then(() => {
      playUntil(at + 2 * BATCH);
      return context.resume();
    });
  }
}

// Interleaved samples as an AudioBuffer of the model's rate; playing resamples it to the context's.
export function toBuffer(context, samples, channels, rate) {
  const buffer = context.createBuffer(channels, samples.length / channels, rate);
  for (let c = 0; c < channels; c++) {
    const data = buffer.getChannelData(c);
    for (let i = 0; i < data.length; i++) data[i] = samples[i * channels + c];
  }
  return buffer;
}

// The samples of an AudioBuffer, interleaved.
export function interleave(buffer) {
  const channels = buffer.numberOfChannels, out = new Float32Array(buffer.length * channels);
  for (let c = 0; c < channels; c++) {
    const data = buffer.getChannelData(c);
    for (let i = 0; i < data.length; i++) out[i * channels + c] = data[i];
  }
  return out;
}

function openContext(sampleRate) {
  try {
    return new AudioContext({ latencyHint: "interactive", sampleRate });
  } catch {
    return new AudioContext({ latencyHint: "interactive" });  // not every browser has every rate
  }
}

// The page's sound: {context, output}. Browsers keep it silent until the listener has done something. At the model's
// own sampleRate its sounds are played as they are, and the browser resamples their sum, better than single buffers.
export function openSound(settings, sampleRate) {
  const context = openContext(sampleRate);
  const wake = () => context.state === "suspended" && context.resume();
  for (const kind of ["pointerdown", "keydown", "touchend"]) addEventListener(kind, wake, true);
  return { context, output: makeOutput(context, settings) };
}
