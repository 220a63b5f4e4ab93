// Rows of numbers that come with the page as bytes.

/** Decode rows embedded in the page: bytes of numbers of a type, and a row's width. */
export function rowsIn({ type, width, bytes }) {
  const kinds = { float32: Float32Array, float64: Float64Array, int32: Int32Array };
  const buffer = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0)).buffer;
  const numbers = new kinds[type](buffer);
  const n = numbers.length / width;
  return Array.from({ length: n }, (_, i) => [...numbers.subarray(i * width, (i + 1) * width)]);
}
