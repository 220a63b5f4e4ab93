// Random number generator: NumPy's default_rng with SeedSequence and PCG64, bit-identical.

import { Stream, shuffle } from "../engine/functions.js";
import { cos, log, random } from "./functions.js";

const POOL = 4;
const MASK = (1n << 128n) - 1n;
const HALF = (1n << 64n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const TWO_PI = 2 * 3.141592653589793;

/** Create a hash function of words; its constant is multiplied by `factor` on each call. */
function hasher(constant, factor) {
  let now = constant;
  return (word) => {
    const mixed = word ^ now;
    now = Math.imul(now, factor);
    const product = Math.imul(mixed, now);
    return (product ^ (product >>> 16)) >>> 0;
  };
}

const mixed = (x, y) => {
  const sum = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
  return (sum ^ (sum >>> 16)) >>> 0;
};

/** Initial state of a seed, eight 32-bit words: `SeedSequence(entropy, spawn_key)`. */
function stateWords(entropy, spawnKey) {
  const padding = Array(spawnKey.length ? Math.max(0, POOL - entropy.length) : 0).fill(0);
  const words = [...entropy, ...padding, ...spawnKey];
  const hashed = hasher(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: POOL }, (_, i) => hashed(words[i] ?? 0));
  for (let from = 0; from < POOL; from++) {
    for (let to = 0; to < POOL; to++) {
      if (from !== to) pool[to] = mixed(pool[to], hashed(pool[from]));
    }
  }
  for (const word of words.slice(POOL)) {
    for (let to = 0; to < POOL; to++) pool[to] = mixed(pool[to], hashed(word));
  }
  const drawn = hasher(0x8b51f9dd, 0x58f38ded);
  return Array.from({ length: 8 }, (_, i) => drawn(pool[i % POOL]));
}

/**
 * Random stream of `np.random.default_rng(entropy)`, as six 64-bit words.
 *
 * `entropy` are integers below 2³²; `spawnKey` is that of a spawned child.
 */
export function seeded(entropy, spawnKey = []) {
  const words = stateWords(entropy, spawnKey).map(BigInt);
  const wide = (i) => words[2 * i] | (words[2 * i + 1] << 32n);
  const start = (wide(0) << 64n) | wide(1);
  const increment = ((((wide(2) << 64n) | wide(3)) << 1n) | 1n) & MASK;
  const state = ((increment + start) * MULTIPLIER + increment) & MASK;
  return BigUint64Array.of(state & HALF, state >> 64n, increment & HALF, increment >> 64n, 0n, 0n);
}

/** Draws from a stream, bit-identical to those of handgrad.learn.playground.toy_data. */
export class Draws {
  constructor(...entropy) {
    this.words = seeded(entropy);
    this.stream = new Stream(this.words, 0);
  }

  /** Draw from [0, 1). */
  random() {
    return random(this.stream);
  }

  /** Draw from [low, high). */
  uniform(low, high) {
    return low + (high - low) * this.random();
  }

  /** Draw from a normal distribution, by the Box–Muller transform. */
  normal(mean, deviation) {
    const [u, v] = [this.random(), this.random()];
    return mean + deviation * (Math.sqrt(-2 * log(1 - u)) * cos(TWO_PI * v));
  }

  /** Draw a permutation of the integers below n. */
  permutation(n) {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    shuffle(order, this.words);
    return order;
  }
}
