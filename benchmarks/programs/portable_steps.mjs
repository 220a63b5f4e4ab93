// The time of a step in WebAssembly and in JavaScript, in µs: see portable_steps.py.
import { readFileSync } from "node:fs";
import { best } from "./best.mjs";

const given = JSON.parse(readFileSync(0, "utf-8"));
const { x, y, order, rate, steps } = given;

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
  return best(() => epoch(y.length, ...places, rate, end), given) / steps;
}

async function inJavaScript() {
  const { Training } = await import(`data:text/javascript,${encodeURIComponent(given.text)}`);
  const rows = y.map((_, i) => x.slice(2 * i, 2 * i + 2));
  const training = new Training(rows, y, { learningRate: rate });
  return best(() => training.epoch(), given) / steps;
}

const found = { WebAssembly: inWebAssembly(), JavaScript: await inJavaScript() };
process.stdout.write(JSON.stringify(found));
