// The sounds of pads: made once for each name and class, and kept.

import { isCancelled } from "../queue.js";
import { toBuffer } from "../sound.js";
import { latentOf } from "./recipes.js";

const MOST_KEPT = 96;

export class Sounds {
  // made(key): called when a sound has come; failed(error): when it can't.
  constructor(engine, context, made, failed) {
    Object.assign(this, { engine, context, made, failed });
    const { num_channels: channels = 1, sample_rate: rate, labels } = engine.metadata;
    Object.assign(this, { channels, rate, hasLabels: Boolean(labels?.length) });
    this.kept = new Map();
    this.asked = new Map();
  }

  keyOf({ code, label }) {
    return this.hasLabels ? `${label}:${code}` : code;
  }

  // The sound {samples, buffer} of a pad, or undefined while it isn't made.
  get(pad) {
    const key = this.keyOf(pad), sound = this.kept.get(key);
    if (sound) {
      this.kept.delete(key);
      this.kept.set(key, sound);  // the latest used is the last to go
    }
    return sound;
  }

  // Resolves to the sound of {code, label}; place names what it is for, where a later wish replaces one that waits.
  want(pad, place, priority = 0) {
    const key = this.keyOf(pad), ready = this.get(pad);
    if (ready) return Promise.resolve(ready);
    if (!this.asked.has(key)) {
      this.asked.set(key, this.create(pad, key, place, priority).finally(() => this.asked.delete(key)));
    }
    return this.asked.get(key);
  }

  async create(pad, key, place, priority) {
    const z = latentOf(pad.code, this.engine.metadata);
    const inputs = this.hasLabels ? { z, label: pad.label } : { z };
    const samples = await this.engine.generate(inputs, { key: place, priority });
    const sound = { samples, buffer: toBuffer(this.context, samples, this.channels, this.rate) };
    this.kept.set(key, sound);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MOST_KEPT) break;
      this.kept.delete(oldest);
    }
    this.made(key);
    return sound;
  }

  // Asks for all sounds of a session, the selected pad's first.
  update(state) {
    this.state = state;
    state.pads.forEach((pad, index) => {
      if (this.get(pad) || this.asked.has(this.keyOf(pad))) return;
      this.want(pad, `pad ${index}`, index === state.selected ? 1 : 0).catch((error) => {
        // Another pad may want the sound that one has taken back.
        if (isCancelled(error)) this.update(this.state); else this.failed(error);
      });
    });
  }
}
