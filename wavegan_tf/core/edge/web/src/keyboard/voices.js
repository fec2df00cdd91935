// Notes that sound: each under the envelope that the renderer of MIDI files gives it (mixing.js), in Web Audio.

import { ATTACK, MAX_NOTE_LENGTH, RELEASE, peakOf } from "./mixing.js";

const peaks = new WeakMap();

// The peak of what is heard of a note at most.
const peakOfNote = (buffer) => {
  if (!peaks.has(buffer)) {
    const heard = Math.ceil((MAX_NOTE_LENGTH + RELEASE) * buffer.sampleRate);
    peaks.set(buffer, peakOf(buffer.getChannelData(0).subarray(0, heard)));
  }
  return peaks.get(buffer);
};

/** Plays one note in a context, from a time on. */
export class Voice {
  /**
   * @param {BaseAudioContext} context
   * @param {AudioNode} destination
   * @param {{buffer: AudioBuffer, rate: number, velocity: number, start: number}} note  `rate` 1 plays the buffer as it is;
   *   velocity from 0 to 1 becomes the peak; start in seconds of the context
   */
  constructor(context, destination, { buffer, rate, velocity, start }) {
    const peak = peakOfNote(buffer), source = context.createBufferSource();
    Object.assign(this, { buffer, rate, velocity, start });
    this.level = peak > 0 ? velocity / peak : 0;
    const length = buffer.duration / rate, release = Math.min(RELEASE, length);
    this.releaseLength = release;
    this.end = start + Math.min(MAX_NOTE_LENGTH, length - release);  // of the hold
    this.gain = context.createGain();
    const { gain } = this.gain, peakTime = Math.min(start + ATTACK, this.end);
    gain.setValueAtTime(0, start);
    if (peakTime > start) gain.linearRampToValueAtTime(this.level, peakTime);
    gain.setValueAtTime(this.level, this.end);
    gain.linearRampToValueAtTime(0, this.end + release);
    source.buffer = buffer;
    source.playbackRate.value = rate;
    source.connect(this.gain).connect(destination);
    source.start(start);
    source.stop(this.end + release);
    source.onended = () => this.gain.disconnect();
    this.source = source;
  }

  /** Lets the note die away from a time on, if it does not do so before. */
  release(time) {
    // The attack is played to its end, or there would be a step.
    const at = Math.max(time, this.start + ATTACK + 0.001), { gain } = this.gain;
    if (at >= this.end) return;
    this.end = at;
    gain.cancelScheduledValues(at);
    gain.setValueAtTime(this.level, at);
    gain.linearRampToValueAtTime(0, at + this.releaseLength);
    this.source.stop(at + this.releaseLength);
  }
}
