// A MIDI file played by the model, going from instrument to instrument, as gansynth_generate --midi_file plays it.

import { instrumentTimes, instrumentsOfClip, latentsAt } from "./instruments.js";
import { addNote, clipSamples, levelClip } from "./mixing.js";
import { readMidi, UnusableMidi } from "./notes.js";

const MAX_SECONDS = 1800;  // at 16 kHz, a clip of half an hour takes a quarter of a gigabyte

/**
 * Reads a file for a model.
 * @param {Uint8Array} data
 * @param {object} metadata  of the model
 * @param {{sustain: boolean, drums: boolean}} options
 * @returns {object} what readMidi returns, and `total`, seconds to the end of the last note
 * @throws {UnusableMidi}
 */
export const readClip = (data, { min_pitch: minPitch, max_pitch: maxPitch }, options) => {
  const read = readMidi(data, { minPitch, maxPitch, ...options });
  const total = read.notes.reduce((last, { end }) => Math.max(last, end), 0);
  if (total > MAX_SECONDS) {
    throw new UnusableMidi(`plays for ${Math.round(total / 60)} minutes; a page takes ${MAX_SECONDS / 60}, gansynth_generate more`);
  }
  return { ...read, total };
};

/**
 * Renders the notes of a file.
 * @param {object} read  of readClip
 * @param {object} metadata  of the model
 * @param {{given: Float32Array[]|null, secondsEach: number|null, draw: (count: number) => Float32Array[],
 *   note: (z: Float32Array, pitch: number) => Promise<Float32Array>, onprogress?: (done: number) => void,
 *   signal?: AbortSignal}} options  the first three as instrumentsOfClip has them; what makes notes
 * @returns {Promise<{clip: Float32Array, instruments: Float32Array[]}>} samples of peak one half, interleaved as those
 *   of `note` are
 */
export const renderClip = async (read, metadata, { given, secondsEach, draw, note, onprogress = () => {}, signal }) => {
  const { sample_rate: rate, num_channels: channels = 1 } = metadata;
  const instruments = instrumentsOfClip(read.total, given, secondsEach, draw);
  const times = instrumentTimes(instruments.length, read.total);
  const clip = new Float32Array(channels * clipSamples(read.notes, rate));
  for (const [index, played] of read.notes.entries()) {
    const wave = await note(latentsAt(played.start, instruments, times), played.pitch);
    signal?.throwIfAborted();
    addNote(clip, wave, played, rate, channels);
    onprogress(index + 1);
  }
  return { clip: levelClip(clip), instruments };
};

/** Sentences about what a file has that is not played, or is wrong. */
export const remarks = ({ outOfRange, withoutLength, drums, faults }, { min_pitch: low, max_pitch: high }) => [
  ...(outOfRange ? [`Skipped: ${outOfRange} notes whose pitches are not from ${low} to ${high}.`] : []),
  ...(withoutLength ? [`Skipped: ${withoutLength} notes that end where they start.`] : []),
  ...(drums ? [`Skipped: ${drums} notes of the drum channel.`] : []),
  ...(faults.length ? [`Faults of the file, which was read all the same (${faults.length}): ${faults.join("; ")}.`] : []),
];
