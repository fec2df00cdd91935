// One hit of a pad, in any AudioContext.

// Plays an AudioBuffer at a time of the context's clock; velocity is 0 to 1, pad has gain, pitch, pan and decay.
// Returns its source, which can be stopped.
export function playHit(context, destination, buffer, pad, velocity, when) {
  const source = context.createBufferSource(), level = context.createGain(), place = context.createStereoPanner();
  source.buffer = buffer;
  source.playbackRate.value = 2 ** (pad.pitch / 12);
  // Squared, as loudness is heard: half the velocity is 12 dB less.
  level.gain.setValueAtTime(pad.gain * velocity * velocity, when);
  const seconds = decaySeconds(pad, buffer.duration);
  if (seconds < Infinity) level.gain.setTargetAtTime(0, when, seconds);
  place.pan.value = pad.pan;
  source.connect(level).connect(place).connect(destination);
  source.start(when);
  return source;
}

// Time constant of the fading: none at a decay of 1, a quarter of the sound's length at 0.5.
export const decaySeconds = ({ decay }, duration) => (decay >= 1 ? Infinity : duration * decay / (1 - decay) / 4);
