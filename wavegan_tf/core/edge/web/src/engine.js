// The model in a worker: latents in, samples out, one after the other, the most wanted first.

import { bytesOf, inflate, readMetadata } from "./embedded.js";
import { Queue } from "./queue.js";

// Starts the worker with runtime and model. Rejects with an Error that says why it can't.
export async function startEngine() {
  const [code, model] = await Promise.all([inflate(bytesOf("worker")), inflate(bytesOf("model"))]);
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const engine = new Engine(readMetadata(), new Worker(url), model.length);
  const runtime = bytesOf("runtime");
  await engine.call({ kind: "start", runtime, model }, [runtime.buffer, model.buffer]);
  URL.revokeObjectURL(url);
  return engine;
}

class Engine {
  constructor(metadata, worker, modelBytes) {
    this.metadata = metadata;
    this.modelBytes = modelBytes;
    this.queue = new Queue();
    this.running = null;
    this.failed = null;
    this.onchange = () => {};  // called when the number of sounds to be made changes
    this.worker = worker;
    worker.onmessage = (event) => this.answer(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.fail(new Error(`The model's worker has stopped: ${event.message || "unknown error"}`));
    };
  }

  // Sounds that are yet to be made.
  get pending() {
    return this.queue.length + (this.running ? 1 : 0);
  }

  // Makes a sound: z is a Float32Array [latent_dim], pitch a MIDI number, label the number of a class.
  // options: priority (higher first, 0), key (a later request with the same key replaces one that still waits).
  // Resolves to a Float32Array of interleaved samples [samples * channels]; rejects with "AbortError" if it was
  // replaced or cancelled, see isCancelled of queue.js.
  generate({ z, pitch, label }, { priority = 0, key = null } = {}) {
    const inputs = { z: Float32Array.from(z) };
    if (pitch !== undefined) inputs.pitch = Int32Array.of(pitch);
    if (label !== undefined) inputs.label = Int32Array.of(label);
    return this.call({ kind: "generate", inputs }, [inputs.z.buffer], { priority, key });
  }

  // Takes back requests that still wait: test is a function of {priority, key}.
  cancel(test = () => true) {
    this.queue.drop(test);
    this.onchange();
  }

  call(message, transfer, { priority = 0, key = null } = {}) {
    return new Promise((resolve, reject) => {
      if (this.failed) {
        reject(this.failed);
        return;
      }
      this.queue.add({ message, transfer, priority, key, resolve, reject });
      this.send();
    });
  }

  send() {
    if (!this.running) {
      this.running = this.queue.next();
      if (this.running) this.worker.postMessage(this.running.message, this.running.transfer);
    }
    this.onchange();
  }

  answer({ value, error }) {
    const { resolve, reject } = this.running;
    this.running = null;
    if (error) reject(new Error(error)); else resolve(value);
    this.send();
  }

  fail(error) {
    this.failed = error;
    this.running?.reject(error);
    this.running = null;
    for (const job of this.queue.waiting) job.reject(error);
    this.queue.waiting = [];
    this.onchange();
  }
}
