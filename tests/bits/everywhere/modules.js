// Runs the modules of a training, JavaScript's and WebAssembly's, in Node or in a browser. Arrays
// come and go as the base64 of their bytes; rows come as float64 for the one, as they lie in memory
// for the other.
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const textOf = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters);
};

function rowsOf(text, n) {
  const all = new Float64Array(bytesOf(text).buffer),
    width = all.length / n;
  return Array.from({ length: n }, (_, i) => Array.from(all.subarray(i * width, (i + 1) * width)));
}

async function runJavaScript({ text, n, x, odd, y, epochs, kept }) {
  const module = await import(`data:text/javascript;base64,${text}`);
  const numbers = (rows) => textOf(Float64Array.from(rows.flat(Infinity)));
  const before = numbers(module.predict(rowsOf(odd, n)));
  const training = new module.Training(rowsOf(x, n), rowsOf(y, n));
  const [finished, totals] = [[], []];
  for (let i = 0; i < epochs; i++) {
    try {
      training.epoch();
      finished.push(1);
    } catch {
      finished.push(0);
    }
    totals.push(training.loss_total[0]);
  }
  const found = { before, finished: textOf(Uint8Array.from(finished)) };
  found["loss totals"] = textOf(Float64Array.from(totals));
  found.after = numbers(training.predict(rowsOf(x, n)));
  for (const name of kept) if (training[name]) found[name] = textOf(training[name]);
  return found;
}

function runWebAssembly({ module, n, x, odd, y, orders, predictions, learningRate, kept }) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytesOf(module)));
  const { memory } = exports;
  let end = exports.heap.value;
  const room = (count) => {
    const begin = end;
    end += Math.ceil(count / 16) * 16;
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return begin;
  };
  const put = (text) => {
    const bytes = bytesOf(text),
      begin = room(bytes.length);
    new Uint8Array(memory.buffer, begin, bytes.length).set(bytes);
    return begin;
  };
  const taken = (begin, count) => textOf(new Uint8Array(memory.buffer, begin, count));
  const [rows, oddRows, targets, ...places] = [x, odd, y, ...orders].map(put);
  const p = room(predictions);
  exports.predict(n, oddRows, p);
  const found = { before: taken(p, predictions) };
  const returned = [],
    totals = [];
  for (const order of places) {
    returned.push(exports.epoch(n, rows, targets, order, learningRate, p));
    totals.push(new DataView(memory.buffer).getFloat64(exports.loss_total.value, true));
  }
  exports.predict(n, rows, p);
  found.after = taken(p, predictions);
  found.returned = textOf(Int32Array.from(returned));
  found["loss totals"] = textOf(Float64Array.from(totals));
  for (const [name, count] of Object.entries(kept)) {
    if (exports[name]) found[name] = taken(exports[name].value, count);
  }
  return found;
}

// eslint-disable-next-line no-unused-vars -- called by what it is put into
async function run({ javascript, webassembly }) {
  return [await runJavaScript(javascript), runWebAssembly(webassembly)];
}
