"""A training by WebAssembly, in Node or whatever runs JavaScript."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.engines.portable.webassembly import webassembly
from tests.engines.portable_cases import Trained, Training

SOURCE = Path(__file__).with_name("webassembly.js").read_text("utf-8")
LAST = "process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0)).map(run)))"


def in_node(given: list[Any]) -> list[Any]:
    """What `run` gives for each."""
    script = f"const fs = require('fs');\n{SOURCE}\n{LAST}"
    told = json.dumps(given)
    done = subprocess.run(["node", "-e", script], input=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[Any] = json.loads(done.stdout)
    return found


def trained(
    trainings: list[Training], run: Callable[[list[Any]], list[Any]] = in_node
) -> list[Trained]:
    """The trainings by WebAssembly."""
    found = run([given(training) for training in trainings])
    return [taken(t, back) for t, back in zip(trainings, found, strict=True)]


def given(training: Training) -> dict[str, Any]:
    """A training as JavaScript gets it: whole numbers have 32 bits."""
    model = training.model
    return {
        "module": _text(webassembly(model)),
        "n": len(training.x),
        "x": _text(_narrow(training.x).tobytes()),
        "y": _text(_narrow(training.y).tobytes()),
        "orders": [_text(_narrow(order).tobytes()) for order in training.orders],
        "learningRate": model.learning_rate,
        "size": model.dtype.itemsize,
        "numbers": {
            "parameters": model.parameters.size,
            "state": model.state.size,
            "predictions": len(training.x) * int(np.prod(model.output_shape)),
        },
    }


def taken(training: Training, back: dict[str, Any]) -> Trained:
    assert back["imports"] == 0
    dtype, shape = training.model.dtype, (len(training.x), *training.model.output_shape)
    totals = b"".join(map(base64.b64decode, back["totals"]))
    parts = (
        np.frombuffer(base64.b64decode(back[name]), dtype)
        for name in ("parameters", "state", "predictions")
    )
    parameters, state, predictions = parts
    return Trained(
        back["returned"],
        np.frombuffer(totals, np.float64),
        parameters,
        state,
        predictions.reshape(shape),
    )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _narrow(array: Any) -> Any:
    return array.astype(np.int32) if array.dtype.kind in "iu" else array
