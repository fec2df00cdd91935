// The worker: LiteRT's runtime and one model. The build puts the runtime's loader (ModuleFactory) before this script.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import xz from "xz-decompress";

let model = null;
const shapes = new Map();  // of the inputs, by name
const said = [];  // by the runtime, which tells much while nothing is wrong

async function start({ runtime, model: bytes }) {
  const stream = new xz.XzReadableStream(new Blob([runtime]).stream());
  const wasmBinary = new Uint8Array(await new Response(stream).arrayBuffer());
  const print = (line) => said.push(line);
  self.Module = { wasmBinary, print, printErr: print };
  // The loader stands above; there is nothing else to load.
  self.importScripts = () => {};
  // The runtime looks for a GPU, which it isn't asked to use, and warns if there is none.
  const { warn } = console;
  console.warn = print;
  Object.defineProperty(navigator, "gpu", { value: undefined });
  await loadLiteRt("above.js");
  console.warn = warn;
  model = await loadAndCompile(bytes, { accelerator: "wasm" });
  for (const { name, shape } of model.getInputDetails()) shapes.set(name, [...shape]);
}

async function generate({ inputs }) {
  const tensors = {};
  for (const [name, shape] of shapes) {
    if (!(name in inputs)) throw new Error(`The model wants "${name}", which this page does not have.`);
    tensors[name] = new Tensor(inputs[name], shape);
  }
  const outputs = await model.run(tensors);
  const samples = outputs.audio.toTypedArray().slice();
  for (const tensor of [...Object.values(outputs), ...Object.values(tensors)]) tensor.delete();
  return samples;
}

self.onmessage = async ({ data }) => {
  said.length = 0;
  try {
    const value = await { start, generate }[data.kind](data);
    self.postMessage({ value }, value ? [value.buffer] : []);
  } catch (error) {
    const reasons = said.filter((line) => String(line).startsWith("ERROR"));
    self.postMessage({ error: [error?.message ?? error, ...reasons].join("\n") });
  }
};
