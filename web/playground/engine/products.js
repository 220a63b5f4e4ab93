// Matrix products in float32: every sum over k is one chain, k ascending, from 0 or a start. Four
// sums run side by side, so that none waits for the previous.

import { f32 } from "./functions.js";

/** Multiply: o (m, n) = start + a (m, k) b (k, n); a, b and start are strided arrays. */
export function multiply(o, m, n, k, a, a0, ai, ak, b, b0, bk, bj, s, s0, sj) {
  if (n >= 4) byColumns(o, m, n, k, a, a0, ai, ak, b, b0, bk, bj, s, s0, sj);
  const rest = n >= 4 ? n - (n % 4) : 0;
  if (rest < n) byRows(o, m, n, rest, k, a, a0, ai, ak, b, b0, bk, bj, s, s0, sj);
}

/** Compute the columns up to a multiple of four. */
function byColumns(o, m, n, k, a, a0, ai, ak, b, b0, bk, bj, s, s0, sj) {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j + 3 < n; j += 4) {
      let x = s[s0 + j * sj];
      let y = s[s0 + (j + 1) * sj];
      let z = s[s0 + (j + 2) * sj];
      let w = s[s0 + (j + 3) * sj];
      let p = a0 + i * ai;
      let q = b0 + j * bj;
      for (let t = 0; t < k; t++, p += ak, q += bk) {
        const factor = a[p];
        x = f32(x + f32(factor * b[q]));
        y = f32(y + f32(factor * b[q + bj]));
        z = f32(z + f32(factor * b[q + 2 * bj]));
        w = f32(w + f32(factor * b[q + 3 * bj]));
      }
      const at = i * n + j;
      o[at] = x;
      o[at + 1] = y;
      o[at + 2] = z;
      o[at + 3] = w;
    }
  }
}

/** Compute the columns from `first` on, four rows at a time. */
function byRows(o, m, n, first, k, a, a0, ai, ak, b, b0, bk, bj, s, s0, sj) {
  for (let j = first; j < n; j++) {
    const start = s[s0 + j * sj];
    let i = 0;
    for (; i + 3 < m; i += 4) {
      let [x, y, z, w] = [start, start, start, start];
      let p = a0 + i * ai;
      let q = b0 + j * bj;
      for (let t = 0; t < k; t++, p += ak, q += bk) {
        const factor = b[q];
        x = f32(x + f32(a[p] * factor));
        y = f32(y + f32(a[p + ai] * factor));
        z = f32(z + f32(a[p + 2 * ai] * factor));
        w = f32(w + f32(a[p + 3 * ai] * factor));
      }
      const at = i * n + j;
      o[at] = x;
      o[at + n] = y;
      o[at + 2 * n] = z;
      o[at + 3 * n] = w;
    }
    for (; i < m; i++) {
      let x = start;
      for (let t = 0, p = a0 + i * ai, q = b0 + j * bj; t < k; t++, p += ak, q += bk) {
        x = f32(x + f32(a[p] * b[q]));
      }
      o[i * n + j] = x;
    }
  }
}
