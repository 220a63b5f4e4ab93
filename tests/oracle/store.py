"""Writes what PyTorch gives to stored.json: `python -m tests.oracle.store`.

The file lets the tests hold handgrad to PyTorch where PyTorch is not installed.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

import handgrad as hg
from handgrad.textbook.net.minibatches import example_input, example_targets
from tests.contracts.table import LAYERS, LOSSES
from tests.oracle import reference, steppers
from tests.oracle.optimizers import OPTIMIZERS, SCHEDULES, SEEN
from tests.oracle.stored import NETS, PATH


def contents() -> dict[str, Any]:
    """Inputs and results by name, `{'layers/Tanh/x': ..., 'layers/Tanh/y': ...}`."""
    found: dict[str, Any] = {}
    for name in LAYERS:
        found |= prefixed(f"layers/{name}", layer_case(name))
    for name in LOSSES:
        found |= prefixed(f"losses/{name}", loss_case(name))
    for name in NETS:
        found |= prefixed(f"nets/{name}", net_case(name))
    for name in OPTIMIZERS:
        found[f"optimizers/{name}/weights"] = steppers.trajectory(name)[SEEN]
    for name in SCHEDULES:
        found[f"schedules/{name}/rates"] = steppers.scheduled(name)[1]
    return {name: np.asarray(value).tolist() for name, value in found.items()}


def prefixed(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}/{name}": value for name, value in values.items()}


def layer_case(name: str) -> dict[str, Any]:
    """What is given has two decimals, so that the file is short."""
    rng = np.random.default_rng(0)
    layer = hg.Net(LAYERS[name](), dtype=np.float64)
    layer.parameters[...] = rng.standard_normal(layer.parameters.size).round(2)
    layer.seed(0)
    x = (2 * example_input(layer, 5)).round(2)
    given = {f"given {path}": array for path, array in layer.state().items()}
    dy = rng.standard_normal(layer.forward(x).shape).round(2)
    return given | {"x": x, "dy": dy} | prefixed("expected", reference.of_layer(layer, x, dy))


def loss_case(name: str) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    p, w = rng.uniform(0.01, 0.99, (5, 3)), rng.uniform(0.1, 3, 5)
    y = example_targets(LOSSES[name](), p)
    return (
        {"p": p, "y": y, "w": w}
        | prefixed("expected", reference.of_loss(name, p, y))
        | prefixed("weighted", reference.of_loss(name, p, y, w))
    )


def net_case(name: str) -> dict[str, Any]:
    case = NETS[name]
    net, (x, y) = case.net(), case.data()
    weights, losses, _ = reference.trajectory(case)
    given = {f"given {path}": array for path, array in net.state().items()}
    step = reference.of_step(net, case.loss(), x, y)
    return (
        given | {"x": x, "y": y, "weights": weights, "losses": losses} | prefixed("expected", step)
    )


def write(path: Path) -> None:
    """One line an array; the same bytes each time."""
    lines = [f'"torch": "{torch.__version__}"']
    lines += [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in contents().items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(PATH)
    print(f"{PATH.name}: {PATH.stat().st_size:,} bytes, by PyTorch {torch.__version__}")
