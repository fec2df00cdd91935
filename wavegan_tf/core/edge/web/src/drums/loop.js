// The loop as samples, made by the same hits as are heard.

import { makeOutput } from "../sound.js";
import { round } from "./sequence.js";
import { playHit } from "./voice.js";

const RATE = 44_100, TAIL = 3;  // Hz; seconds that a hit and its reverb may go on

// Renders one round of the pattern or the song: an AudioBuffer that can be repeated, as it begins with what rings on from its end.
// soundOf(pad) gives {buffer}. Resolves to null if there is no hit.
export async function renderLoop(state, soundOf, rate = RATE) {
  const { hits, seconds } = round(state), length = Math.round(seconds * rate);
  if (!hits.length) return null;
  const before = Math.ceil(TAIL / seconds);
  const context = new OfflineAudioContext(2, (before + 1) * length, rate), { input } = makeOutput(context, state);
  for (let turn = 0; turn <= before; turn++) {
    for (const { time, pad, velocity } of hits) {
      playHit(context, input, soundOf(state.pads[pad]).buffer, state.pads[pad], velocity, turn * length / rate + time);
    }
  }
  const all = await context.startRendering(), last = context.createBuffer(2, length, rate);
  for (const channel of [0, 1]) last.copyToChannel(all.getChannelData(channel).subarray(before * length), channel);
  return last;
}
