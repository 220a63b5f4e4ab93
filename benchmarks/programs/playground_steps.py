"""The time of an epoch in each engine of the playground's page, in µs, in Node.

`playground_steps 8,8`: two inputs, hidden layers of these widths with tanh, two classes; 400 rows
in batches of 10, SGD. Printed JavaScript shuffles, too.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import handgrad as hg
from handgrad.engines.portable.model import portable_model
from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.files.scripts import inlined
from handgrad.learn.playground.models import model_of, program_of
from handgrad.learn.playground.pages import traced_modules

ROWS, BATCH_SIZE, RATE = 400, 10, 0.03
A_TURN, TURNS = 0.005, 200  # seconds: short, so that some are not interrupted
IN_NODE = Path(__file__).with_name("playground_steps.mjs")
ENGINE, ENGINES = "playground/engine/", ("model.js", "wasm_model.js")


def main() -> None:
    if not shutil.which("node"):
        print("{}")
        return
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, 2)).astype(np.float32)
    y = (np.hypot(*x.T) > 1.1).astype(np.int64)
    widths = [2, *map(int, sys.argv[1].split(",")), 2]
    layers: list[dict[str, object]] = []
    for i, width in enumerate(widths[1:]):
        layers += [
            {"layer": "Linear", "settings": {"n_in": widths[i], "n_out": width}},
            {"layer": "Softmax" if i == len(widths) - 2 else "Tanh", "settings": {}},
        ]
    optimizer = {"name": "SGD", "learning_rate": RATE}
    options = {"layers": layers, "loss": "CrossEntropyLoss", "optimizer": optimizer}
    said = options | {"batch_size": BATCH_SIZE}
    model = model_of(said)
    model.net.parameters[...] = rng.uniform(-0.5, 0.5, model.net.parameters.size)
    sgd, loss = hg.SGD(RATE), hg.CrossEntropyLoss()
    made = portable_model(model.net, loss=loss, optimizer=sgd, x=x, y=y, batch_size=BATCH_SIZE)
    given = {
        "engine": "".join(f"export {inlined(ENGINE + name)}" for name in ENGINES),
        "printed": javascript_module(made),
        "pages": traced_modules(),
        "options": options,
        "program": program_of(said),
        "parameters": model.net.parameters.tolist(),
        "x": x.ravel().tolist(),
        "y": y.tolist(),
        "order": rng.permutation(ROWS).tolist(),
        "rate": RATE,
        "batch_size": BATCH_SIZE,
        "seconds": A_TURN,
        "turns": TURNS,
    }
    told = json.dumps(given)
    done = subprocess.run(["node", IN_NODE], input=told, capture_output=True, text=True, check=True)
    print(done.stdout)


if __name__ == "__main__":
    main()
