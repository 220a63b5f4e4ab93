// What a page does with a module: trains, then predicts; all that is compared comes back in base64.
const bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const textOf = bytes => btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));

function run({ module, n, x, y, orders, learningRate, numbers, size }) {
  const made = new WebAssembly.Module(bytesOf(module));
  const { exports } = new WebAssembly.Instance(made);
  const { memory, predict, epoch, heap, parameters, state, loss_total } = exports;
  let end = heap.value;
  const room = count => {
    const begin = end;
    end += Math.ceil(count / 16) * 16;
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return begin;
  };
  const put = text => {
    const bytes = bytesOf(text), begin = room(bytes.length);
    new Uint8Array(memory.buffer, begin, bytes.length).set(bytes);
    return begin;
  };
  const taken = (begin, count) => textOf(new Uint8Array(memory.buffer, begin, count));
  const rows = put(x), targets = put(y), places = orders.map(put);
  const predictions = room(numbers.predictions * size);
  const returned = [], totals = [];
  for (const order of places) {
    returned.push(epoch(n, rows, targets, order, learningRate, predictions));
    totals.push(taken(loss_total.value, 8));
  }
  returned.push(predict(n, rows, predictions));
  return {
    imports: WebAssembly.Module.imports(made).length,
    returned,
    totals,
    parameters: taken(parameters.value, numbers.parameters * size),
    state: state ? taken(state.value, numbers.state * size) : '',
    predictions: taken(predictions, numbers.predictions * size),
  };
}
