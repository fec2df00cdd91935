// What is played when: steps of patterns one after another. Nothing here knows a clock.

// Seconds of a step (a sixteenth note).
export const stepSeconds = (tempo) => 60 / tempo / 4;

// Delay of a step: with swing, the second of two sixteenths comes later. swing is the share of the first, 0.5 to 0.75.
export const swingDelay = (step, tempo, swing) => (step % 2 ? (2 * swing - 1) * stepSeconds(tempo) : 0);

// Steps in the order in which they are played, over patterns or a song, for ever. What is read changes while it plays.
export class Cursor {
  constructor(read) {
    this.read = read;  // to the present state
    this.place = 0;  // in the song
    this.step = 0;
    this.pattern = this.choose();
  }

  choose() {
    const { mode, song, pattern } = this.read();
    return mode === "song" && song.length ? song[this.place % song.length] : pattern;
  }

  // The next step: {pattern, step, seconds until the one after it, delay, hits: [{pad, velocity}]}.
  next() {
    const state = this.read(), { steps, tracks } = state.patterns[this.pattern], { step, pattern } = this;
    // Pads that were taken away keep their steps for the time when they come back.
    const played = tracks.slice(0, state.pads.length);
    const hits = played.flatMap((track, pad) => (track[step] > 0 ? [{ pad, velocity: track[step] }] : []));
    this.step++;
    if (this.step >= steps) {
      this.step = 0;
      this.place++;
      this.pattern = this.choose();
    }
    const delay = swingDelay(step, state.tempo, state.swing);
    return { pattern, step, hits, seconds: stepSeconds(state.tempo), delay };
  }
}

// All hits [{time, pad, velocity}] of one round of the pattern or the song, and its length in seconds.
export function round(state) {
  const cursor = new Cursor(() => state), hits = [];
  const order = state.mode === "song" && state.song.length ? state.song : [state.pattern];
  let time = 0;
  for (let left = order.reduce((sum, p) => sum + state.patterns[p].steps, 0); left > 0; left--) {
    const step = cursor.next();
    for (const hit of step.hits) hits.push({ ...hit, time: time + step.delay });
    time += step.seconds;
  }
  return { hits, seconds: time };
}

// A song from what is typed, such as "AAB C"; throws an Error that says what it can't be.
export function readSong(text, count, longest) {
  const letters = [...text.toUpperCase().replace(/[\s,]/g, "")];
  if (letters.length > longest) throw new Error(`A song has at most ${longest} patterns, not ${letters.length}.`);
  return letters.map((letter) => {
    const index = letter.charCodeAt(0) - 65;
    if (!(index >= 0 && index < count)) {
      throw new Error(`There is no pattern "${letter}": they are A to ${letterOf(count - 1)}.`);
    }
    return index;
  });
}

export const letterOf = (index) => String.fromCharCode(65 + index);

// Beats per minute of taps at these times in seconds, or null: the median of what lies between the last ones.
export function tappedTempo(times) {
  const recent = times.slice(-6), gaps = recent.slice(1).map((time, i) => time - recent[i]).sort((a, b) => a - b);
  return gaps.length ? 60 / gaps[Math.floor(gaps.length / 2)] : null;
}
