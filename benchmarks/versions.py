"""Times two versions of handgrad in turns: `python -m benchmarks.versions OLD/src NEW/src`."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, OPTIMIZERS
from benchmarks.machine import described

ROOT = Path(__file__).parent.parent
SECONDS = 0.25  # of epochs a turn
FIRST_REPORT = """
import time, numpy as np
started = time.perf_counter()
import handgrad as hg
x = np.random.default_rng(0).standard_normal((6400, 64)).astype("f"); y = np.arange(6400) % 10
net = hg.Net(hg.Linear(64, 100, rng=0), hg.ReLU(), hg.Linear(100, 10, rng=0), hg.Softmax())
next(iter(hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.01), epochs=50,
                   engine="compiled", rng=0)))
print(time.perf_counter() - started)
"""


def main() -> None:
    """Print the medians of both versions, their spread and their ratio, case by case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versions", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    versions = [options.old.resolve(), options.new.resolve()]
    for what, said in described().items():
        print(f"{what}: {said}")
    print(f"{options.turns} turns; medians with quartiles, new / old\n")
    with tempfile.TemporaryDirectory() as folder:
        caches = [f"{folder}/{i}" for i in range(2)]
        workers = [_started(version) for version in versions]
        names = [name for name in tasks() if options.only in name]
        for name in names:
            for worker in workers:
                _ask(worker, name)
            _print(name, [[_ask(worker, name) for worker in workers] for _ in range(options.turns)])
        for name, kept in (("first report, no cache", False), ("first report, warm", True)):
            if options.only in name:
                pairs = zip(versions, caches if kept else ["off"] * 2, strict=True)
                runs = list(pairs)
                for version, cache in runs:
                    _first_report(version, cache)
                _print(name, [[_first_report(*run) for run in runs] for _ in range(options.turns)])


def tasks() -> dict[str, Callable[[Any], Iterator[float]]]:
    """What is timed, by name: each yields seconds, again and again."""
    trained = {
        f"step of {name}, {optimizer}": lambda hg, n=name, o=optimizer: _steps(hg, n, o)
        for name in ("T", "S", "M", "L", "SimpleChains", "ten layers")
        for optimizer in OPTIMIZERS
    }
    predicted = {
        f"predict {rows} rows, {engine}": lambda hg, n=rows, e=engine: _predictions(hg, n, e)
        for rows in (1, 1000)
        for engine in ("eager", "compiled", "auto")
    }
    return {
        **trained,
        **predicted,
        "second training, to its first report": _second_start,
        "fit of wine": lambda hg: _fits(hg, "wine"),
        "fit of digits": lambda hg: _fits(hg, "digits"),
        "fit of a table, breast cancer": _table,
    }


def _net(hg: Any, name: str) -> Any:
    case, net = CASES[name], hg.Net()
    for i, (w, b) in enumerate(case.weights()):
        if i:
            net.add(hg.Tanh() if case.activation == "tanh" else hg.ReLU())
        layer = hg.Linear(w.shape[1], w.shape[0], rng=0)
        layer.W, layer.b = w, b
        net.add(layer)
    if case.targets == "classes":
        net.add(hg.Softmax())
    return net


def _training(hg: Any, name: str, optimizer: str, epochs: int) -> Any:
    case = CASES[name]
    loss = hg.CrossEntropyLoss() if case.targets == "classes" else hg.MSELoss()
    return hg.train(
        _net(hg, name),
        case.data(),
        loss=loss,
        optimizer=getattr(hg.optimizers, optimizer)(case.rate(optimizer)),
        epochs=epochs,
        batch_size=case.batch_size,
        metrics=[],
        rng=0,
        engine="compiled",
    )


def _steps(hg: Any, name: str, optimizer: str) -> Iterator[float]:
    """Seconds a step, from one training that goes on and on."""
    reports, steps = _training(hg, name, optimizer, 10**6), CASES[name].steps
    next(reports)
    loop = getattr(reports, "loop", reports)  # older versions are their own loop
    while True:
        started, epochs = time.perf_counter(), 0
        while time.perf_counter() - started < SECONDS:
            next(reports)
            epochs += 1
            while not loop.between_calls:
                next(reports)
                epochs += 1
        yield (time.perf_counter() - started) / epochs / steps


def _predictions(hg: Any, rows: int, engine: str) -> Iterator[float]:
    net, x = _net(hg, "S"), CASES["S"].data()[0][:rows]
    times = 3000 if rows == 1 else 100
    for _ in range(50):
        net.predict(x, engine=engine)
    while True:
        started = time.perf_counter()
        for _ in range(times):
            net.predict(x, engine=engine)
        yield (time.perf_counter() - started) / times


def _second_start(hg: Any) -> Iterator[float]:
    case = CASES["S"]
    x, y = case.data()
    while True:
        net = _net(hg, "S")
        job = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.01), "engine": "compiled"}
        started = time.perf_counter()
        next(iter(hg.train(net, (x[:32], y[:32]), epochs=1, metrics=[], rng=0, **job)))
        yield time.perf_counter() - started


def _fits(hg: Any, name: str) -> Iterator[float]:
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    epochs = 200 if name == "wine" else 30
    while True:
        model = hg.MLPClassifier(
            (100,), max_iter=epochs, random_state=0, tol=0, n_iter_no_change=epochs
        )
        started = time.perf_counter()
        model.fit(x, y)
        yield time.perf_counter() - started


def _table(hg: Any) -> Iterator[float]:
    from sklearn import datasets

    x, y = datasets.load_breast_cancer(return_X_y=True, as_frame=True)
    while True:
        started = time.perf_counter()
        hg.TabularClassifier(random_state=0).fit(x, y)
        yield time.perf_counter() - started


def _started(version: Path) -> Any:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", "import benchmarks.versions as v; v.work()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(version), "HANDGRAD_CACHE": "off"},
    )


def work() -> None:
    """Answer each name of a task with its next seconds."""
    import handgrad

    found, running = tasks(), dict[str, Iterator[float]]()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        name = json.loads(line)
        if name not in running:
            running = {name: found[name](handgrad)}
        print(json.dumps(next(running[name])), file=answers, flush=True)


def _ask(worker: Any, name: str) -> float:
    print(json.dumps(name), file=worker.stdin, flush=True)
    return float(json.loads(worker.stdout.readline()))


def _first_report(version: Path, cache: str) -> float:
    environment = os.environ | {"PYTHONPATH": str(version), "HANDGRAD_CACHE": cache}
    command = [sys.executable, "-c", FIRST_REPORT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _print(name: str, turns: list[list[float]]) -> None:
    old, new = zip(*turns, strict=True)
    ratios = [b / a for a, b in turns]
    low, _, high = statistics.quantiles(ratios, n=4)
    columns = [f"{1e3 * statistics.median(times):10.4f} ms" for times in (old, new)]
    ratio = f"{statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}]"
    print(f"{name:<38}{columns[0]}{columns[1]}   {ratio}", flush=True)


if __name__ == "__main__":
    main()
