// Notes and pedals from Web MIDI, where the browser has it and the listener allows it.

// Asks for MIDI. handlers: noteOn(pitch, velocity 0 to 1), noteOff(pitch), sustain(isDown), devices(names).
// Resolves to the names of the devices; rejects with an Error that says why there is no MIDI.
export async function connectMidi({ noteOn, noteOff = () => {}, sustain = () => {}, devices = () => {} }) {
  if (!navigator.requestMIDIAccess) throw new Error("This browser has no Web MIDI: Chrome, Edge and Firefox have it.");
  let access;
  try {
    access = await navigator.requestMIDIAccess();
  } catch (error) {
    throw new Error(`The browser does not let this page use MIDI (${error.message || error.name}).`);
  }
  const listen = () => {
    const inputs = [...access.inputs.values()].filter((input) => input.state !== "disconnected");
    for (const input of inputs) {
      input.onmidimessage = ({ data: [status, first, second] }) => {
        const kind = status & 0xF0;
        if (kind === 0x90 && second > 0) noteOn(first, second / 127);
        else if (kind === 0x80 || kind === 0x90) noteOff(first);
        else if (kind === 0xB0 && first === 64) sustain(second >= 64);
      };
    }
    const names = inputs.map((input) => input.name || "unnamed");
    devices(names);
    return names;
  };
  access.onstatechange = listen;
  return listen();
}
