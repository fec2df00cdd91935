// Plays the sequence by the audio clock, to which steps are handed a little ahead of their time whenever a timer comes.

import { Cursor } from "./sequence.js";

const TIMER = 25, AHEAD = 0.15, AHEAD_HIDDEN = 1.5, START = 0.08, MOST_LOGGED = 4096;  // ms; the rest in seconds

export class Transport {
  // context: whose clock; read: to the state; hit(pad, velocity, time): plays; shown(step or null): when one is heard.
  constructor(context, read, hit, shown) {
    Object.assign(this, { context, read, hit, shown });
    this.timer = null;
    this.coming = [];  // steps that were handed over and are not heard yet
    this.log = [];  // times of steps as they were handed over, for tests
  }

  get isPlaying() {
    return this.timer !== null;
  }

  start() {
    if (this.isPlaying) return;
    this.cursor = new Cursor(this.read);
    this.time = this.context.currentTime + START;
    this.log = [];
    this.timer = setInterval(() => this.schedule(), TIMER);
    // A hidden page's timers come once a second.
    this.onhidden = () => this.schedule();
    document.addEventListener("visibilitychange", this.onhidden);
    this.shown(null);
    this.schedule();
    this.follow();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    document.removeEventListener("visibilitychange", this.onhidden);
    this.coming = [];
    this.shown(null);
  }

  schedule() {
    const now = this.context.currentTime, until = now + (document.hidden ? AHEAD_HIDDEN : AHEAD);
    // After a long sleep, such as of a telephone, what was missed is left out.
    if (this.time < now) this.time = now + START;
    while (this.time < until) {
      const step = this.cursor.next(), time = this.time + step.delay;
      for (const { pad, velocity } of step.hits) this.hit(pad, velocity, time);
      this.coming.push({ ...step, time });
      const { pattern } = step;
      if (this.log.length < MOST_LOGGED) this.log.push({ pattern, step: step.step, time, ahead: time - now });
      this.time += step.seconds;
    }
  }

  // Shows each step when it is heard.
  follow() {
    if (!this.isPlaying) return;
    const heard = this.context.currentTime - (this.context.outputLatency || 0);
    let step = null;
    while (this.coming.length && this.coming[0].time <= heard) step = this.coming.shift();
    if (step) this.shown(step);
    requestAnimationFrame(() => this.follow());
  }
}
