"""Export to a WebAssembly module without imports, for web pages and other runtimes.

```js
const { instance } = await WebAssembly.instantiateStreaming(fetch("net.wasm"));
const { memory, heap, predict } = instance.exports;
memory.grow(Math.ceil((4 * n * (n_in + n_out)) / 65536)); // bytes of 64 KiB pages, of float32
const x = heap.value, predictions = x + 4 * n * n_in; // addresses in memory
new Float32Array(memory.buffer, x, n * n_in).set(rows);
predict(n, x, predictions);
const outputs = new Float32Array(memory.buffer, predictions, n * n_out);
```

Codes are 32-bit integers. A module that can train also exports `epoch(n, x, y, order,
learning_rate, predictions)`, which updates the parameters of `predict`: see
`handgrad.engines.portable.webassembly`.
"""

from __future__ import annotations

import copy
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.engines.portable.webassembly import webassembly
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.portable.node import ABSENT, node_version, run_in_node
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training import train

PORTABLE: Literal["portable"] = "portable"
# Puts arrays into memory, calls functions and reads results, as a web page does; arrays are base64.
MAIN = """
function main({ module, calls }) {
  const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes(module)));
  const { memory, heap } = exports;
  let end = heap.value;
  const put = (argument) => {
    if (typeof argument === "number") return argument;
    const content = bytes(argument), begin = end;
    end += Math.ceil(content.length / 16) * 16;
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    new Uint8Array(memory.buffer, begin, content.length).set(content);
    return begin;
  };
  return calls.map(([name, taken, size, ...inputs]) => {
    const places = inputs.map(put);
    exports[name](...places);
    const begin = taken ? exports[taken].value : places.at(-1);
    return Buffer.from(memory.buffer, begin, size).toString("base64");
  });
}
"""


def write_wasm(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the module; run predictions and an epoch of training in Node, if installed."""
    if spec.features is not None:
        raise SettingError(
            f"{spec.title} with the column {next(iter(spec.features.features))!r} of a table",
            f"a model of rows of numbers for {path.name!r}",
            f"{path.stem}.html, a page that reads columns",
        )
    x, answers = spec.example, spec.answers
    predicted = spec.net.predict(x, engine=PORTABLE)
    after, calls = list[Array](), [_call("predict", "", predicted, len(x), x, predicted)]
    if train_spec is None:
        model = portable_model(spec.net, x=x)
    else:
        model, trained, call = _trained(spec.net, train_spec)
        after.append(trained)
        calls.append(call)
    code = webassembly(model)
    path.write_bytes(code)
    most, node = MOST[spec.net.dtype.name], node_version()
    if not node:
        here = compared(PORTABLE, predicted.reshape(answers.shape), answers, "predict", most)
        return [Check("node", PORTABLE, not_run=ABSENT), here]
    results = run_in_node(MAIN, {"module": b64encode(code).decode(), "calls": calls})
    first, *rest = (np.frombuffer(b64decode(text), predicted.dtype) for text in results)
    first = first.reshape(answers.shape)
    checks = [
        compared(node, first, predicted.reshape(answers.shape), f"engine {PORTABLE}"),
        compared(node, first, answers, "predict", most),
    ]
    for one, other in zip(rest, after, strict=True):
        weights = f"the weights of engine {PORTABLE}"
        check = compared(f"{node}, an epoch", one[None], other[None], weights)
        checks.append(replace(check, rows=0 if train_spec is None else len(train_spec.x)))
    return checks


def _trained(net: Net, train_spec: TrainSpec) -> tuple[PortableModel, Array, list[object]]:
    """Model with training, parameters after the reference epoch, and its call."""
    loss, optimizer, size = train_spec.loss, train_spec.optimizer, train_spec.batch_size
    x, y = train_spec.x, train_spec.y
    model = portable_model(net, loss=loss, optimizer=optimizer, x=x, y=y, batch_size=size)
    net, loss, optimizer = copy.deepcopy((net, loss, optimizer))
    epoch = train(
        net,
        (x, y),
        loss=loss,
        optimizer=optimizer,
        epochs=1,
        batch_size=size,
        shuffle=False,
        rng=0,
        engine=PORTABLE,
    )
    next(epoch)
    arguments = x, y.astype(net.dtype) if y.dtype.kind == "f" else y, np.arange(len(x))
    room = np.zeros((len(x), *model.output_shape), net.dtype)
    after = net.parameters.copy()
    call = _call("epoch", "parameters", after, len(x), *arguments, model.learning_rate, room)
    return model, after, call


def _call(name: str, taken: str, like: Array, *arguments: Array | float) -> list[object]:
    """Description of a call for JavaScript; its result is as long as `like`.

    The result is at the exported address `taken`, or is the last argument.
    """
    return [name, taken, like.nbytes, *map(_json_argument, arguments)]


def _json_argument(argument: Array | float) -> object:
    if not isinstance(argument, np.ndarray):
        return argument
    array = argument.astype(np.int32) if argument.dtype.kind in "iu" else argument
    return b64encode(array.tobytes()).decode()
