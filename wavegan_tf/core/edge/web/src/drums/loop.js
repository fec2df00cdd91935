// The loop as samples, made by the same hits as are heard.

import { handOver, makeOutput } from "../sound.js";
import { round } from "./sequence.js";
import { playHit } from "./voice.js";

const TAIL = 2.5;  // seconds that a reverb may go on

// Renders one round of the pattern or the song: an AudioBuffer at the model's sample rate that can be repeated, as it
// begins with what rings on from its end. All sounds that are wanted must be there. Resolves to null without a hit.
export async function renderLoop(state, sounds) {
  const { hits, seconds } = round(state), { rate } = sounds, length = Math.round(seconds * rate);
  if (!hits.length) return null;
  // Rendering begins earlier, with all hits of rounds before that can still be heard.
  const ringing = TAIL + hits.reduce((most, { pad }) => Math.max(most, lasting(state.pads[pad], sounds)), 0);
  const start = Math.ceil(ringing * rate), context = new OfflineAudioContext(2, start + length, rate);
  const { input } = makeOutput(context, state), plays = [];
  for (let turn = -Math.ceil(ringing / seconds); turn <= 0; turn++) {
    for (const hit of hits) plays.push({ ...hit, when: (start + turn * length) / rate + hit.time });
  }
  handOver(context, plays.filter(({ when }) => when >= 0), ({ pad, velocity, when }) => {
    playHit(context, input, sounds.get(state.pads[pad]).buffer, state.pads[pad], velocity, when);
  });
  const all = await context.startRendering(), loop = context.createBuffer(2, length, rate);
  for (const channel of [0, 1]) loop.copyToChannel(all.getChannelData(channel).subarray(start), channel);
  return loop;
}

// Seconds that a hit of a pad lasts at its pitch.
const lasting = (pad, sounds) => sounds.get(pad).buffer.duration / 2 ** (pad.pitch / 12);
