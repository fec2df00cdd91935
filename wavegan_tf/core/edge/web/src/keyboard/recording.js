// What is played on the keys, kept note by note and made into sound again, sample by sample, when it is wanted.

import { download } from "../files.js";
import { handOver, interleave, makeOutput } from "../sound.js";
import { encodeWav } from "../wav.js";
import { button, complain, make, say } from "../widgets.js";
import { encodeMidi } from "./midi_writer.js";
import { MAX_VELOCITY } from "./mixing.js";
import { Voice } from "./voices.js";

const TAIL = 2.5;  // seconds of reverb after the last note

/** Notes from the first that is played on. */
export class Recording {
  constructor() {
    this.voices = [];
  }

  add(voice) { this.voices.push(voice); }

  get start() { return this.voices[0]?.start ?? 0; }

  /** Seconds to the end of the last note. */
  get length() {
    return this.voices.reduce((last, voice) => Math.max(last, voice.end + voice.releaseLength - this.start), 0);
  }

  /** The notes as they were struck, for encodeMidi. */
  get notes() {
    return this.voices.map(({ pitch, velocity, start, end }) => (
      { pitch, velocity: Math.max(1, Math.round(MAX_VELOCITY * velocity)), start: start - this.start, end: end - this.start }));
  }

  /**
   * Renders it, as it was heard.
   * @param {number} rate  Hz
   * @param {{volume: number, reverb: number}} settings  of makeOutput
   * @returns {Promise<AudioBuffer>} in stereo
   */
  render(rate, settings) {
    const tail = settings.reverb > 0 ? TAIL : 0;
    const context = new OfflineAudioContext(2, Math.ceil((this.length + tail) * rate), rate);
    const output = makeOutput(context, settings);
    // On whole samples, between which the browser would interpolate.
    const place = (time) => Math.round((time - this.start) * rate) / rate;
    const notes = this.voices.map((voice) => ({ voice, when: place(voice.start) }));
    handOver(context, notes, ({ voice: { buffer, rate: speed, velocity, end }, when }) => {
      new Voice(context, output.input, { buffer, rate: speed, velocity, start: when }).release(place(end));
    });
    return context.startRendering();
  }
}

export class RecordingPanel {
  /**
   * @param {{context: AudioContext, name: string, settings: () => {volume: number, reverb: number}}} options
   */
  constructor(options) {
    Object.assign(this, options, { recording: null, isOn: false, playing: null });
    this.record = button("Record", () => this.#toggle(), { "aria-pressed": "false", class: "record" });
    this.play = button("Play", () => this.#play().catch(complain), { disabled: true });
    this.save = button("Save as wav", () => this.#save().catch(complain), { disabled: true });
    this.saveMidi = button("Save as MIDI", () => download(`${this.name}.mid`, encodeMidi(this.recording.notes), "audio/midi"), { disabled: true });
    this.text = make("p", { class: "report" }, "Nothing is recorded yet.");
    this.element = make("section", { class: "panel recording", "aria-labelledby": "recording_title" },
      make("h2", { id: "recording_title" }, "Recording"),
      make("p", { class: "muted" }, "Takes what is played on the keys, from the first note on."),
      make("div", { class: "row" }, this.record, this.play, this.save, this.saveMidi), this.text);
  }

  /** Takes a voice that begins to sound. */
  add(voice) {
    if (!this.isOn) return;
    this.recording.add(voice);
    this.text.textContent = `Recording: ${this.#count()}.`;
  }

  #count() {
    const { length } = this.recording.voices;
    return length === 1 ? "1 note" : `${length} notes`;
  }

  #toggle() {
    this.isOn = !this.isOn;
    this.record.setAttribute("aria-pressed", String(this.isOn));
    this.record.textContent = this.isOn ? "Stop recording" : "Record";
    if (this.isOn) {
      this.#stopPlaying();
      this.recording = new Recording();
      this.text.textContent = "Recording: play something.";
    } else {
      // What is held now ends with the recording.
      for (const voice of this.recording.voices) voice.release(this.context.currentTime);
      const { length } = this.recording;
      this.text.textContent = length ? `${this.#count()}, ${length.toFixed(1)} seconds.` : "Nothing is recorded yet.";
      say(this.text.textContent);
    }
    const isEmpty = !this.recording.voices.length;
    for (const control of [this.play, this.save, this.saveMidi]) control.disabled = this.isOn || isEmpty;
  }

  async #play() {
    if (this.playing) {
      this.#stopPlaying();
      return;
    }
    const source = this.context.createBufferSource();
    this.playing = source;
    this.play.textContent = "Stop";
    try {
      source.buffer = await this.recording.render(this.context.sampleRate, this.settings());
    } catch (error) {
      if (this.playing === source) this.#stopPlaying();
      throw error;
    }
    if (this.playing !== source) return;  // stopped in the meantime
    source.connect(this.context.destination);
    source.onended = () => { if (this.playing === source) this.#stopPlaying(); };
    source.start();
  }

  #stopPlaying() {
    const { playing } = this;
    this.playing = null;
    if (playing?.buffer) playing.stop();
    this.play.textContent = "Play";
  }

  async #save() {
    const rendered = await this.recording.render(this.context.sampleRate, this.settings());
    download(`${this.name}.wav`, encodeWav(interleave(rendered), 2, rendered.sampleRate), "audio/wav");
  }
}
