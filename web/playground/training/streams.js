// Random streams from seeds: NumPy's default_rng, its SeedSequence and PCG64, to the bit.

import { Stream, shuffle } from "../engine/functions.js";
import { cos, log, random } from "./functions.js";

const POOL = 4;
const MASK = (1n << 128n) - 1n;
const HALF = (1n << 64n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const TWO_PI = 2 * 3.141592653589793;

/** Mixes a word into others, by constants that go on from `constant` by `factor`. */
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

/** Eight words of 32 bits of a seed: what `SeedSequence(entropy, spawn_key)` generates. */
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
 * The stream of `np.random.default_rng(entropy)`, as six words of 64 bits.
 *
 * `entropy` are whole numbers below 2³²; `spawnKey` says which spawned child's it is.
 */
export function seeded(entropy, spawnKey = []) {
  const words = stateWords(entropy, spawnKey).map(BigInt);
  const wide = (i) => words[2 * i] | (words[2 * i + 1] << 32n);
  const start = (wide(0) << 64n) | wide(1);
  const increment = ((((wide(2) << 64n) | wide(3)) << 1n) | 1n) & MASK;
  const state = ((increment + start) * MULTIPLIER + increment) & MASK;
  return BigUint64Array.of(state & HALF, state >> 64n, increment & HALF, increment >> 64n, 0n, 0n);
}

/** Draws from a stream: as handgrad.learn.playground.toy_data does, to the bit. */
export class Draws {
  constructor(...entropy) {
    this.words = seeded(entropy);
    this.stream = new Stream(this.words, 0);
  }

  /** A number from [0, 1). */
  random() {
    return random(this.stream);
  }

  /** A number from [low, high). */
  uniform(low, high) {
    return low + (high - low) * this.random();
  }

  /** A normal number, by Box's and Muller's way. */
  normal(mean, deviation) {
    const [u, v] = [this.random(), this.random()];
    return mean + deviation * (Math.sqrt(-2 * log(1 - u)) * cos(TWO_PI * v));
  }

  /** The whole numbers below n, in an order that is drawn. */
  permutation(n) {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    shuffle(order, this.words);
    return order;
  }
}
