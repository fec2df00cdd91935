// What the page holds besides its script: metadata as JSON, and the worker's code, runtime and model as base64.

const text = (id) => document.getElementById(id).textContent;

export const readMetadata = () => JSON.parse(text("metadata"));

export function bytesOf(id) {
  const decoded = atob(text(id));
  const bytes = new Uint8Array(decoded.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = decoded.charCodeAt(i);
  return bytes;
}

export async function inflate(bytes, format = "gzip") {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
