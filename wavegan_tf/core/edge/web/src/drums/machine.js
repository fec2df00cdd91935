// What the drum machine can do; views and keys call it and know nothing of one another.

import { randomSeed } from "../latents.js";
import { latentOf, nameOf, nudged } from "./recipes.js";
import { checkedPad, limited, LIMITS, newPattern, PATTERNS } from "./state.js";
import { playHit } from "./voice.js";

// Letters; a sound that was nudged or mixed more often goes by its latent. Names that lie within one another as deeply as
// is read (recipes.js) are longer.
const LONGEST_NAME = 300;

export class Machine {
  // parts: {metadata, page, store, sounds, sound}; transport, saving and played(pad) come later: they know the machine.
  constructor(parts) {
    Object.assign(this, parts);
    this.coming = [];  // hits that were handed to the audio clock for later
    this.awaited = null;  // key of the sound that is played when it comes
    const { labels } = this.metadata;
    this.labels = labels?.length ? labels : null;
    this.limited = (name, value) => limited(value, LIMITS[name]);
  }

  get state() { return this.store.state; }
  get selected() { return this.state.selected; }
  get pattern() { return this.state.patterns[this.state.pattern]; }

  // Playing.

  // Plays a pad now or at a time of the audio clock, as soon as it has a sound.
  play(index, velocity = 1, when = 0) {
    const pad = this.state.pads[index];
    if (!pad) return;
    const sound = this.sounds.get(pad);
    if (sound) this.playSound(sound, pad, velocity, when);
    else if (!when) this.awaited = this.sounds.keyOf(pad);
    if (!when) this.played(index);
  }

  playSound({ buffer }, pad, velocity = 1, when = 0) {
    const { context, output } = this.sound;
    const source = playHit(context, output.input, buffer, pad, velocity, when || context.currentTime);
    if (when) this.coming = [...this.coming.filter((hit) => hit.when > context.currentTime), { source, when }];
  }

  // A sound has been made: play it if that was asked for in the meantime.
  arrived(key) {
    const pad = this.state.pads.find((one) => this.sounds.keyOf(one) === key);
    if (pad && this.awaited === key) {
      this.awaited = null;
      this.playSound(this.sounds.get(pad), pad);
    }
  }

  togglePlay() {
    if (!this.transport.isPlaying) {
      this.transport.start();
      return;
    }
    this.transport.stop();
    for (const { source, when } of this.coming) if (when > this.sound.context.currentTime) source.stop();
    this.coming = [];
  }

  // Sounds.

  // Gives a pad the sound of a name and, where it is given, a class. Throws an Error if the name is none.
  setSound(index, code, label) {
    latentOf(code, this.metadata);
    if (this.state.pads[index].locked) throw new Error(`Pad ${index + 1} is locked: unlock it for another sound.`);
    this.store.change(null, ({ pads }) => {
      pads[index].code = code.replace(/\s/g, "");
      if (label !== undefined) pads[index].label = label;
    });
    this.listen(index);
  }

  // Plays a new sound when it comes, unless the sequencer plays it anyway.
  listen(index) {
    if (!this.transport.isPlaying) this.play(index);
  }

  randomize(index) {
    if (!this.state.pads[index].locked) this.setSound(index, String(randomSeed()));
  }

  nudge(index) {
    const pad = this.state.pads[index];
    if (pad.locked) return;
    const code = nudged(pad.code, randomSeed() % 10_000, this.state.step);
    this.setSound(index, this.shortened(code));
  }

  // A name of the same sound that does not grow with what is made of it again and again.
  shortened(code) {
    return code.length > LONGEST_NAME ? nameOf(latentOf(code, this.metadata)) : code;
  }

  randomizeKit() {
    this.store.change(null, ({ pads }) => {
      for (const pad of pads) if (!pad.locked) pad.code = String(randomSeed());
    });
  }

  setLabel(index, label) {
    this.store.change(null, ({ pads }) => { pads[index].label = label; });
    this.listen(index);
  }

  toggleLock(index) {
    this.store.change(null, ({ pads }) => { pads[index].locked = !pads[index].locked; });
  }

  setPad(index, key, value) {
    this.store.change(`${index} ${key}`, ({ pads }) => { pads[index][key] = value; });
  }

  resetPad(index) {
    this.store.change(null, ({ pads }) => {
      const { code, label, locked } = pads[index];
      pads[index] = checkedPad({ code, label, locked }, index, this.metadata);
    });
  }

  setCount(count) {
    this.store.change(null, (state) => {
      while (state.pads.length < count) {
        const index = state.pads.length;
        state.pads.push(checkedPad({ code: String(index + 1) }, index, this.metadata));
      }
      state.pads.length = count;
      state.selected = Math.min(state.selected, count - 1);
    });
  }

  select(index) {
    if (index !== this.selected) this.adjust("selected", index);
  }

  // Steps and settings.

  // Changes a value that can be undone, or one that need not be.
  set(name, value) {
    this.store.change(name, (state) => { state[name] = value; });
  }

  adjust(name, value) {
    this.store.adjust((state) => { state[name] = value; });
  }

  setTempo(value) {
    this.set("tempo", this.limited("tempo", value));
  }

  setStep(pad, step, velocity) {
    this.store.change(`step ${pad} ${step}`, (state) => {
      state.patterns[state.pattern].tracks[pad][step] = Math.round(100 * velocity) / 100;
    });
  }

  toggleStep(pad, step) {
    this.store.change(null, (state) => {
      const track = state.patterns[state.pattern].tracks[pad];
      track[step] = track[step] ? 0 : state.velocity;
    });
  }

  // Velocity of new steps, and of the one that has the focus if it is set.
  setVelocity(velocity, { pad, step }) {
    this.adjust("velocity", velocity);
    if (this.pattern.tracks[pad][step]) this.setStep(pad, step, velocity);
  }

  showPattern(index) {
    this.adjust("pattern", index);
  }

  setSteps(steps) {
    this.store.change(null, (state) => { state.patterns[state.pattern].steps = steps; });
  }

  copyPattern() {
    this.store.change(null, (state) => {
      const next = (state.pattern + 1) % PATTERNS;
      state.patterns[next] = structuredClone(state.patterns[state.pattern]);
      state.pattern = next;
    });
  }

  clearPattern() {
    this.store.change(null, (state) => {
      state.patterns[state.pattern] = newPattern(state.patterns[state.pattern].steps);
    });
  }
}
