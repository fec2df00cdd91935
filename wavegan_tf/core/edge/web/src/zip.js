// Zip files: written without compression (samples hardly shrink), read with or without.

import { inflate } from "./embedded.js";

const LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, DOS_DATE = 0x21;  // 1 January 1980
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xEDB88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Entries [{name, bytes}] as the bytes of a zip file.
export function encodeZip(entries) {
  const parts = [], central = [];
  let offset = 0;
  for (const { name, bytes } of entries) {
    const local = header(LOCAL, name, bytes), entry = header(CENTRAL, name, bytes);
    new DataView(entry.buffer).setUint32(42, offset, true);
    parts.push(local, bytes);
    central.push(entry);
    offset += local.length + bytes.length;
  }
  const size = central.reduce((sum, entry) => sum + entry.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, END, true);
  end.setUint16(8, entries.length, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return joined([...parts, ...central, new Uint8Array(end.buffer)]);
}

// A file's header, which stands before its bytes and again, longer, in the directory at the end.
function header(signature, name, bytes) {
  const coded = new TextEncoder().encode(name), isCentral = signature === CENTRAL;
  const view = new DataView(new ArrayBuffer((isCentral ? 46 : 30) + coded.length)), at = isCentral ? 6 : 4;
  view.setUint32(0, signature, true);
  if (isCentral) view.setUint16(4, 20, true);
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, 0x800, true);  // names are UTF-8
  view.setUint16(at + 8, DOS_DATE, true);
  view.setUint32(at + 10, crc32(bytes), true);
  view.setUint32(at + 14, bytes.length, true);
  view.setUint32(at + 18, bytes.length, true);
  view.setUint16(at + 22, coded.length, true);
  const out = new Uint8Array(view.buffer);
  out.set(coded, isCentral ? 46 : 30);
  return out;
}

function joined(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

// The files of a zip by name. Throws an Error that says what is wrong.
export async function decodeZip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), files = new Map();
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) throw new Error("not a zip file, or not the whole of one");
  try {
    let at = view.getUint32(end + 16, true);
    for (let count = view.getUint16(end + 10, true); count > 0; count--) {
      if (view.getUint32(at, true) !== CENTRAL) throw new Error("its directory is damaged");
      const method = view.getUint16(at + 10, true), size = view.getUint32(at + 20, true);
      const nameLength = view.getUint16(at + 28, true), local = view.getUint32(at + 42, true);
      const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      files.set(name, await unpacked(bytes.slice(start, start + size), method, view.getUint32(at + 16, true)));
      at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    }
  } catch (error) {
    throw new Error(`the zip file can't be read: ${error.message}`);
  }
  return files;
}

async function unpacked(bytes, method, crc) {
  if (method !== 0 && method !== 8) throw new Error(`compression method ${method} is unknown`);
  const out = method === 8 ? await inflate(bytes, "deflate-raw") : bytes;
  if (crc32(out) !== crc) throw new Error("a checksum is wrong");
  return out;
}
