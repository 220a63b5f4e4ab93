// The time of an epoch in each engine of the playground's page, in µs: see playground_steps.py.
import { readFileSync } from "node:fs";
import { best } from "./best.mjs";

const given = JSON.parse(readFileSync(0, "utf-8"));
const asModule = (text) => import(`data:text/javascript,${encodeURIComponent(text)}`);
const { Model, wasmModel } = await asModule(given.engine);
const { pages, options, program, rate, batch_size: size } = given;
const x = Float32Array.from(given.x);
const y = Float32Array.from(given.y);
const order = Int32Array.from(given.order);

function recordedPages() {
  const model = new Model(pages, options);
  model.parameters.set(given.parameters);
  return best(() => model.epoch(x, y, order, size, rate), given);
}

async function webAssembly() {
  const model = await wasmModel(pages, options, program);
  model.parameters.set(given.parameters);
  return best(() => model.epoch(x, y, order, size, rate), given);
}

async function printedJavaScript() {
  const { Training } = await asModule(given.printed);
  const rows = given.y.map((_, i) => given.x.slice(2 * i, 2 * i + 2));
  const training = new Training(rows, given.y, { learningRate: rate });
  return best(() => training.epoch(), given);
}

const found = {
  "recorded pages": recordedPages(),
  WebAssembly: await webAssembly(),
  "printed JavaScript": await printedJavaScript(),
};
process.stdout.write(JSON.stringify(found));
