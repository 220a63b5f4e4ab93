// Tests of what views ask of a session while its net changes.

import assert from "node:assert/strict";
import test from "node:test";

import { TrainingLoop } from "../playground/training/training_loop.js";
import { requesterOf } from "../playground/views/view.js";

test("an answer that comes after the frame of another net is dropped", async () => {
  const taken = [];
  const waiting = [];
  const view = { last: { version: 1 }, problem: () => {} };
  const session = { request: () => new Promise((answer) => waiting.push(answer)) };
  const ask = requesterOf(session, "confusion", view, (found) => taken.push(found));
  for (const changes of [true, false]) {
    const asked = ask({});
    if (changes) view.last = { version: 2 };
    waiting.shift()(changes ? "of the first net" : "of the second net");
    await asked;
  }
  assert.deepEqual(taken, ["of the second net"]);
});

test("a request of the frame before gets nothing of the net that has begun", () => {
  const posted = [];
  const loop = new TrainingLoop({ post: (message) => posted.push(message) });
  loop.version = 2;
  loop.answer(1, "confusion", { version: 1 });
  assert.deepEqual(posted, [{ answer: null, id: 1 }]);
});
