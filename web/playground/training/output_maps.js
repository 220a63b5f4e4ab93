// Output maps: outputs or a unit's activations on a grid over two columns, the others at their
// medians.

import { shownLayers } from "./net.js";

/** Grid points: side · side rows of the data's columns, from the top, from the left. */
export function gridOf(task, columns, side) {
  const { width } = task.rows;
  const x = new Float32Array(side * side * width);
  const [across, up] = columns.map((column) => task.ranges[column]);
  const along = ([low, high], i) => low + ((i + 0.5) / side) * (high - low);
  for (let i = 0, place = 0; i < side; i++) {
    for (let j = 0; j < side; j++, place += width) {
      for (let k = 0; k < width; k++) x[place + k] = task.middle[k];
      x[place + columns[1]] = along(up, side - 1 - i);
      x[place + columns[0]] = along(across, j);
    }
  }
  return x;
}

/** Columns that a state displays, or the first two. */
export function columnsShown(state, task) {
  const { width } = task.rows;
  const { columns } = state.view;
  const isGood =
    Array.isArray(columns) &&
    columns.length === 2 &&
    columns.every((column) => Number.isInteger(column) && column >= 0 && column < width);
  return isGood ? columns : [0, Math.min(1, width - 1)];
}

/** Output maps of a training; grids are cached by size and pair of columns. */
export class OutputMaps {
  constructor(training) {
    this.training = training;
    this.task = training.task;
    this.shown = shownLayers(training.model.layers.map(({ title }) => ({ layer: title })));
    this.grids = new Map();
  }

  get columns() {
    return columnsShown(this.training.state, this.task);
  }

  grid(side) {
    const { columns } = this;
    const key = `${side} ${columns}`;
    if (!this.grids.has(key)) {
      if (this.grids.size > 4) this.grids.clear();
      this.grids.set(key, this.task.inputsOf(gridOf(this.task, columns, side)));
    }
    return this.grids.get(key);
  }

  plane(side, values, outputs) {
    const { columns, task } = this;
    const ranges = columns.map((column) => task.ranges[column]);
    return { side, columns, ranges, outputs, values, held: task.middle };
  }

  /** Outputs of the net on the grid. */
  outputs(side) {
    const values = this.training.model.predict(this.grid(side), side * side);
    return this.plane(side, values, this.training.outputs);
  }

  /** Activations of a unit of a column on the grid. */
  unit(side, column, unit) {
    const [values, units] = this.columnOf(this.grid(side), side * side, column);
    const of = Float32Array.from({ length: side * side }, (_, i) => values[i * units + unit]);
    return this.plane(side, of, 1);
  }

  /**
   * Activations of all units of a column for rows of inputs, row-major, and the number of units.
   */
  columnOf(x, n, column) {
    const { model } = this.training;
    const values = column ? model.activations(x, n)[this.shown[column]] : x;
    return [values, values.length / n];
  }

  /** Output maps of all units of each column: those of a unit are contiguous. */
  maps(side) {
    const x = this.grid(side);
    const n = side * side;
    const found = this.training.model.activations(x, n);
    const columns = this.shown.map((layer) => transposed(layer < 0 ? x : found[layer], n));
    return { side, columns };
  }
}

function transposed(values, n) {
  const units = values.length / n;
  const found = new Float32Array(values.length);
  for (let i = 0, place = 0; i < n; i++) {
    for (let unit = 0; unit < units; unit++) found[unit * n + i] = values[place++];
  }
  return found;
}
