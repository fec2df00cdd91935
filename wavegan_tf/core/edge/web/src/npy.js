// NumPy's npy files of float32 matrices.

const MAGIC = "\x93NUMPY";

// Rows (Float32Arrays of one length) as an npy file of shape [rows, columns].
export function encodeNpy(rows) {
  let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0].length}), }`;
  header = header.padEnd(Math.ceil((10 + header.length + 1) / 64) * 64 - 11) + "\n";
  const start = 10 + header.length, bytes = new Uint8Array(start + 4 * rows.length * rows[0].length);
  const view = new DataView(bytes.buffer);
  [...MAGIC].forEach((letter, i) => { bytes[i] = letter.charCodeAt(0); });
  bytes[6] = 1;
  view.setUint16(8, header.length, true);
  [...header].forEach((letter, i) => { bytes[10 + i] = letter.charCodeAt(0); });
  rows.forEach((row, r) => row.forEach((x, c) => view.setFloat32(start + 4 * (r * row.length + c), x, true)));
  return bytes;
}

// Rows of an npy file of float32 or float64 in two dimensions, as Float32Arrays.
// Throws an Error that says what is wrong.
export function decodeNpy(bytes) {
  const ascii = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes.length < 12 || ascii(0, 6) !== MAGIC) throw new Error("not an npy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes[6] === 1 ? 10 : 12, length = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const kind = /'descr': *'<f([48])'/.exec(header), shape = /'shape': *\((\d+), *(\d+),?\)/.exec(header);
  if (!kind || !shape || !/'fortran_order': *False/.test(header)) {
    throw new Error("an npy file of latents has float32 or float64 numbers in two dimensions, in C order");
  }
  const size = Number(kind[1]), [count, columns] = shape.slice(1).map(Number);
  if (start + length + size * count * columns > bytes.length) throw new Error("the npy file ends too early");
  if (!count || !columns) throw new Error("the npy file is empty");
  const read = size === 4 ? (at) => view.getFloat32(at, true) : (at) => view.getFloat64(at, true);
  return Array.from({ length: count }, (_, r) => Float32Array.from({ length: columns }, (__, c) => (
    read(start + length + size * (r * columns + c))
  )));
}
