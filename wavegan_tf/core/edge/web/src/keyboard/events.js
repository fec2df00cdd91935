// Standard MIDI Files as lists of events, by the rules of gansynth_tf/midi/events.py: lengths and counts in a file may be
// wrong, a track goes to its end-of-track event, and all tracks that are there count.

export const META = 0xFF, TEMPO = 0x51;
const END_OF_TRACK = 0x2F, SYSEX = [0xF0, 0xF7];
// Data bytes of each kind of channel message, and of the system messages that have any.
const CHANNEL_SIZES = { 0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2 };
const SYSTEM_SIZES = { 0xF1: 1, 0xF2: 2, 0xF3: 1 };
const CHUNK_HEAD = 8, HEADER_LENGTH = 6, MAX_BYTES = 2 ** 28;
const codes = (text) => [...text].map((letter) => letter.charCodeAt(0));
const HEADER = codes("MThd"), TRACK = codes("MTrk"), END_EVENT = [META, END_OF_TRACK, 0];

/** Why a file cannot be read; the message is the reason alone. */
export class DamagedMidi extends Error {}

const startsWith = (data, wanted, at) => wanted.every((byte, index) => data[at + index] === byte);
const find = (data, wanted, from, end = data.length) => {
  for (let at = data.indexOf(wanted[0], from); at >= 0 && at <= end - wanted.length; at = data.indexOf(wanted[0], at + 1)) {
    if (startsWith(data, wanted, at)) return at;
  }
  return -1;
};
const uint32 = (data, at) => data[at] * 2 ** 24 + (data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]);
const chunkEnd = (data, at) => at + CHUNK_HEAD + uint32(data, at + 4);

// A chunk begins here: a track of any length, or another chunk that ends within the file.
const isChunk = (data, at) => {
  if (at + CHUNK_HEAD > data.length) return false;
  if (startsWith(data, TRACK, at)) return true;
  return data.subarray(at, at + 4).every((byte) => byte >= 0x20 && byte < 0x7F) && chunkEnd(data, at) <= data.length;
};

/** Reads one track. */
class TrackReader {
  constructor(data, at, file) {
    this.data = data;
    this.file = file;
    this.start = this.at = at + CHUNK_HEAD;
    this.declaredEnd = chunkEnd(data, at);
    this.lengthFits = this.declaredEnd === data.length || isChunk(data, this.declaredEnd);
  }

  /** Adds the track's events to the file; returns where to look for the next chunk. */
  read() {
    const events = [];
    let tick = 0, running = 0, ended = false;
    while (!ended && !this.isOver()) {
      tick += this.number();
      let status = this.byte();
      if (status < 0x80) {  // the first data byte of a message like the last
        if (!running) throw new DamagedMidi(`${this.name()} has a data byte where a message should begin`);
        this.at -= 1;
        status = running;
      }
      const data = this.message(status);
      events.push({ tick, status, data });
      if (status < 0xF0) running = status;  // system messages and meta events in between leave it as it is
      ended = status === META && data[0] === END_OF_TRACK;
    }
    this.file.tracks.push(events);
    if (!ended) this.file.faults.push(`${this.name(-1)} has no end-of-track event`);
    return this.nextChunk();
  }

  name(later = 0) { return `track ${this.file.tracks.length + 1 + later}`; }

  // The track ends here for want of an end-of-track event.
  isOver() {
    if (this.at === this.declaredEnd) return this.lengthFits || !this.endFollows();
    const wrongLength = this.at > this.declaredEnd || !this.lengthFits;
    return this.at >= this.data.length || (wrongLength && startsWith(this.data, TRACK, this.at));
  }

  // The bytes up to the next track, or the end of the file, hold an end-of-track event.
  endFollows() {
    const following = find(this.data, TRACK, this.at);
    return find(this.data, END_EVENT, this.at, following < 0 ? this.data.length : following) >= 0;
  }

  nextChunk() {
    const { at, start, declaredEnd: end } = this;
    if (at === end) return at;
    this.file.faults.push(`${this.name(-1)} has ${end - start} bytes by its length, and ends after ${at - start}`);
    const within = at < end && this.lengthFits && !startsWith(this.data, TRACK, at);
    return within ? end : at;
  }

  // The bytes of a message after its status.
  message(status) {
    if (status === META) {
      const kind = this.byte(), rest = this.bytes(this.number()), data = new Uint8Array(rest.length + 1);
      data[0] = kind;
      data.set(rest, 1);
      return data;
    }
    if (SYSEX.includes(status)) return this.bytes(this.number());
    return this.bytes(status >= 0xF0 ? SYSTEM_SIZES[status] ?? 0 : CHANNEL_SIZES[status & 0xF0]);
  }

  // A number of variable length: seven bits a byte, the highest bit of all but the last byte set.
  number() {
    let value = 0;
    for (let count = 0; count < 4; count++) {
      const byte = this.byte();
      value = value << 7 | byte & 0x7F;
      if (byte < 0x80) return value;
    }
    throw new DamagedMidi(`${this.name()} has a time or a length of more than four bytes`);
  }

  byte() { return this.bytes(1)[0]; }

  bytes(count) {
    const found = this.data.subarray(this.at, this.at + count);
    if (found.length < count) throw new DamagedMidi(`it ends too early, within an event of ${this.name()}`);
    this.at += count;
    return found;
  }
}

// Adds the tracks that begin at `at` or after, whatever other chunks and stray bytes lie between them.
const readTracks = (data, at, file) => {
  while (at >= 0 && at < data.length) {
    if (startsWith(data, TRACK, at) && isChunk(data, at)) {
      at = new TrackReader(data, at, file).read();
    } else if (isChunk(data, at)) {
      at = chunkEnd(data, at);
    } else if (data.length - at < CHUNK_HEAD && [...data.subarray(at, at + 4)].every((byte, i) => byte === TRACK[i])) {
      throw new DamagedMidi(`it ends too early, where track ${file.tracks.length + 1} begins`);
    } else {
      at = find(data, TRACK, at + 1);
    }
  }
};

/**
 * Reads a MIDI file of any type, also within a RIFF container (RMID).
 * @param {Uint8Array} data
 * @returns {{kind: number, division: number, tracks: {tick: number, status: number, data: Uint8Array}[][],
 *   faults: string[]}} as `MidiFile` of events.py
 */
export const readEvents = (data) => {
  if (data.length > MAX_BYTES) throw new DamagedMidi(`it is larger than ${MAX_BYTES / 2 ** 20} MiB`);
  if (startsWith(data, codes("RIFF"), 0) && startsWith(data, codes("RMID"), 8)) {
    data = data.subarray(Math.max(0, find(data, HEADER, 0)));
  }
  if (!startsWith(data, HEADER, 0) || data.length < CHUNK_HEAD + HEADER_LENGTH) {
    throw new DamagedMidi("it does not begin with a MIDI header");
  }
  const words = new DataView(data.buffer, data.byteOffset + CHUNK_HEAD), count = words.getUint16(2);
  const file = { kind: words.getUint16(0), division: words.getInt16(4), tracks: [], faults: [] };
  const declared = chunkEnd(data, 0);
  readTracks(data, isChunk(data, declared) ? declared : CHUNK_HEAD + HEADER_LENGTH, file);
  if (!file.tracks.length) throw new DamagedMidi("it holds no track");
  if (count !== file.tracks.length) {
    file.faults.push(`its header gives ${count} as the number of tracks, and it holds ${file.tracks.length}`);
  }
  let wrong = 0;
  for (const track of file.tracks) {
    for (const { status, data: bytes } of track) wrong += status < 0xF0 && bytes.some((byte) => byte > 127);
  }
  if (wrong) file.faults.push(`data bytes above 127 in ${wrong} of its messages`);
  return file;
};
