"""A training by its modules of JavaScript and WebAssembly, in Node and in a browser."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.engines.portable.webassembly import webassembly
from handgrad.textbook.layers import Array
from tests.bits.everywhere.machine_code import Found, buffer_types, kept
from tests.bits.everywhere.programs import Training, odd_rows, shuffling
from tests.browser.browsers import chromium

SOURCE = Path(__file__).with_name("modules.js").read_text("utf-8")
IN_NODE = """
(async () => {
  const { readFileSync, writeFileSync } = require("node:fs");
  const found = [];
  for (const given of JSON.parse(readFileSync(0))) found.push(await run(given));
  writeFileSync(1, JSON.stringify(found));
})();
"""
Told = Mapping[str, Any]
Run = Callable[[Sequence[Told]], Any]


def in_node(given: Sequence[Told]) -> Any:
    """What `run` gives for each."""
    done = subprocess.run(
        ["node", "-e", SOURCE + IN_NODE], input=json.dumps(given), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"node: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def in_chromium(given: Sequence[Told]) -> Any:
    """What `run` gives for each, in one page; the browser's sandbox does not start for root."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        page = browser.new_page()
        page.set_default_timeout(0)
        page.add_script_tag(content=SOURCE)
        found = [page.evaluate("given => run(given)", one) for one in given]
        browser.close()
    return found


def told(case: Training) -> Told:
    """A training as `run` is told of it."""
    model = case.model()
    n, width = len(case.x), model.dtype.itemsize
    types = buffer_types(model)
    assert model.training is not None
    sizes = model.sizes(model.training, n)
    odd = odd_rows(model, case.x)
    rng, order, orders = shuffling(model), np.arange(n), list[Array]()
    for _ in range(case.epochs):
        rng.shuffle(order)
        orders.append(order.copy())
    rows = {"x": case.x, "odd": odd, "y": case.y}
    return {
        "javascript": {
            "text": base64.b64encode(javascript_module(model).encode()).decode(),
            "n": n,
            "epochs": case.epochs,
            "kept": [*kept(model), "order", "shuffling"],
            **{name: _text(array.astype(np.float64)) for name, array in rows.items()},
        },
        "webassembly": {
            "module": base64.b64encode(webassembly(model)).decode(),
            "n": n,
            "orders": [_text(narrow(order)) for order in orders],
            "learningRate": model.learning_rate,
            "predictions": n * int(np.prod(model.output_shape)) * width,
            "kept": {name: sizes[name] * narrow_type(types[name]).itemsize for name in kept(model)},
            **{name: _text(narrow(array)) for name, array in rows.items()},
        },
    }


def taken(case: Training, back: tuple[Told, Told]) -> tuple[Found, Found]:
    """What came back, by JavaScript and by WebAssembly."""
    model = case.model()
    script, wasm = back
    types = {name: narrow_type(type) for name, type in buffer_types(model).items()}
    fixed: dict[str, Any] = {"before": model.dtype, "after": model.dtype, "returned": np.int32}
    fixed |= {"loss totals": np.float64, "finished": np.bool_, "shuffling": np.uint64}
    by_wasm = {name: _array(text, (types | fixed)[name]) for name, text in wasm.items()}
    fixed |= {"before": np.float64, "after": np.float64}
    by_script = {name: _array(text, (types | fixed)[name]) for name, text in script.items()}
    for name in ("before", "after"):
        by_script[name] = by_script[name].astype(model.dtype)
    return by_script, by_wasm


def trained(cases: Sequence[Training], run: Run) -> list[tuple[Found, Found]]:
    """The trainings by JavaScript and by WebAssembly, each as `run` has it."""
    found = run([told(case) for case in cases])
    return [taken(case, back) for case, back in zip(cases, found, strict=True)]


def narrow_type(dtype: Any) -> np.dtype[Any]:
    """The type that whole numbers have outside machine code of 64 bits."""
    return np.dtype(np.int32 if np.dtype(dtype).kind == "i" else dtype)


def narrow(array: Array) -> Array:
    return np.ascontiguousarray(array, narrow_type(array.dtype))


def _text(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _array(text: str, dtype: Any) -> Array:
    return np.frombuffer(base64.b64decode(text), dtype)
