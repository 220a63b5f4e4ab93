// History of a training: thinned losses, and stored states to return to.

const MOST_POINTS = 400;
/** Maximum size of stored states in bytes. */
const MOST_BYTES = 1.5e6;
const MOST_STATES = 512;

/** Losses and metrics by epoch: every epoch at first, then every second, every fourth … */
export class History {
  constructor() {
    this.points = [];
    this.every = 1;
  }

  /** Test if an epoch is recorded. */
  wants(epoch) {
    return epoch - (this.points.at(-1)?.epoch ?? -Infinity) >= this.every;
  }

  add(point) {
    this.points.push(point);
    if (this.points.length > MOST_POINTS) {
      this.every *= 2;
      this.points = this.points.filter((_, i) => i % 2 === 0);
    }
  }

  /** Discard what follows an epoch. */
  cut(epoch) {
    this.points = this.points.filter((point) => point.epoch <= epoch);
  }

  /** Arrays of equal length, with `last` as a further point at the end if it is later. */
  arrays(last) {
    const points =
      last.epoch > (this.points.at(-1)?.epoch ?? -1) ? [...this.points, last] : this.points;
    const of = (get) => Float32Array.from(points, get);
    return {
      epochs: Float64Array.from(points, ({ epoch }) => epoch),
      train: of(({ losses }) => losses.train),
      test: of(({ losses }) => losses.test),
      accuracy: points[0]?.scores.accuracy && {
        train: of(({ scores }) => scores.accuracy.train),
        test: of(({ scores }) => scores.accuracy.test),
      },
    };
  }
}

/** Stored states of a training: 2ᵏ epochs apart or more, within a limit of bytes. */
export class States {
  constructor(bytes) {
    this.most = Math.max(8, Math.min(MOST_STATES, Math.floor(MOST_BYTES / bytes)));
    this.kept = new Map();
    this.every = 1;
  }

  wants(epoch) {
    return !this.kept.size || epoch - this.before(epoch).epoch >= this.every;
  }

  add(epoch, state) {
    this.kept.set(epoch, state);
    if (this.kept.size <= this.most) return;
    this.every *= 2;
    const epochs = [...this.kept.keys()].sort((one, other) => one - other);
    epochs.forEach((other, i) => i % 2 && this.kept.delete(other));
  }

  /** Last state at or before an epoch. */
  before(epoch) {
    let best = 0;
    for (const other of this.kept.keys()) if (other <= epoch && other > best) best = other;
    return { epoch: best, state: this.kept.get(best) };
  }

  cut(epoch) {
    for (const other of this.kept.keys()) if (other > epoch) this.kept.delete(other);
  }

  /** States in the order of their epochs. */
  inOrder() {
    return [...this.kept].sort(([one], [other]) => one - other).map(([, state]) => state);
  }
}
