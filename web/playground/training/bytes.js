// Numbers as text that a link can hold: base64url of the bytes of float32, the low one first.

/** Numbers as base64url. */
export function packed(numbers) {
  const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The Float32Array of such a text; null where it is none. */
export function unpacked(text) {
  if (typeof text !== "string" || !/^[\w-]*$/.test(text) || text.length % 4 === 1) return null;
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  if (letters.length % 4) return null;
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}
