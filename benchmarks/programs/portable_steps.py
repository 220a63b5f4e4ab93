"""The time of a step in each form of a training, in µs, what a file has, and what making it takes.

`portable_steps 8,8`: two inputs, hidden layers of these widths with tanh, two classes; 250 rows
in batches of 10, SGD. In Node, which need not be here, that is with the time of a call, and in
JavaScript with shuffling.
"""

import base64
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines.compiled.machine_code import this_processor
from handgrad.engines.compiled.runner import CallSequence, Runner
from handgrad.engines.loops.build import training_program
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.tracing import training_step, updates_of
from handgrad.engines.portable.engine import PortableRunner
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.engines.portable.scalarize import portable_training
from handgrad.engines.portable.webassembly import webassembly

ROWS, BATCH_SIZE, RATE = 250, 10, 0.1
STEPS = ROWS // BATCH_SIZE
A_TURN, TURNS = 0.005, 200  # seconds: short, so that some are not interrupted
IN_NODE = Path(__file__).with_name("portable_steps.mjs")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((ROWS, 2)).astype(np.float32)
Y = (np.hypot(*X.T) > 1.1).astype(np.int64)


def net_of(widths: list[int]) -> hg.Net:
    layers: list[hg.Layer] = []
    for i, width in enumerate(widths):
        layers += [hg.Linear(([2, *widths])[i], width, rng=i), hg.Tanh()]
    return hg.Net(*layers, hg.Linear(widths[-1], 2, rng=9), hg.Softmax())


def best(call: Callable[[], object]) -> float:
    """The least time of a step, in µs."""
    started = time.perf_counter()
    call()
    count = max(1, int(A_TURN / max(time.perf_counter() - started, 1e-6)))
    times = []
    for _ in range(TURNS):
        started = time.perf_counter()
        for _ in range(count):
            call()
        times.append(time.perf_counter() - started)
    return min(times) / count / STEPS * 1e6


def made(make: Callable[[], Any]) -> tuple[Any, float]:
    """What is made, and the seconds of the processor that it took."""
    started = time.process_time()
    return make(), time.process_time() - started


def epoch(runner: Runner, program: Program, model: PortableModel) -> CallSequence:
    """The call of an epoch, of a portable program or of the one that it is made of."""
    kinds = {"float": np.float32, "double": np.float64, "int": np.int64, "bool": np.bool_}
    types = {p.name: kinds[p.type] for p in program.parameters}
    sizes = model.sizes(program, ROWS)
    given: dict[str, Any] = {name: np.zeros(size, types[name]) for name, size in sizes.items()}
    given |= {"x": X, "y": Y, "parameters": model.parameters.copy(), "order": RNG.permutation(ROWS)}
    given["learning_rates"][...] = RATE
    own = {name: array for name, array in given.items() if name not in runner.scratch}
    return CallSequence([runner.bind(n_rows=ROWS, **own)])


def main() -> None:
    net, loss, sgd = (
        net_of([*map(int, sys.argv[1].split(","))]),
        hg.CrossEntropyLoss(),
        hg.SGD(RATE),
    )
    model = portable_model(net, loss=loss, optimizer=sgd, x=X, y=Y, batch_size=BATCH_SIZE)
    program = training_program(
        training_step(net, loss, X, Y),
        updates_of(net, sgd),
        BATCH_SIZE,
        net.dtype,
        loss.batches_weighted_by,
        this_processor(),
    )
    plain = portable_training(net, loss, sgd, X, Y, BATCH_SIZE)
    compiled, compile_seconds = made(lambda: Runner(program))
    portable, portable_seconds = made(lambda: PortableRunner(plain))
    module, module_seconds = made(lambda: webassembly(model))
    text, text_seconds = made(lambda: javascript_module(model))
    found: dict[str, dict[str, float]] = {
        "µs": {
            "compiled": best(epoch(compiled, plain, model).run),
            "portable": best(epoch(portable, plain, model).run),
        },
        "seconds": {
            "compiled": compile_seconds,
            "portable": portable_seconds,
            "WebAssembly": module_seconds,
            "JavaScript": text_seconds,
        },
        "bytes": {"WebAssembly": len(module), "JavaScript": len(text.encode())},
    }
    if shutil.which("node"):
        found["µs"] |= in_node(module, text)
    print(json.dumps(found))


def in_node(module: bytes, text: str) -> dict[str, float]:
    given = {
        "module": base64.b64encode(module).decode(),
        "text": text,
        "x": X.ravel().tolist(),
        "y": Y.tolist(),
        "order": RNG.permutation(ROWS).tolist(),
        "rate": RATE,
        "steps": STEPS,
        "seconds": A_TURN,
        "turns": TURNS,
    }
    told = json.dumps(given)
    done = subprocess.run(["node", IN_NODE], input=told, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
