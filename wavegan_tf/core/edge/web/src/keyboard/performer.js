// Keys and the sustain pedal, from whatever they are moved by, to voices.

import { isCancelled } from "../queue.js";
import { nameOf, ratio, withinRange } from "./pitches.js";
import { Voice } from "./voices.js";

export class Performer {
  /**
   * @param {BaseAudioContext} context
   * @param {AudioNode} destination
   * @param {NoteBank} bank
   */
  constructor(context, destination, bank) {
    Object.assign(this, { context, destination, bank });
    this.held = new Map();  // of keys that are down: pitch, and voice once it sounds, by what moves them and pitch
    this.ringing = new Map();  // voices of keys that are up and that the pedal holds, by pitch
    this.isPedalDown = false;
    this.onkey = () => {};  // called with a pitch of the model and whether it is down
    this.onpedal = () => {};
    this.onvoice = () => {};
    this.onhint = () => {};  // called with a sentence about a note that is not as it was asked for
  }

  /**
   * Strikes a key.
   * @param {string} source  what moves it; each has its own keys
   * @param {number} asked  MIDI number
   * @param {number} velocity  0 to 1
   */
  press(source, asked, velocity) {
    const pitch = withinRange(asked, this.bank.low, this.bank.high);
    const range = `from ${nameOf(this.bank.low)} to ${nameOf(this.bank.high)}`;
    if (pitch === null) {
      this.onhint(`${nameOf(asked)} stays silent: the model has pitches ${range}, without this one in any octave.`);
      return;
    }
    this.release(source, asked);
    this.#end(this.ringing.get(pitch));
    this.ringing.delete(pitch);
    const key = { pitch, voice: null };
    this.held.set(`${source} ${asked}`, key);
    this.onkey(pitch, true);
    this.bank.playAround(pitch);
    const found = this.bank.lookUp(pitch);
    if (found) this.#sound(key, found, velocity);
    if (!found?.isExact) this.#fetch(source, asked, key, velocity);
    this.#hint(asked, pitch, found, range);
  }

  #hint(asked, pitch, found, range) {
    const made = `${nameOf(pitch)} is being made`;
    if (this.context.state === "suspended" && !navigator.userActivation?.hasBeenActive) {
      this.onhint("The browser keeps the page silent until you click it or press a key.");
    } else if (!found) {
      this.onhint(`${made} and sounds as soon as it is ready.`);
    } else if (asked !== pitch) {
      this.onhint(`${nameOf(asked)} is played as ${nameOf(pitch)}: the model has pitches ${range}.`);
    } else if (found.isExact) {
      this.onhint("");
    } else {
      this.onhint(`${made}; ${found.pitch === pitch ? "an instrument played before" : `${nameOf(found.pitch)}, shifted,`} stands in for it.`);
    }
  }

  // Has a note made; a key that waits for it, and is still down, sounds with it.
  async #fetch(source, asked, key, velocity) {
    const isWaiting = () => !key.voice && this.held.get(`${source} ${asked}`) === key;
    try {
      const buffer = await this.bank.currentNote(key.pitch);
      if (isWaiting()) this.#sound(key, { buffer, pitch: key.pitch }, velocity);
    } catch (error) {
      if (!isCancelled(error)) this.onhint(`${nameOf(key.pitch)} can’t be made: ${error.message}`);
      else if (isWaiting()) this.#fetch(source, asked, key, velocity);
    }
  }

  #sound(key, { buffer, pitch }, velocity) {
    const note = { buffer, rate: ratio(key.pitch, pitch), velocity, start: this.context.currentTime };
    key.voice = new Voice(this.context, this.destination, note);
    key.voice.pitch = key.pitch;
    this.onvoice(key.voice);
  }

  /** Lets a key go. */
  release(source, asked) {
    const id = `${source} ${asked}`, key = this.held.get(id);
    if (!key) return;
    this.held.delete(id);
    if (![...this.held.values()].some(({ pitch }) => pitch === key.pitch)) this.onkey(key.pitch, false);
    if (!key.voice) return;
    if (!this.isPedalDown) {
      this.#end([key.voice]);
      return;
    }
    if (!this.ringing.has(key.pitch)) this.ringing.set(key.pitch, []);
    this.ringing.get(key.pitch).push(key.voice);
  }

  /** Lets go all keys that a source holds. */
  releaseAll(source) {
    for (const id of [...this.held.keys()]) {
      const [from, asked] = id.split(" ");
      if (from === source) this.release(from, Number(asked));
    }
  }

  /** Moves the sustain pedal; lifted, it ends what it alone holds. */
  setPedal(isDown) {
    if (isDown === this.isPedalDown) return;
    this.isPedalDown = isDown;
    if (!isDown) {
      for (const voices of this.ringing.values()) this.#end(voices);
      this.ringing.clear();
    }
    this.onpedal(isDown);
  }

  #end(voices = []) {
    for (const voice of voices) voice.release(this.context.currentTime);
  }
}
