// Tests of a training's history, and of its stopping rules.

import assert from "node:assert/strict";
import test from "node:test";
import { History, States } from "../playground/training/history.js";
import { accuracy, borderOf, confusion, errors } from "../playground/training/metrics.js";
import { fragmentOf, stateIn } from "../playground/training/links.js";
import { factorsOf } from "../playground/training/schedules.js";

const pointOf = (epoch) => ({ epoch, losses: { train: 1 / (1 + epoch), test: 1 }, scores: {} });

test("a history thins out, and keeps the first and the last", () => {
  const history = new History();
  for (let epoch = 0; epoch <= 1000; epoch++) {
    if (history.wants(epoch)) history.add(pointOf(epoch));
  }
  const { epochs, train } = history.arrays(pointOf(1000));
  assert.ok(epochs.length <= 401);
  assert.equal(epochs[0], 0);
  assert.equal(epochs.at(-1), 1000);
  assert.equal(train[0], 1);
  history.cut(10);
  assert.ok(history.points.every(({ epoch }) => epoch <= 10));
});

test("the state before an epoch is found, however many were thinned out", () => {
  const states = new States(2 ** 18); // bytes: few are stored
  for (let epoch = 0; epoch <= 100; epoch++) if (states.wants(epoch)) states.add(epoch, { epoch });
  assert.ok(states.kept.size <= states.most);
  for (const epoch of [0, 1, 37, 100]) {
    const found = states.before(epoch);
    assert.ok(found.epoch <= epoch);
    assert.equal(found.state.epoch, found.epoch);
  }
});

test("accuracy and confusion count the class of the largest output", () => {
  const predictions = Float32Array.of(0.9, 0.1, 0.2, 0.8, 0.6, 0.4);
  const y = Float32Array.of(0, 1, 1);
  assert.equal(accuracy(predictions, y, 2, 0), 2 / 3);
  assert.deepEqual([...confusion(predictions, y, 2, 2, 0)].flat().map(Number), [1, 0, 1, 1]);
  assert.equal(borderOf("BinaryCrossEntropyLoss"), 0.5);
});

test("R² is 1 for what is right, 0 for the mean", () => {
  const y = Float32Array.of(1, 2, 3);
  assert.equal(errors(y, y).r2, 1);
  assert.equal(errors(Float32Array.of(2, 2, 2), y).r2, 0);
});

test("a link has what is not as usual, and gives the same state", () => {
  const { state } = stateIn("#v=1&seed=7&layers=3:ReLU&optimizer=SGD:learning_rate=0.5");
  assert.equal(state.seed, 7);
  assert.deepEqual(
    state.layers.map(({ units, activation }) => [units, activation]),
    [[3, "ReLU"]],
  );
  assert.deepEqual(stateIn(fragmentOf(state)).state, state);
});

test("errors of a link are reported, and defaults are used", () => {
  const { state, problems } = stateIn("#v=1&seed=many&color=red");
  assert.deepEqual(
    problems.map(({ field }) => field),
    ["seed", "color"],
  );
  assert.deepEqual(state, stateIn("").state);
});

test("a cosine falls from 1 to its end, and stays there", () => {
  const factor = factorsOf({ name: "cosine", epochs: 10, end: 0.1 }, 4);
  assert.equal(factor(0), 1);
  assert.ok(Math.abs(factor(20) - 0.55) < 1e-9);
  assert.ok(factor(39) > 0.1 && factor(39) < 0.102);
  assert.equal(factor(400), factor(39));
});
