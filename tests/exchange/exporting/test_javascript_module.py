"""Nets as modules of JavaScript: the bits of portable machine code, in predictions and training."""

import base64
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.model import portable_model
from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.textbook.layers import Array
from tests.exchange.exporting.portable_nets import (
    EPOCHS,
    case,
    names,
    predicted,
    same_bits,
    trained,
    with_nan,
)

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
NAMES = {" ".join(name): name for name in names()}
DRIVER = """
import { readFileSync, writeFileSync } from "node:fs";
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const text = (array) => Buffer.from(array.buffer).toString("base64");
const rows = ({ numbers, n }) => {
  const all = new Float64Array(bytes(numbers));
  const width = all.length / n;
  return Array.from({ length: n }, (_, i) => Array.from(all.subarray(i * width, (i + 1) * width)));
};
const found = [];
for (const [i, given] of JSON.parse(readFileSync("given.json")).entries()) {
  const { predict, Training } = await import(`./net${i}.mjs`);
  const [x, with_nan] = [rows(given.x), rows(given.with_nan)];
  const result = { before: predict(x).flat(), with_nan: predict(with_nan).flat(), losses: [] };
  const training = new Training(x, rows(given.y));
  for (let epoch = 0; epoch < given.epochs; epoch++) result.losses.push(training.epoch());
  result.after = training.predict(x).flat();
  result.parameters = training.parameters;
  result.state = training.state ?? [];
  result.order = training.order;
  const pairs = Object.entries(result).map(([k, v]) => [k, text(Float64Array.from(v))]);
  found.push(Object.fromEntries(pairs));
}
writeFileSync("found.json", JSON.stringify(found));
"""


@cache
def found_by_node() -> dict[str, dict[str, Array]]:
    """What node gives for all cases, run once."""
    with TemporaryDirectory() as folder:
        given = []
        for i, name in enumerate(NAMES.values()):
            c = case(*name)
            Path(folder, f"net{i}.mjs").write_text(javascript_module(c.model()), "utf-8")
            rows = {"x": c.x, "y": c.y, "with_nan": with_nan(c.x)}
            given.append({"epochs": EPOCHS} | {k: _written(v) for k, v in rows.items()})
        Path(folder, "given.json").write_text(json.dumps(given))
        Path(folder, "driver.mjs").write_text(DRIVER)
        subprocess.run(["node", "driver.mjs"], cwd=folder, check=True)
        found = json.loads(Path(folder, "found.json").read_text())
    return {
        name: {k: np.frombuffer(base64.b64decode(text)) for k, text in one.items()}
        for name, one in zip(NAMES, found, strict=True)
    }


def _written(rows: Array) -> dict[str, Any]:
    numbers = np.ascontiguousarray(rows, np.float64).tobytes()
    return {"n": len(rows), "numbers": base64.b64encode(numbers).decode()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_node_predicts_and_trains_with_the_same_bits(name: str) -> None:
    c, found = case(*NAMES[name]), found_by_node()[name]
    model = c.model()
    expected = trained(model, c.x, c.y)
    weights = expected["parameters"], expected["state"]
    expected |= {
        "before": predicted(model, c.x),
        "with_nan": predicted(model, with_nan(c.x)),
        "after": predicted(model, c.x, weights),
    }
    for key, numbers in found.items():
        assert same_bits(numbers.astype(expected[key].dtype), expected[key]), key


def run(text: str) -> str:
    """What node prints for a module."""
    done = subprocess.run(
        ["node", "--input-type=module", "-"], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_row_of_another_width_is_refused() -> None:
    text = javascript_module(portable_model(hg.Net(hg.Linear(3, 2, rng=0))))
    call = "try { predict([[1, 2, 3], [1, 2]]); } catch (error) { console.log(error.message); }"
    assert run(text + call) == "row 1 has 2 numbers, not 3"


def test_an_index_beyond_its_table_is_refused() -> None:
    net = hg.Net(hg.Embedding(5, 2, rng=0))
    text = javascript_module(portable_model(net, x=np.zeros((4, 3), np.int64)))
    call = "try { predict([[0, 4, 1], [0, 5, 1]]); } catch (error) { console.log(error.message); }"
    assert run(text + call) == "5 in row 1, not an index below 5"


def test_a_training_that_diverges_says_so() -> None:
    net, x = hg.Net(hg.Linear(2, 1, rng=0)), np.full((4, 2), 1e30, np.float32)
    model = portable_model(net, loss=hg.MSELoss(), optimizer=hg.SGD(1.0), x=x, y=x[:, :1])
    call = """
const training = new Training([[1e30, 1], [1, 2]], [[1], [2]]);
try { training.epoch(); } catch (error) { console.log(error.message); }
"""
    assert "a lower learning rate" in run(javascript_module(model) + call)


def test_the_learning_rate_is_the_callers() -> None:
    net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    model = portable_model(net, loss=hg.MSELoss(), optimizer=hg.SGD(0.5))
    call = """
const training = new Training([[1]], [[1]], { learningRate: 0.25 });
training.epoch();
training.learningRate = 0;
training.epoch();
console.log(...training.parameters, training.loss);
"""
    assert run(javascript_module(model) + call) == "0.5 0.5 0"


def test_only_what_is_used_is_printed() -> None:
    text = javascript_module(portable_model(hg.Net(hg.Linear(2, 2, rng=0), hg.ReLU())))
    assert "rint" not in text
    assert "Stream" not in text
    assert "state" not in text


@pytest.mark.parametrize(
    ("dtype", "weights", "kind"),
    [
        (np.float64, [1.5, -0.0, float(np.float32(0.1))], "Float32Array"),
        (np.float64, [1.5, 0.1, 1e300], "Float64Array"),
        (np.float32, [1.5, -0.0, 0.1], "Float32Array"),
    ],
)
def test_packed_weights_have_the_same_bits(dtype: Any, weights: list[float], kind: str) -> None:
    net = hg.Net(hg.Linear(3, 1, dtype=dtype))
    net.layers[0].W = [weights]
    model = portable_model(net)
    text = javascript_module(model, packed=True)
    assert f'", {kind})' in text
    call = (
        "\nconsole.log([...new Uint32Array(parameters.buffer)].join(), predict([[1, 2, 3]])[0][0]);"
    )
    bits, *_ = run(text + call).split()
    assert bits == ",".join(map(str, net.parameters.view(np.uint32)))
    assert run(text + call) == run(javascript_module(model) + call)
