// Model that trains by a WebAssembly program compiled by handgrad.

import { Model } from "./model.js";

const PAGE = 2 ** 16; // bytes
const ALIGNED = 16;

/**
 * Create a model like `Model(pages, options)`, bit-identical, whose epochs, steps and predictions
 * run by a program (`learn/playground/models.py`). The promise is rejected where a page may not run
 * WebAssembly. `before` is a model that it continues.
 */
export async function wasmModel(pages, options, program, before = null) {
  const bytes = Uint8Array.from(atob(program.code), (letter) => letter.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes);
  return new WasmModel(pages, options, instance.exports, program.batch_size, before);
}

/** Model whose training and predictions use the program; the traced layers do the rest. */
export class WasmModel extends Model {
  constructor(pages, options, exports, batchSize, before = null) {
    super(pages, options);
    this.exports = exports;
    this.batchSize = batchSize;
    this.indices = this.graphs.step.nodes[this.graphs.step.leaves.y.node].kind === "i";
    if (before) this.copyState(before);
  }

  /** Copy the state of another model of the same net. */
  copyState({ parameters, gradients, state, optimizerState, streams, stepsTaken }) {
    this.parameters.set(parameters);
    this.gradients.set(gradients);
    this.state.set(state);
    this.optimizerState.set(optimizerState);
    this.streams.set(streams);
    this.stepsTaken = stepsTaken;
  }

  /** Pairs of buffers that the program has: its own and the model's. */
  bufferPairs() {
    const size = this.parameters.length;
    const memory = this.updates.memory.map((name, i) => [
      `memory_${name}`,
      this.optimizerState.subarray(i * size, (i + 1) * size),
    ]);
    const { parameters, gradients, state, streams } = this;
    return [...Object.entries({ parameters, gradients, state, streams }), ...memory]
      .filter(([name, array]) => name in this.exports && array.length)
      .map(([name, array]) => [this.view(this.exports[name].value, array), array]);
  }

  /** View of the program's memory at an address. */
  view(address, { constructor: Numbers, length }) {
    return new Numbers(this.exports.memory.buffer, address, length);
  }

  /** Copy all buffers to the program. */
  copyToProgram() {
    for (const [own, array] of this.bufferPairs()) own.set(array);
    if ("steps" in this.exports) this.stepsInMemory()[0] = this.stepsTaken;
  }

  copyFromProgram() {
    for (const [own, array] of this.bufferPairs()) array.set(own);
    this.stepsTaken = this.stepsInMemory()[0];
  }

  stepsInMemory() {
    return new Int32Array(this.exports.memory.buffer, this.exports.steps.value, 1);
  }

  /** Place arrays in memory, one after another; returns their addresses. */
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

  /** Train on rows in an order, `atOnce` a call; returns the sum of their losses. */
  run(x, y, order, atOnce, rates) {
    const { epoch, loss_total: total, memory } = this.exports;
    const targets = this.indices ? Int32Array.from(y) : y;
    const outputs = new Float32Array(order.length * this.outputs());
    const given = [x, targets, Int32Array.from(order), outputs];
    const [ofX, ofY, ofOrder, ofOutputs] = this.placed(given);
    this.copyToProgram();
    let loss = 0;
    for (let start = 0, i = 0; start < order.length; start += atOnce, i++) {
      const n = Math.min(atOnce, order.length - start);
      const row = epoch(n, ofX, ofY, ofOrder + 4 * start, rates[i], ofOutputs);
      loss += new Float64Array(memory.buffer, total.value, 1)[0];
      if (row < 0) continue;
      if (row === n)
        loss = NaN; // the parameters are not finite
      else this.stepsInMemory()[0] += row / this.batchSize; // the steps before it were taken
      break;
    }
    this.copyFromProgram();
    return loss;
  }

  predict(x, n) {
    const width = this.layers[0].width;
    const outputs = new Float32Array(n * this.outputs());
    const [ofX, ofOutputs] = this.placed([x.subarray(0, n * width), outputs]);
    this.copyToProgram();
    this.exports.predict(n, ofX, ofOutputs);
    return this.view(ofOutputs, outputs).slice();
  }
}
