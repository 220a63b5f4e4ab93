// Task: rows with the net's inputs, split into training and test rows.

import {
  DataProblem,
  checkInputs,
  inputFunctions,
  inputsOf,
  rowsOf,
  splitOf,
  taken,
} from "./data.js";

/** Range of the toy datasets on both axes. */
const TOY_RANGE = [-6, 6];

/** Rows of a state, prepared for its net. */
export class Task {
  constructor(state) {
    this.key = keyOf(state);
    this.state = state;
    this.rows = rowsOf(state);
    const { names, n, width, x, y } = this.rows;
    this.functions = inputFunctions(names, state.inputs);
    this.x = inputsOf(this.functions, x, width);
    checkInputs(this.x, state.inputs);
    this.y = y;
    if (this.rows.classes && y.every((label) => label === y[0])) {
      throw new DataProblem("oneClass", { field: "data", value: this.rows.classes[y[0]] });
    }
    this.inputs = state.inputs.length;
    this.split = splitOf(n, state.share, state.seed);
    this.train = this.part(this.split.train);
    this.test = this.part(this.split.test);
    this.middle = names.map((_, column) => medianOf(x, width, column));
    this.ranges = names.map((_, column) => this.rangeOf(column));
    if (state.loss === "PoissonNLLLoss") checkCounts(y);
    if (state.layers.some(({ normalization }) => normalization === "BatchNorm")) {
      checkBatches(this.train.n, state.batch_size);
    }
  }

  part(order) {
    const { x, y, inputs } = this;
    return { n: order.length, x: taken(x, inputs, order), y: taken(y, 1, order) };
  }

  rangeOf(column) {
    if (this.state.data.kind !== "rows") return TOY_RANGE;
    const { x, width, n } = this.rows;
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      low = Math.min(low, x[i * width + column]);
      high = Math.max(high, x[i * width + column]);
    }
    const [least, most] = TOY_RANGE;
    // points drawn within the range keep it, so that the map does not move while drawing
    if (low >= least && high <= most && high - low > (most - least) / 2) return TOY_RANGE;
    const beside = 0.05 * (high - low) || 1;
    return [low - beside, high + beside];
  }

  /** Inputs of the net for rows of the data's columns. */
  inputsOf(x) {
    return inputsOf(this.functions, x, this.rows.width);
  }
}

/** Key of all that a task depends on. */
export const keyOf = ({ data, inputs, share, seed, loss, batch_size, layers }) =>
  JSON.stringify([data, inputs, share, seed, loss, batch_size, layers.map((l) => l.normalization)]);

function medianOf(x, width, column) {
  const values = Float32Array.from({ length: x.length / width }, (_, i) => x[i * width + column]);
  values.sort();
  return values[Math.floor(values.length / 2)];
}

function checkCounts(y) {
  const row = y.findIndex((value) => value < 0);
  if (row >= 0) throw new DataProblem("negative", { field: "loss", value: y[row], row });
}

/** Refuse batches of one row, which batch normalization maps to 0. */
function checkBatches(n, batchSize) {
  if (Math.min(batchSize, n) < 2 || n % Math.min(batchSize, n) === 1) {
    throw new DataProblem("batchOfOne", { field: "batch_size", value: batchSize, n });
  }
}
