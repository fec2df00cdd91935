// Notes and pedals from Web MIDI, where the browser has it and the listener allows it.

// All Sound Off, and All Notes Off with the changes of mode that imply it.
const ALL_OFF = [120, 123, 124, 125, 126, 127], RESET_ALL_CONTROLLERS = 121;

// A sentence about why there can be no MIDI; empty if there can.
export function lackOfMidi() {
  if (navigator.requestMIDIAccess) return "";
  if (!isSecureContext) return "Browsers have MIDI only for pages from https, from localhost or from a file.";
  return "This browser has no MIDI (Chrome, Edge and Firefox have).";
}

// Asks for MIDI. handlers: noteOn(pitch, velocity 0 to 1), noteOff(pitch), sustain(isDown), silence(), devices(names).
// Resolves to the names of the devices; rejects with an Error that says why there is no MIDI.
export async function connectMidi({ noteOn, noteOff = () => {}, sustain = () => {}, silence = () => {}, devices = () => {} }) {
  if (lackOfMidi()) throw new Error(lackOfMidi());
  let access;
  try {
    access = await navigator.requestMIDIAccess();
  } catch (error) {
    const reason = (error.message || error.name).replace(/\.$/, "");
    throw new Error(`The browser does not let this page use MIDI (${reason}).`);
  }
  const listen = () => {
    const inputs = [...access.inputs.values()].filter((input) => input.state !== "disconnected");
    for (const input of inputs) {
      input.onmidimessage = ({ data: [status, first, second] }) => {
        const kind = status & 0xF0;
        if (kind === 0x90 && second > 0) noteOn(first, second / 127);
        else if (kind === 0x80 || kind === 0x90) noteOff(first);
        else if (kind === 0xB0 && first === 64) sustain(second >= 64);
        else if (kind === 0xB0 && first === RESET_ALL_CONTROLLERS) sustain(false);
        else if (kind === 0xB0 && ALL_OFF.includes(first)) silence();
      };
    }
    const names = inputs.map((input) => input.name || "unnamed");
    devices(names);
    return names;
  };
  access.onstatechange = listen;
  return listen();
}
