// Layer-by-layer step: forward, backward, then the update.

/** Iterate over the phases of a batch: direction, column, and the gradients known so far. */
export function* layerSteps(training, shown) {
  const { model } = training;
  const copy = training.copied();
  let isDone = false;
  try {
    training.applyWeights();
    const rows = training.gather();
    for (let column = 0; column < shown.length; column++) {
      yield { way: "forward", column, gradients: new Float32Array(model.parameters.length) };
    }
    model.gradientsOf(training.batchX, training.batchY, rows, training.size);
    const all = model.gradients.slice();
    for (let column = shown.length - 1; column > 0; column--) {
      const gradients = new Float32Array(all.length);
      for (const { name, offset, shape } of model.names) {
        const end = offset + shape.reduce((product, size) => product * size, 1);
        const known = Number.parseInt(name) > shown[column - 1];
        if (known) gradients.set(all.subarray(offset, end), offset);
      }
      yield { way: "backward", column, gradients };
    }
    training.restore(copy);
    training.runBatch();
    isDone = true;
  } finally {
    if (!isDone) training.restore(copy);
  }
}
