// The worker: LiteRT's runtime and one model. The build puts the runtime's loader (ModuleFactory) before this script.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import xz from "xz-decompress";

let model = null;
const names = new Map();  // of the inputs: type and shape

async function start({ runtime, model: bytes }) {
  const stream = new xz.XzReadableStream(new Blob([runtime]).stream());
  // The loader is here already; all else that it wants is this.
  self.importScripts = () => {};
  self.Module = { wasmBinary: new Uint8Array(await new Response(stream).arrayBuffer()) };
  await loadLiteRt("inside.js");
  model = await loadAndCompile(bytes, { accelerator: "wasm" });
  for (const { name, dtype, shape } of model.getInputDetails()) names.set(name, { dtype, shape: [...shape] });
}

async function generate({ inputs }) {
  const tensors = {};
  for (const [name, { shape }] of names) {
    if (!(name in inputs)) throw new Error(`the model wants an input "${name}", which this page does not know`);
    tensors[name] = new Tensor(inputs[name], shape);
  }
  const outputs = await model.run(tensors);
  const samples = outputs.audio.toTypedArray().slice();
  for (const tensor of [...Object.values(outputs), ...Object.values(tensors)]) tensor.delete();
  return samples;
}

self.onmessage = async ({ data }) => {
  try {
    const value = await { start, generate }[data.kind](data);
    self.postMessage({ value }, value ? [value.buffer] : []);
  } catch (error) {
    self.postMessage({ error: String(error?.message ?? error) });
  }
};
