// Studies: several seeds, optimizer race, loss landscape; generators that yield between parts.

import { along, principalPlane, randomPlane, span } from "./directions.js";
import { OutputMaps } from "./output_maps.js";
import { Training } from "./trainer.js";

const MOST_SEEDS = 64;
const MOST_RACERS = 12;
const MOST_EPOCHS = 10000;
/** Maximum number of points of a curve. */
const POINTS = 100;
const SEED_SIDE = 24;
const LOSS_SIDE = 31;
const PATH = 128;
/** Number of training rows for the losses on a plane. */
const LOSS_ROWS = 256;

const within = (value, most, usual) =>
  Number.isInteger(value) && value > 0 ? Math.min(value, most) : usual;

/** Epochs at which a study records: about POINTS, with the first and the last. */
function recordedEpochs(epochs) {
  const every = Math.max(1, Math.ceil(epochs / POINTS));
  const found = [];
  for (let epoch = 0; epoch < epochs; epoch += every) found.push(epoch);
  return [...found, epochs];
}

/** Create a new training without a history. */
function freshTraining({ state, task, own }, make, part) {
  return new Training({ ...state, events: [], ...part }, task, make, own);
}

/** Replace the optimizer of a training with a custom net. */
const withOptimizer = ({ state, task, own }, optimizer) => ({
  state,
  task,
  own: own && { ...own, optimizer },
});

/** Train to an epoch, yielding regularly. */
function* runTo(training, epoch) {
  let steps = 0;
  while (training.step < epoch * training.perEpoch && !training.failure) {
    training.run(epoch * training.perEpoch, () => (steps += 1) % 16 === 0);
    yield;
  }
}

/** Train with several seeds of weights and orders: losses and average output. */
export function* seeds(training, make, { n, epochs }) {
  const count = within(n, MOST_SEEDS, 16);
  const at = recordedEpochs(within(epochs, MOST_EPOCHS, 100));
  const first = training.state.seed;
  const found = { seeds: [], epochs: at, train: [], test: [], accuracy: [], planes: [] };
  for (let k = 0; k < count; k++) {
    const seed = (first + k) % 2 ** 32;
    const own = training.own && { ...training.own, weights: null };
    const one = freshTraining({ state: training.state, task: training.task, own }, make, { seed });
    const [train, test] = [new Float32Array(at.length), new Float32Array(at.length)];
    let scores = {};
    for (const [i, epoch] of at.entries()) {
      yield* runTo(one, epoch);
      const point = one.point();
      [train[i], test[i], scores] = [point.losses.train, point.losses.test, point.scores];
    }
    found.seeds.push(seed);
    found.train.push(train);
    found.test.push(test);
    found.accuracy.push((scores.accuracy ?? scores.r2).test);
    found.planes.push(new OutputMaps(one).outputs(SEED_SIDE).values);
    yield;
  }
  const ranges = new OutputMaps(training).outputs(2).ranges;
  return { ...found, side: SEED_SIDE, ranges, ...meanAndSpread(found.planes) };
}

/** Mean and standard deviation of planes at each point. */
function meanAndSpread(planes) {
  const mean = new Float32Array(planes[0].length);
  const spread = new Float32Array(planes[0].length);
  for (let i = 0; i < mean.length; i++) {
    let [sum, squares] = [0, 0];
    for (const plane of planes) sum += plane[i];
    for (const plane of planes) squares += (plane[i] - sum / planes.length) ** 2;
    mean[i] = sum / planes.length;
    spread[i] = Math.sqrt(squares / planes.length);
  }
  return { mean, spread };
}

/**
 * Train with several optimizers from the same weights, in the same orders: losses, and paths on one
 * plane.
 */
export function* race(training, make, { racers, epochs }) {
  const at = recordedEpochs(within(epochs, MOST_EPOCHS, 100));
  const found = [];
  for (const optimizer of racers.slice(0, MOST_RACERS)) {
    const one = freshTraining(withOptimizer(training, optimizer), make, { optimizer });
    const [train, test] = [new Float32Array(at.length), new Float32Array(at.length)];
    const path = [];
    for (const [i, epoch] of at.entries()) {
      yield* runTo(one, epoch);
      const { losses } = one.point();
      [train[i], test[i]] = one.failure ? [NaN, NaN] : [losses.train, losses.test];
      if (!one.failure) path.push(one.model.parameters.slice());
    }
    found.push({ optimizer, train, test, path, failure: one.failure });
  }
  const all = found.flatMap(({ path }) => path);
  const still = freshTraining(training, make, {});
  const origin = found[0]?.path[0] ?? still.model.parameters.slice();
  const plane = principalPlane(all, origin) ?? randomPlane(still.model, training.state.seed);
  const paths = found.map(({ path }) => path.map((vector) => along(plane, vector, origin)));
  const losses = yield* lossesOn(still, plane, origin, paths.flat(), LOSS_SIDE);
  const placed = found.map((racer, i) => ({ ...racer, path: Float32Array.from(paths[i].flat()) }));
  return { epochs: at, racers: placed, plane: losses };
}

/** Training loss at side · side points of a plane through `points`. */
function* lossesOn(training, plane, origin, points, side) {
  const [a, b] = [0, 1].map((axis) => {
    const [low, high] = span(
      points.map((point) => point[axis]),
      0.25,
    );
    return Float32Array.from({ length: side }, (_, i) => low + (i / (side - 1)) * (high - low));
  });
  const { model, task } = training;
  const own = model.parameters.slice();
  const n = Math.min(LOSS_ROWS, task.train.n);
  const losses = new Float32Array(side * side);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      const { parameters } = model;
      for (let k = 0; k < parameters.length; k++) {
        parameters[k] = origin[k] + a[j] * plane.a[k] + b[i] * plane.b[k];
      }
      losses[i * side + j] = model.evaluate(task.train.x, task.train.y, n).loss;
    }
    parametersBack(model, own);
    yield;
  }
  return { a, b, losses };
}

const parametersBack = (model, own) => model.parameters.set(own);

/** Loss landscape around a training: on the plane of its path, or on two random directions. */
export function* lossPlane(training, make, { side }) {
  const all = training.states.inOrder().filter(({ step }) => step <= training.step);
  const every = Math.ceil(all.length / PATH);
  const kept = all.filter((_, i) => i % every === 0);
  const now = training.model.parameters.slice();
  const vectors = [...kept.map(({ parameters }) => parameters), now];
  const plane = principalPlane(vectors, now) ?? randomPlane(training.model, training.state.seed);
  const path = vectors.map((vector) => along(plane, vector, now));
  const still = freshTraining(training, make, {});
  still.model.parameters.set(now);
  still.model.state.set(training.model.state);
  const size = Math.sqrt(now.reduce((sum, x) => sum + x * x, 0) / 2) || 1;
  const around = plane.shares ? path : [...path, [-size, -size], [size, size]];
  const losses = yield* lossesOn(still, plane, now, around, within(side, 101, LOSS_SIDE));
  return {
    ...losses,
    steps: Float64Array.from([...kept.map(({ step }) => step), training.step]),
    path: Float32Array.from(path.flat()),
    here: [0, 0],
    shares: plane.shares,
  };
}
