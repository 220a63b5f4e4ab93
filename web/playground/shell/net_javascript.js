// Export as a JavaScript module: the printed prediction graph, with the engine functions it calls.

import { loops, reductions } from "../engine/functions.js";
import { argumentsOf, asRows, everywhere } from "../engine/strided.js";
import { Model } from "../engine/model.js";
import { Plan } from "../engine/plan.js";
import { multiply } from "../engine/products.js";

const MOST_ONE_BY_ONE = 16; // as in a plan

/** Plan for one row that prints each step as lines of JavaScript. */
class PrintedPlan extends Plan {
  /** Name of an array; created when the plan first uses it. */
  called(data) {
    this.arrays ??= new Map();
    if (!this.arrays.has(data)) this.arrays.set(data, `t${this.arrays.size}`);
    return this.arrays.get(data);
  }

  /** Add an engine function to the module, once, and return its name. */
  uses(name, made) {
    this.functions ??= new Map();
    this.functions.set(name, made.toString().replace(/^(?:function )?\w+/, `function ${name}`));
    return name;
  }

  line(out, name, given) {
    this.written = (this.written ?? new Set()).add(out);
    const said = given.map((value) => (ArrayBuffer.isView(value) ? this.called(value) : value));
    return `${name}(${said.join(", ")})`;
  }

  single(node) {
    const made = super.single(node);
    this.steps.pop()(); // the same for every row
    return made;
  }

  argument(node, value) {
    const array = value.node === undefined ? null : this.values[value.node];
    if (!array || array.data instanceof Float32Array) return super.argument(node, value);
    return everywhere(array.data[0], []);
  }

  loop(op, out, args) {
    const at = asRows(out.shape, args);
    const given = [out.data, at.rows.size, at.columns.size, ...argumentsOf(at, args)];
    this.steps.push(`${this.line(out.data, this.uses(`loop_${op}`, loops[op]), given)};`);
  }

  reduction(node, out) {
    const x = this.values[node.args[0].node];
    const n = x.shape.at(-1);
    const way = n > MOST_ONE_BY_ONE ? "inLanes" : "each";
    const name = this.uses(`${node.op}_${way}`, reductions[node.op][way]);
    const given = [x.data, x.offset, 1, 0, n, x.strides.at(-1)];
    this.steps.push(`${this.called(out.data)}[0] = ${this.line(out.data, name, given)};`);
  }

  product(node, out) {
    const [a, b, s = everywhere(0, [1])] = node.args.slice(1).map(({ node: i }) => this.values[i]);
    const given = [out.data, 1, b.shape[1], a.shape[1], a.data, a.offset, ...a.strides];
    given.push(b.data, b.offset, ...b.strides, s.data, s.offset);
    given.push(s.shape.at(-1) === 1 ? 0 : s.strides.at(-1));
    this.steps.push(`${this.line(out.data, this.uses("multiply", multiply), given)};`);
  }
}

/**
 * Text of a module that exports `predict(x)` for a row of inputs.
 *
 * `model` is a session's response to "model", `script` the page's script, which contains the
 * engine's functions; `title` becomes a comment that describes the inputs.
 */
export function netModule(pages, model, script, title) {
  const net = new Model(pages, model);
  net.parameters.set(model.weights);
  net.state.set(model.state);
  const plan = new PrintedPlan(net.graphs.prediction, 1, { given: net.buffers() });
  const { data, offset, shape } = plan.value("prediction");
  const size = shape.reduce((product, n) => product * n, 1);
  const answer = `${plan.called(data)}.slice(${offset}, ${offset + size})`;
  const body = [`  ${plan.called(plan.xData)}.set(x);`, ...plan.steps.map((step) => `  ${step}`)];
  return [
    `// ${title}`,
    "",
    ...needed([...plan.functions.values()].join("\n"), script),
    ...plan.functions.values(),
    "",
    ...[...plan.arrays].map(([array, name]) => `const ${name} = ${arrayText(plan, array)};`),
    "",
    "/** What the net says of the inputs of one row. */",
    `export function predict(x) {\n${body.join("\n")}\n  return [...${answer}];\n}\n`,
  ].join("\n");
}

/** Literal of an array: constants in full, buffers empty. */
const arrayText = (plan, array) =>
  plan.written.has(array) || array === plan.xData
    ? `new Float32Array(${array.length})`
    : `Float32Array.of(${[...array].join(", ")})`;

/** Definitions of the engine that a text needs, dependencies first. */
function needed(text, script) {
  const pieces = new Map();
  for (const name of ["functions", "products"]) {
    const body = script.split(`// playground/engine/${name}.js\n`)[1].split("\nreturn {")[0];
    const all =
      /^(?:const|function|class) (\w+)[^]*?(?=^(?:const|function|class|\/[*/])|(?![^]))/gm;
    for (const [piece, of] of body.matchAll(all)) pieces.set(of, piece.trimEnd());
  }
  for (const name of ["loops", "reductions", "numbers", "multiply"]) pieces.delete(name);
  const found = new Set();
  const add = (from) => {
    for (const [name] of from.matchAll(/\b[A-Za-z_]\w*\b/g)) {
      if (!pieces.has(name) || found.has(name)) continue;
      found.add(name);
      add(pieces.get(name));
    }
  };
  add(text);
  return [...pieces].filter(([name]) => found.has(name)).map(([, piece]) => piece);
}
