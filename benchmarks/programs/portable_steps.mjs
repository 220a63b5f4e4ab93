// The time of a step in WebAssembly and in JavaScript, in µs: see portable_steps.py.
import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(0, "utf-8"));
const { x, y, order, rate, steps, seconds, turns } = given;

function best(call) {
  for (const until = performance.now() + 200; performance.now() < until;) call(); // until it is optimised
  let started = performance.now();
  call();
  const count = Math.max(
    1,
    Math.floor((seconds * 1e3) / Math.max(performance.now() - started, 1e-3)),
  );
  let least = Infinity;
  for (let turn = 0; turn < turns; turn++) {
    started = performance.now();
    for (let i = 0; i < count; i++) call();
    least = Math.min(least, performance.now() - started);
  }
  return (least / count / steps) * 1e3;
}

function inWebAssembly() {
  const module = new WebAssembly.Module(Buffer.from(given.module, "base64"));
  const { memory, heap, epoch } = new WebAssembly.Instance(module).exports;
  memory.grow(1);
  let end = heap.value;
  const put = (Numbers, numbers) => {
    const begin = end;
    new Numbers(memory.buffer, begin, numbers.length).set(numbers);
    end += 4 * numbers.length;
    return begin;
  };
  const places = [put(Float32Array, x), put(Int32Array, y), put(Int32Array, order)];
  return best(() => epoch(y.length, ...places, rate, end));
}

async function inJavaScript() {
  const { Training } = await import(`data:text/javascript,${encodeURIComponent(given.text)}`);
  const rows = y.map((_, i) => x.slice(2 * i, 2 * i + 2));
  const training = new Training(rows, y, { learningRate: rate });
  return best(() => training.epoch());
}

const found = { WebAssembly: inWebAssembly(), JavaScript: await inJavaScript() };
process.stdout.write(JSON.stringify(found));
