// A net that trains by a program of WebAssembly, made by handgrad where a library is near.

import { Model } from "./model.js";

const PAGE = 2 ** 16; // bytes
const ALIGNED = 16;

/**
 * A promise of a model like `Model(pages, options)`, with the same bits, whose epochs, steps and
 * predictions run by a program (`learn/playground/models.py`). It is refused where a page may not run
 * WebAssembly. `before` is a model in whose place it goes on.
 */
export async function wasmModel(pages, options, program, before = null) {
  const bytes = Uint8Array.from(atob(program.code), (letter) => letter.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes);
  return new WasmModel(pages, options, instance.exports, program.batch_size, before);
}

/** Only training and predictions use the program; all else is done by the traced layers. */
export class WasmModel extends Model {
  constructor(pages, options, exports, batchSize, before = null) {
    super(pages, options);
    this.exports = exports;
    this.batchSize = batchSize;
    this.indices = this.graphs.step.nodes[this.graphs.step.leaves.y].kind === "i";
    if (before) this.takeOver(before);
  }

  /** Go on where another model of the same net is. */
  takeOver({ parameters, gradients, state, optimizerState, streams, stepsTaken }) {
    this.parameters.set(parameters);
    this.gradients.set(gradients);
    this.state.set(state);
    this.optimizerState.set(optimizerState);
    this.streams.set(streams);
    this.stepsTaken = stepsTaken;
  }

  /** What the program remembers, and what the model has for it. */
  kept() {
    const size = this.parameters.length;
    const memory = this.updates.memory.map((name, i) => [
      `memory_${name}`,
      this.optimizerState.subarray(i * size, (i + 1) * size),
    ]);
    const { parameters, gradients, state, streams } = this;
    return [...Object.entries({ parameters, gradients, state, streams }), ...memory];
  }

  /** The array of the program's memory at an address, like another. */
  view(address, { constructor: Numbers, length }) {
    return new Numbers(this.exports.memory.buffer, address, length);
  }

  /** Hand the program all that it works on. */
  handOver() {
    for (const [name, array] of this.kept()) {
      if (name in this.exports && array.length) {
        this.view(this.exports[name].value, array).set(array);
      }
    }
    if ("steps" in this.exports) this.stepsInMemory()[0] = this.stepsTaken;
  }

  takeBack() {
    for (const [name, array] of this.kept()) {
      if (name in this.exports && array.length) {
        array.set(this.view(this.exports[name].value, array));
      }
    }
    this.stepsTaken = this.stepsInMemory()[0];
  }

  stepsInMemory() {
    return new Int32Array(this.exports.memory.buffer, this.exports.steps.value, 1);
  }

  /** Put arrays into memory, one after another; their addresses. */
  placed(arrays) {
    const { memory, heap } = this.exports;
    const addresses = [];
    let end = heap.value;
    for (const { byteLength } of arrays) {
      addresses.push(end);
      end += Math.ceil(byteLength / ALIGNED) * ALIGNED;
    }
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    arrays.forEach((array, i) => this.view(addresses[i], array).set(array));
    return addresses;
  }

  epoch(x, y, order, batchSize, learningRates) {
    if (Math.min(batchSize, order.length) !== this.batchSize) {
      return super.epoch(x, y, order, batchSize, learningRates);
    }
    const rates = typeof learningRates === "number" ? [learningRates] : learningRates;
    const alike = rates.every((rate) => rate === rates[0]);
    return this.run(x, y, order, alike ? order.length : batchSize, rates) / order.length;
  }

  batch(x, y, n, learningRate, full = n) {
    if (full !== this.batchSize) return super.batch(x, y, n, learningRate, full);
    const order = Int32Array.from({ length: n }, (_, i) => i);
    const [wide, deep] = [this.layers[0].width, this.indices ? 1 : this.outputs()];
    const rows = [x.subarray(0, n * wide), y.subarray(0, n * deep)];
    return this.run(...rows, order, n, [learningRate]) / n;
  }

  /** Train on rows in an order, so many in a call; gives the sum of their losses. */
  run(x, y, order, atOnce, rates) {
    const { epoch, loss_total: total, memory } = this.exports;
    const targets = this.indices ? Int32Array.from(y) : y;
    const outputs = new Float32Array(order.length * this.outputs());
    const [ofX, ofY, ofOrder, ofOutputs] = this.placed([
      x,
      targets,
      Int32Array.from(order),
      outputs,
    ]);
    this.handOver();
    let loss = 0;
    for (let start = 0, i = 0; start < order.length; start += atOnce, i++) {
      const n = Math.min(atOnce, order.length - start);
      const row = epoch(n, ofX, ofY, ofOrder + 4 * start, rates[i], ofOutputs);
      loss += new Float64Array(memory.buffer, total.value, 1)[0];
      if (row < 0) continue;
      if (row === n)
        loss = NaN; // the parameters are not finite
      else this.stepsInMemory()[0] += row / this.batchSize; // those before it were taken
      break;
    }
    this.takeBack();
    return loss;
  }

  predict(x, n) {
    const width = this.layers[0].width;
    const outputs = new Float32Array(n * this.outputs());
    const [ofX, ofOutputs] = this.placed([x.subarray(0, n * width), outputs]);
    this.handOver();
    this.exports.predict(n, ofX, ofOutputs);
    return this.view(ofOutputs, outputs).slice();
  }

  /** How many numbers a prediction has. */
  outputs() {
    const { nodes, outputs } = this.graphs.prediction;
    return nodes[outputs.prediction].shape.at(-1);
  }
}
