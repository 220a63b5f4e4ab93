// Request handlers of a session, by the name of the request.

import { Explained } from "../engine/explain.js";
import { confusion, errors } from "./metrics.js";
import { taken } from "./data.js";
import { activationsOf } from "./net.js";
import { lossPlane, race, seeds } from "./studies.js";

const MOST_SIDE = 200;
const MOST_ROWS = 500;
const DIGITS = 4; // significant digits of an explanation

/** Long-running requests: generators that yield, by the name of the request. */
export const STUDIES = { seeds, race, lossPlane };

const sideOf = ({ side }, usual) =>
  Number.isInteger(side) && side > 1 ? Math.min(side, MOST_SIDE) : usual;

/** Rows in the order of the data, from `first` on, as a batch. */
function rowsFrom({ task }, first, count) {
  const { x, y, rows, inputs } = task;
  const order = Array.from({ length: count }, (_, i) => (first + i) % rows.n);
  const width = y.length / rows.n;
  return [taken(x, inputs, order), taken(y, width, order)];
}

/** Requests with an immediate response. */
export const ANSWERS = {
  rows({ task }) {
    const { names, classes, n, x, y } = task.rows;
    const trains = new Uint8Array(n);
    for (const i of task.split.train) trains[i] = 1;
    const target = classes ? "class" : "y";
    return { names, target, classes, n, x: x.slice(), y: y.slice(), trains, ranges: task.ranges };
  },
  maps: (_, { planes }, options) => planes.maps(sideOf(options, 20)),
  plane(_, { planes }, { column, unit, ...options }) {
    const side = sideOf(options, 100);
    return column === undefined ? planes.outputs(side) : planes.unit(side, column, unit);
  },
  at({ task, model }, { planes }, { x, column, unit }) {
    const inputs = task.inputsOf(Float32Array.from(x));
    if (column === undefined) return { outputs: [...model.predict(inputs, 1)] };
    return { outputs: [planes.columnOf(inputs, 1, column)[0][unit]] };
  },
  hidden({ task }, { planes }, { column, ...options }) {
    const { n } = task.rows;
    const [values, units] = planes.columnOf(task.x, n, column);
    const side = options.side ? sideOf(options, 20) : 0;
    const grid = side
      ? { side, values: planes.columnOf(planes.grid(side), side * side, column)[0].slice() }
      : null;
    const { y, trains } = ANSWERS.rows({ task });
    return { column, units, n, values: values.slice(), y, trains, grid };
  },
  activations({ task, model, state, own }, { planes }) {
    const n = Math.min(MOST_ROWS, task.train.n);
    const found = model.activations(task.train.x, n);
    const names = own ? [] : activationsOf(state);
    return planes.shown.slice(1).map((layer, i) => {
      const activation = names[i] ?? null;
      const values = found[layer];
      return { column: i + 1, activation, units: values.length / n, n, values };
    });
  },
  /** Change of the parameters by the next step, which is then undone. */
  change(training) {
    const { model, batchX, batchY, size } = training;
    const copy = training.copied();
    training.applyWeights();
    const before = model.parameters.slice();
    model.batch(batchX, batchY, training.gather(), training.rateOf(training.step), size);
    const change = model.parameters.map((value, i) => value - before[i]);
    training.restore(copy);
    return { change };
  },
  /**
   * Explain a unit for the `row` of the data nearest to it, or its weight for unit `from` of the
   * previous column: { row, forward, backward }, lists of lines.
   */
  explain(training, { planes }, { row, of: { column, unit, from }, words }) {
    const { model, task } = training;
    const first = Math.min(Math.max(Math.round(row) || 0, 0), task.rows.n - 1);
    // batch normalization of a single row gives 0: take more
    const count = model.layers.some(({ title }) => title === "BatchNorm") ? 2 : 1;
    const [x, y] = rowsFrom(training, first, count);
    const steps = model.steps(x, y, count, training.rateOf(training.step));
    const explained = new Explained(steps, DIGITS, words);
    if (!column) return { row: first, ...explained.input(unit) };
    const [before, last] = [planes.shown[column - 1], planes.shown[column]];
    const paths = Array.from({ length: last - before }, (_, i) => String(before + 1 + i));
    if (column === planes.shown.length - 1) paths.push("loss");
    return { row: first, ...explained.unit(paths, unit, from ?? null) };
  },
  confusion({ task, model, outputs, border }) {
    const of = ({ x, y, n }) => {
      const predictions = model.predict(x, n);
      const { classes } = task.rows;
      return classes
        ? { matrix: confusion(predictions, y, outputs, Math.max(2, classes.length), border) }
        : errors(predictions, y);
    };
    return { train: of(task.train), test: of(task.test) };
  },
  model({ task, model, spec, state, history }) {
    const targets = ({ y }) => (task.rows.classes ? Int32Array.from(y) : y.slice());
    return {
      ...spec,
      weights: model.parameters.slice(),
      state: model.state.slice(),
      batch_size: state.batch_size,
      seed: state.seed,
      x: task.train.x.slice(),
      y: targets(task.train),
      n: task.train.n,
      x_test: task.test.x.slice(),
      y_test: targets(task.test),
      history: history.points.map(({ epoch, losses }) => ({ epoch, ...losses })),
    };
  },
};
