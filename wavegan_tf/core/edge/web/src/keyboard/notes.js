// Notes of MIDI files: what to play when, in seconds, by the rules of gansynth_tf/midi/reading.py, which says them.

import { DamagedMidi, META, TEMPO, readEvents } from "./events.js";

const DEFAULT_TEMPO = 500_000;  // microseconds a beat
const NOTE_OFF = 0x80, NOTE_ON = 0x90, CONTROL = 0xB0;
const SUSTAIN = 64, PEDAL_DOWN = 64;  // controller, and its value from which on the pedal is down
const ALL_SOUND_OFF = 120, RESET_ALL_CONTROLLERS = 121, FIRST_ALL_NOTES_OFF = 123, LAST_ALL_NOTES_OFF = 127;
const MAX_VELOCITY = 127, DRUM_CHANNEL = 9, MAX_SECONDS = 24 * 3600;

/** A file that cannot be used; the message says why. */
export class UnusableMidi extends Error {}

/**
 * Reads the notes of a MIDI file of type 0 or 1, or of type 2 with one track, in the order of their starts.
 * @param {Uint8Array} data
 * @param {{minPitch?: number, maxPitch?: number, sustain?: boolean, drums?: boolean}} [options]  lowest and highest pitch
 *   that is taken; let the sustain pedal hold notes; take the notes of the drum channel too
 * @returns {{notes: {pitch: number, velocity: number, start: number, end: number}[], outOfRange: number,
 *   withoutLength: number, drums: number, faults: string[]}} seconds; notes that were skipped, by reason
 * @throws {UnusableMidi}
 */
export const readMidi = (data, { minPitch = 0, maxPitch = 127, sustain = true, drums = true } = {}) => {
  let file;
  try {
    file = readEvents(data);
  } catch (error) {
    if (!(error instanceof DamagedMidi)) throw error;
    throw new UnusableMidi(`cannot be read as MIDI (${error.message})`);
  }
  if (file.kind === 2 && file.tracks.length > 1) {
    throw new UnusableMidi("is of type 2, whose tracks belong to no common time; save it as type 1");
  }
  const events = inOrder(file.tracks), seconds = clock(file.division, events);
  const all = played(events, sustain);
  const wanted = all.filter((note) => drums || note.channel !== DRUM_CHANNEL);
  const sounding = wanted.filter((note) => note.end > note.start);
  sounding.sort((a, b) => a.start - b.start || a.pitch - b.pitch);
  const chosen = sounding.filter(({ pitch }) => pitch >= minPitch && pitch <= maxPitch);
  if (!sounding.length) {
    const reasons = ` to play: ${all.length - wanted.length} are drums, ${wanted.length} end where they start`;
    throw new UnusableMidi([`holds no note${all.length ? reasons : ""}`, ...file.faults.slice(0, 3)].join("; "));
  }
  if (!chosen.length) {
    throw new UnusableMidi(`none of its ${sounding.length} notes has a pitch from ${minPitch} to ${maxPitch}`);
  }
  return {
    notes: chosen.map(({ pitch, velocity, start, end }) => (
      { pitch, velocity, start: seconds(start), end: seconds(end) })),
    outOfRange: sounding.length - chosen.length,
    withoutLength: wanted.length - sounding.length,
    drums: all.length - wanted.length,
    faults: file.faults,
  };
};

// {track, tick, status, data} by time; those of one time by track, then as they stand in it.
const inOrder = (tracks) => {
  const events = tracks.flatMap((track, index) => track.map((event) => ({ track: index, ...event })));
  return events.sort((a, b) => a.tick - b.tick);
};

// Ticks to seconds, by the tempos of all tracks or, for a SMPTE division, by its frames.
const clock = (division, events) => {
  const changes = division > 0 ? tempos(division, events) : frames(division);
  changes.reduce((elapsed, change, index) => {
    const last = changes[index - 1];
    change.elapsed = last ? elapsed + (change.tick - last.tick) * last.length : 0;
    return change.elapsed;
  }, 0);
  return (tick) => {
    let low = 0, high = changes.length - 1;  // the last change at or before the tick
    while (low < high) {
      const middle = low + high + 1 >> 1;
      if (changes[middle].tick <= tick) low = middle; else high = middle - 1;
    }
    const found = changes[low].elapsed + (tick - changes[low].tick) * changes[low].length;
    if (found > MAX_SECONDS) throw new UnusableMidi(`has notes after more than ${MAX_SECONDS / 3600} hours`);
    return found;
  };
};

const frames = (division) => {
  if (division === 0) throw new UnusableMidi("cannot be read as MIDI (a beat of 0 ticks)");
  const rate = -(division >> 8), ticks = division & 0xFF;
  if (ticks === 0) throw new UnusableMidi("cannot be read as MIDI (a frame of 0 ticks)");
  // 29 stands for the 30 frames less two a minute of NTSC.
  return [{ tick: 0, length: 1 / ((rate === 29 ? 29.97 : rate) * ticks) }];
};

const tempos = (division, events) => {
  const found = events.filter(({ status, data }) => status === META && data[0] === TEMPO);
  if (found.some(({ data }) => data.length < 4)) {
    throw new UnusableMidi("cannot be read as MIDI (a tempo of less than three bytes)");
  }
  const latest = new Map([[0, DEFAULT_TEMPO]]);
  for (const { tick, data } of found) latest.set(tick, data[1] << 16 | data[2] << 8 | data[3]);
  if ([...latest.values()].includes(0)) {
    throw new UnusableMidi("cannot be read as MIDI (a tempo of 0 microseconds a beat)");
  }
  const changes = [...latest].sort((a, b) => a[0] - b[0]);
  return changes.map(([tick, tempo]) => ({ tick, length: tempo / 1e6 / division }));
};

// Notes from where their keys are struck to where their sound ends, in the order of their starts.
const played = (events, sustain) => {
  const keys = new Keys();
  for (const { track, tick, status, data } of events) {
    const kind = status & 0xF0, channel = status & 0x0F;
    if (kind === NOTE_ON && data[1] > 0) {
      keys.strike(tick, track, channel, data[0], data[1]);
    } else if (kind === NOTE_ON || kind === NOTE_OFF) {
      keys.release(tick, track, channel, data[0]);
    } else if (kind === CONTROL) {
      keys.control(tick, channel, data[0], data[1], sustain);
    }
  }
  const end = events.length ? events[events.length - 1].tick : 0;
  for (let channel = 0; channel < 16; channel++) keys.silence(end, channel);
  return keys.notes;
};

/** The keys and the pedal of each channel, and the notes that sound. */
class Keys {
  notes = [];
  // For each channel, what sounds: of keys that are down, by track and pitch; of keys that are up, by pitch.
  #held = Array.from({ length: 16 }, () => new Map());
  #ringing = Array.from({ length: 16 }, () => new Map());
  #pedals = new Set();
  #struck = new Map();  // when last, by channel and pitch

  /** Starts a note, and ends those of the same key that only the pedal holds. */
  strike(tick, track, channel, pitch, velocity) {
    for (const note of this.#ringing[channel].get(pitch) ?? []) note.end = tick;
    this.#ringing[channel].delete(pitch);
    const note = { channel, pitch, velocity: Math.min(velocity, MAX_VELOCITY), start: tick, end: -1 };
    this.notes.push(note);
    append(this.#held[channel], `${track}/${pitch}`, note);
    this.#struck.set(`${channel}/${pitch}`, tick);
  }

  /** Lets a key go; its notes that start at this moment stay if any other has ended. */
  release(tick, track, channel, pitch) {
    const key = `${track}/${pitch}`, held = this.#held[channel].get(key) ?? [];
    this.#held[channel].delete(key);
    const ended = held.filter((note) => note.start < tick);
    if (ended.length && ended.length < held.length) {
      this.#held[channel].set(key, held.filter((note) => note.start === tick));
    }
    this.#letGo(ended.length ? ended : held, tick);
  }

  /** Follows a controller or a channel mode message. */
  control(tick, channel, number, value, sustain) {
    if (number === ALL_SOUND_OFF) {
      this.silence(tick, channel);
    } else if (number >= FIRST_ALL_NOTES_OFF && number <= LAST_ALL_NOTES_OFF) {
      this.#releaseAll(tick, channel);
    } else if (number === RESET_ALL_CONTROLLERS || (number === SUSTAIN && value < PEDAL_DOWN)) {
      this.#liftPedal(tick, channel);
    } else if (number === SUSTAIN && sustain) {
      this.#pedals.add(channel);
    }
  }

  /** Ends all that sounds; the pedal stays where it is. */
  silence(tick, channel) {
    const down = this.#pedals.has(channel);
    this.#releaseAll(tick, channel);
    this.#liftPedal(tick, channel);
    if (down) this.#pedals.add(channel);
  }

  #releaseAll(tick, channel) {
    const held = [...this.#held[channel].values()];
    this.#held[channel].clear();
    for (const notes of held) this.#letGo(notes, tick);
  }

  // Ends notes, or leaves them to the pedal unless their key was struck at this moment.
  #letGo(notes, tick) {
    for (const note of notes) {
      note.end = tick;
      const { channel, pitch } = note;
      if (this.#pedals.has(channel) && this.#struck.get(`${channel}/${pitch}`) < tick) {
        append(this.#ringing[channel], pitch, note);
      }
    }
  }

  // Ends the notes that only the pedal holds.
  #liftPedal(tick, channel) {
    this.#pedals.delete(channel);
    for (const notes of this.#ringing[channel].values()) for (const note of notes) note.end = tick;
    this.#ringing[channel].clear();
  }
}

const append = (map, key, note) => {
  if (map.has(key)) map.get(key).push(note); else map.set(key, [note]);
};
