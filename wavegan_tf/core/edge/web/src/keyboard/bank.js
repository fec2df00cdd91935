// Notes of the model, made ahead in the worker: those that somebody waits for first, then all pitches of the instrument
// that is played, from the pitch that was played last outwards. What was made is kept, by latents and pitch.

import { toBuffer } from "../sound.js";

const MAX_BYTES = 192 * 2 ** 20;  // of notes that are kept
// Semitones by which a note of the right instrument may stand in for another, sooner than one of another instrument.
const NEAR = 3;

/** Notes of one instrument that are there, by pitch. */
class Timbre {
  constructor(z) {
    this.z = z;
    this.buffers = new Map();
  }
}

export class NoteBank {
  /**
   * @param {object} engine  makes notes: generate({z, pitch}) gives samples, metadata describes the model
   * @param {BaseAudioContext} context
   */
  constructor(engine, context) {
    const { min_pitch: low, max_pitch: high, sample_rate: rate, num_channels: channels = 1 } = engine.metadata;
    Object.assign(this, { engine, context, low, high, rate, channels });
    this.centre = Math.min(high, Math.max(low, 60));
    this.onprogress = () => {};  // called when a note has come or another instrument is played
    this.onfault = () => {};  // called with an Error that notes cannot be made
    this.timbres = new Map();  // by latents, those used last at the end
    this.current = null;
    this.wanted = [];
    this.isBusy = false;
    this.fault = null;
  }

  get count() { return this.high - this.low + 1; }

  get ready() { return this.current?.buffers.size ?? 0; }

  isReady(pitch) { return this.current?.buffers.has(pitch) ?? false; }

  /** Plays an instrument of these latents from now on. */
  use(z) {
    const timbre = this.#timbre(z);
    if (timbre === this.current) return;
    this.current = timbre;
    this.#drop((job) => job.isUrgent && job.timbre !== timbre);
    this.onprogress();
    this.#work();
  }

  /** The pitch that is played now: notes around it are made next. */
  playAround(pitch) {
    this.centre = pitch;
  }

  /**
   * What to play for a pitch at once: {buffer, pitch, isExact}, where the pitch is the buffer's; null if nothing is there.
   * In place of a note that is yet to be made stands one of the same instrument that is near, or the note itself of the
   * instrument that had it last, or whatever is nearest.
   */
  lookUp(pitch) {
    const lastFirst = [...this.timbres.values()].reverse().map(({ buffers }) => buffers).filter(({ size }) => size);
    const own = this.current?.buffers, nearest = own?.size ? nearestOf(own, pitch) : null;
    const isNear = nearest !== null && Math.abs(nearest - pitch) <= NEAR;
    const from = isNear ? own : lastFirst.find((buffers) => buffers.has(pitch)) ?? lastFirst[0];
    if (!from) return null;
    const found = nearestOf(from, pitch);
    return { buffer: from.get(found), pitch: found, isExact: from === own && found === pitch };
  }

  /**
   * A note, before all that nobody waits for; resolves to an AudioBuffer.
   * @param {Float32Array} z
   * @param {{isUrgent?: boolean, isKept?: boolean, signal?: AbortSignal}} [options]  urgent ones go before others, and are
   *   rejected when another instrument is played, with an error that isCancelled of queue.js knows
   */
  note(z, pitch, { isUrgent = false, isKept = true, signal } = {}) {
    const timbre = isKept ? this.#timbre(z) : this.timbres.get(z.join()) ?? new Timbre(z), found = timbre.buffers.get(pitch);
    if (found) return Promise.resolve(found);
    if (this.fault) return Promise.reject(this.fault);
    return new Promise((resolve, reject) => {
      const job = { timbre, pitch, isUrgent, resolve, reject, signal };
      if (isUrgent) this.wanted.unshift(job); else this.wanted.push(job);
      this.#work();
    });
  }

  /** A note of the instrument that is played now. */
  currentNote(pitch) { return this.note(this.current.z, pitch, { isUrgent: true }); }

  #drop(test) {
    for (const job of this.wanted.filter(test)) job.reject(new DOMException("another instrument is played", "AbortError"));
    this.wanted = this.wanted.filter((job) => !test(job));
  }

  #timbre(z) {
    const key = z.join();
    const timbre = this.timbres.get(key) ?? new Timbre(Float32Array.from(z));
    this.timbres.delete(key);
    this.timbres.set(key, timbre);
    return timbre;
  }

  #next() {
    while (this.wanted.length) {
      const job = this.wanted.shift(), found = job.timbre.buffers.get(job.pitch);
      if (job.signal?.aborted) job.reject(job.signal.reason);
      else if (found) job.resolve(found);
      else return job;
    }
    if (!this.current) return null;
    for (let distance = 0; distance < this.count; distance++) {
      for (const pitch of [this.centre + distance, this.centre - distance]) {
        const isOurs = pitch >= this.low && pitch <= this.high;
        if (isOurs && !this.current.buffers.has(pitch)) return { timbre: this.current, pitch };
      }
    }
    return null;
  }

  async #work() {
    if (this.isBusy || this.fault) return;
    this.isBusy = true;
    for (let job = this.#next(); job; job = this.#next()) {
      try {
        const samples = await this.engine.generate({ z: job.timbre.z, pitch: job.pitch });
        if (!samples.every(Number.isFinite)) throw new Error("The model gives something that is not a sound.");
        const buffer = toBuffer(this.context, samples, this.channels, this.rate);
        job.timbre.buffers.set(job.pitch, buffer);
        this.#evict();
        job.resolve?.(buffer);
        this.onprogress();
      } catch (error) {
        this.#break(job, error);
      }
      if (this.fault) break;
    }
    this.isBusy = false;
  }

  // Without the model nothing can be made any more; what is there can still be played.
  #break(job, error) {
    this.fault = error;
    for (const { reject } of [job, ...this.wanted]) reject?.(error);
    this.wanted = [];
    this.onfault(error);
  }

  // Forgets the instruments that were played the longest time ago.
  #evict() {
    const size = ({ buffers }) => [...buffers.values()].reduce((sum, { length }) => sum + 4 * this.channels * length, 0);
    let total = [...this.timbres.values()].reduce((sum, timbre) => sum + size(timbre), 0);
    for (const [key, timbre] of this.timbres) {
      if (total <= MAX_BYTES) return;
      if (timbre === this.current) continue;
      total -= size(timbre);
      this.timbres.delete(key);
    }
  }
}

const nearestOf = (buffers, pitch) => [...buffers.keys()].reduce((best, other) => (
  Math.abs(other - pitch) < Math.abs(best - pitch) ? other : best));
