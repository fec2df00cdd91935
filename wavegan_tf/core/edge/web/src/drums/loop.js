// The loop as samples, made by the same hits as are heard.

import { makeOutput } from "../sound.js";
import { round } from "./sequence.js";
import { playHit } from "./voice.js";

const TAIL = 2.5;  // seconds that a reverb may go on

// Renders one round of the pattern or the song: an AudioBuffer at the model's sample rate that can be repeated, as it
// begins with what rings on from its end. All sounds that are wanted must be there. Resolves to null without a hit.
export async function renderLoop(state, sounds) {
  const { hits, seconds } = round(state), { rate } = sounds, length = Math.round(seconds * rate);
  if (!hits.length) return null;
  const longest = Math.max(...hits.map(({ pad }) => lasting(state.pads[pad], sounds)));
  const before = Math.ceil((longest + TAIL) / seconds);
  const context = new OfflineAudioContext(2, (before + 1) * length, rate), { input } = makeOutput(context, state);
  for (let turn = 0; turn <= before; turn++) {
    for (const { time, pad, velocity } of hits) {
      const when = turn * length / rate + time;
      playHit(context, input, sounds.get(state.pads[pad]).buffer, state.pads[pad], velocity, when);
    }
  }
  const all = await context.startRendering(), last = context.createBuffer(2, length, rate);
  for (const channel of [0, 1]) last.copyToChannel(all.getChannelData(channel).subarray(before * length), channel);
  return last;
}

// Seconds that a hit of a pad lasts at its pitch.
const lasting = (pad, sounds) => sounds.get(pad).buffer.duration / 2 ** (pad.pitch / 12);
