// Notes that sound: each under the envelope that the renderer of MIDI files gives it (mixing.js), in Web Audio.

import { MAX_NOTE_LENGTH, RELEASE, envelopeParts, peakOf } from "./mixing.js";

const peaks = new WeakMap();

// The peak of what is heard of a note at most.
const peakOfNote = (buffer) => {
  if (!peaks.has(buffer)) {
    const heard = Math.ceil((MAX_NOTE_LENGTH + RELEASE) * buffer.sampleRate);
    const channels = Array.from({ length: buffer.numberOfChannels }, (_, c) => buffer.getChannelData(c).subarray(0, heard));
    peaks.set(buffer, peakOf(...channels));
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
    const parts = envelopeParts(MAX_NOTE_LENGTH, buffer.sampleRate, Math.floor(buffer.length / rate));
    // From the first to the last of n samples is n - 1 steps.
    const seconds = (samples) => Math.max(samples - 1, 1) / buffer.sampleRate;
    this.releaseLength = seconds(parts.release);
    this.end = start + parts.held / buffer.sampleRate;  // of the hold
    this.loudest = Math.min(start + seconds(parts.attack), this.end);
    this.gain = context.createGain();
    const { gain } = this.gain;
    gain.setValueAtTime(0, start);
    gain.linearRampToValueAtTime(this.level, this.loudest);
    gain.setValueAtTime(this.level, this.end);
    gain.linearRampToValueAtTime(0, this.end + this.releaseLength);
    source.buffer = buffer;
    source.playbackRate.value = rate;
    source.connect(this.gain).connect(destination);
    source.start(start);
    source.stop(this.end + this.releaseLength);
    source.onended = () => this.gain.disconnect();
    this.source = source;
  }

  /** Lets the note die away from a time on, if it does not do so before. */
  release(time) {
    // The attack is played to its end, or there would be a step.
    const at = Math.max(time, this.loudest + 0.001), { gain } = this.gain;
    if (at >= this.end) return;
    this.end = at;
    gain.cancelScheduledValues(at);
    gain.setValueAtTime(this.level, at);
    gain.linearRampToValueAtTime(0, at + this.releaseLength);
    this.source.stop(at + this.releaseLength);
  }
}
