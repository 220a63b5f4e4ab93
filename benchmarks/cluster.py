"""Measures two workers of Ray Train against one process: `python -m benchmarks.cluster`.

One thread each. Efficiency is the throughput of two workers over twice that of one process which
trains by itself, with as many rows a worker and step. Beside it stand what the equation
1 / (1 + t_sum / (k t_step)) says, and that of two processes at once which have nothing to do with
one another: what the machine itself takes of two. The results are kept in results/cluster.json,
of which `python -m benchmarks.cluster_plan` makes the tables and pictures of docs/cluster.md.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from benchmarks.cases import CASES, Case
from benchmarks.machine import described
from benchmarks.part import markdown, significant
from benchmarks.results import RESULTS
from handgrad.engines.config import TrainingConfig
from handgrad.engines.sharding import Exchange, Sharding
from handgrad.training import Training

WORKERS = 2
BYTES = (1_000, 10_000, 100_000, 1_000_000, 4_000_000, 16_000_000)  # of numbers to be added up
FILE = RESULTS / "cluster.json"


@dataclass(frozen=True)
class Share:
    """A net, what a worker has of its rows a step, and after how many steps workers average."""

    case: Case
    steps: int  # of an epoch
    sync_every: tuple[int, ...]
    required: float | None = None  # the efficiency to reach with the largest of them

    def __str__(self) -> str:
        widths = "-".join(map(str, self.case.widths))
        return f"{self.case.name}: {widths} {self.case.activation}, {self.case.batch_size} rows"


SHARES = (
    Share(CASES["S"], 2048, (1, 16, 64)),
    Share(CASES["M"], 128, (1, 16, 64), 0.9),
    Share(replace(CASES["M"], name="M, large", batch_size=4096), 4, (1,), 0.9),
    Share(CASES["L"], 64, (1, 16, 64)),
)


def main() -> None:
    """Measure, print, and keep what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3, help="of each measurement")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each, at least")
    parser.add_argument("--nets", default="S,M,L", help="which of them")
    parser.add_argument("--out", type=Path, default=FILE)
    given = parser.parse_args()
    machine = described()
    shares = [share for share in SHARES if share.case.name[0] in given.nets.split(",")]
    found = on_workers(lambda exchange: measured(exchange, shares, given.turns, given.seconds))
    machine["load after"] = [round(part, 2) for part in os.getloadavg()]
    found["shares"] = [*map(with_efficiency, found["shares"])]
    content = {"machine": machine, "workers": WORKERS, **found}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(as_text(content))
    print(f"written: {os.path.relpath(given.out)}")


def on_workers(work: Callable[[Exchange], dict[str, Any]]) -> dict[str, Any]:
    """What the first of two workers of Ray Train on this machine comes to."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
    from ray.train.xgboost import XGBoostConfig

    from handgrad.cluster.connection import connected

    def alone_on_its_core(_: dict[str, Any]) -> dict[str, Any]:
        from handgrad.cluster.worker import Rabit
        from handgrad.graph.threads import cores_at_most

        with cores_at_most(1):
            return work(Rabit())

    with connected(None), tempfile.TemporaryDirectory() as storage:
        trainer = DataParallelTrainer(
            alone_on_its_core,
            train_loop_config={},
            backend_config=XGBoostConfig(),
            scaling_config=ScalingConfig(num_workers=WORKERS),
            run_config=RunConfig(storage_path=storage),
        )
        found: dict[str, Any] = trainer.fit().return_value
        return found


def measured(exchange: Exchange, shares: list[Share], turns: int, seconds: float) -> dict[str, Any]:
    """All of it, on one of the workers: medians over the turns."""
    sums = [_sum(exchange, n_bytes, turns) for n_bytes in BYTES]
    return {"sums": sums, "shares": [_share(exchange, share, turns, seconds) for share in shares]}


def _share(exchange: Exchange, share: Share, turns: int, seconds: float) -> dict[str, Any]:
    together = Sharding(WORKERS, 1, exchange)
    numbers = sum(
        n * (m + 1) for n, m in zip(share.case.widths[1:], share.case.widths, strict=False)
    )
    own, all_rows = (_rows_of(share, n) for n in (1, WORKERS))
    kinds: dict[str, Callable[[], float]] = {
        "alone": lambda: _step(share, own, 1, seconds) if exchange.rank == 0 else 0.0,
        "both": lambda: _step(share, own, 1, seconds),
        "sum": lambda: _sum(exchange, 4 * numbers, 5)["seconds"],
    }
    for k in share.sync_every:
        sharding = replace(together, sync_every=k)
        kinds[f"k={k}"] = partial(_step, share, all_rows, WORKERS, seconds, sharding)
        kinds[f"cut {k}"] = partial(_cut, exchange, share, all_rows, seconds, k)
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(turns):
        for name, measure in kinds.items():
            if turn == 0 or not name.startswith("cut"):  # which takes the longest
                _meet(exchange)
                found[name].append(measure())
    times = {name: statistics.median(values) for name, values in found.items()}
    return {
        "net": str(share),
        "name": share.case.name,
        "gradient bytes": 4 * numbers,
        "required": share.required,
        "seconds": times,
    }


def with_efficiency(share: dict[str, Any]) -> dict[str, Any]:
    """What was measured of a share, and what follows from it."""
    times = share["seconds"]
    by_k = {int(name[2:]): seconds for name, seconds in times.items() if name.startswith("k=")}
    efficiency = {
        str(k): {
            "measured": times["alone"] / seconds,
            "equation": 1 / (1 + times["sum"] / (k * times["alone"])),
            "cut": times["alone"] / times[f"cut {k}"],
        }
        for k, seconds in by_k.items()
    }
    return share | {"efficiency": efficiency, "of two apart": times["alone"] / times["both"]}


def _cut(exchange: Exchange, share: Share, rows: tuple[Any, Any], seconds: float, k: int) -> float:
    """Seconds a step of a shard where one process has them all: what cutting alone costs."""
    if exchange.rank > 0:
        return 0.0
    return _step(share, rows, WORKERS, seconds, Sharding(WORKERS, k)) / WORKERS


def _rows_of(share: Share, workers: int) -> tuple[Any, Any]:
    return replace(share.case, rows=share.case.batch_size * share.steps * workers).data()


def _step(
    share: Share,
    rows: tuple[Any, Any],
    workers: int,
    seconds: float,
    sharding: Sharding | None = None,
) -> float:
    """Seconds a step, of epochs that together take that long at least; the first is left out."""
    case = share.case
    layers: list[hg.Layer] = []
    for W, b in case.weights():
        layer = hg.Linear(*W.shape[::-1], rng=0)
        layer.W, layer.b = W, b
        layers += [layer, hg.ReLU()]
    net = hg.Net(*layers[:-1], hg.Softmax())
    config = TrainingConfig(
        net=net,
        data=rows,
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(case.learning_rate),
        epochs=10**6,
        batch_size=case.batch_size * workers,
        metrics=[],
        rng=0,
        engine="compiled",
        sharding=sharding or Sharding(1),
    )
    reports = Training(config)
    next(reports)
    return _time_of(reports, seconds, sharding) / share.steps


def _time_of(
    reports: Iterator[hg.training.EpochReport], seconds: float, sharding: Sharding | None
) -> float:
    """Seconds an epoch; workers stop after the same one."""
    began, epochs = time.perf_counter(), list[float]()
    while True:
        epochs.append(next(reports).seconds)
        done = time.perf_counter() - began >= seconds
        if done if sharding is None else sharding.agree(done):
            return statistics.fmean(epochs)


def _sum(exchange: Exchange, n_bytes: int, turns: int) -> dict[str, float]:
    """Seconds to add up float32 numbers of two shards, to the bit; and whole ones as they are."""
    sharding, n = Sharding(WORKERS, 1, exchange), n_bytes // 4
    parts = np.random.default_rng(exchange.rank).standard_normal((1, n)).astype(np.float32)
    numbers = np.zeros(n, np.int32)
    times: dict[str, list[float]] = {"seconds": [], "all-reduce": []}
    for _ in range(10 * turns):
        for name, run in (
            ("seconds", lambda: sharding.total(parts)),
            ("all-reduce", lambda: exchange.add(numbers)),
        ):
            _meet(exchange)
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return {"bytes": n_bytes, **{name: statistics.median(t) for name, t in times.items()}}


def _meet(exchange: Exchange) -> None:
    exchange.add(np.zeros(1, np.int32))


def as_text(content: dict[str, Any]) -> str:
    """The tables, in Markdown."""
    rows = []
    for share in content["shares"]:
        for k, found in share["efficiency"].items():
            required = share["required"] if k == [*share["efficiency"]][-1] else None
            rows.append(
                [
                    share["net"],
                    k,
                    significant(1e3 * share["seconds"]["alone"]),
                    f"{share['gradient bytes'] / 1e6:.2f}",
                    significant(1e3 * share["seconds"]["sum"]),
                    f"{found['measured']:.2f}",
                    f"{found['equation']:.2f}",
                    f"{found['cut']:.2f}",
                    f"{share['of two apart']:.2f}",
                    "" if required is None else f"{required:g}",
                ]
            )
    head = ["net", "k", "step, ms", "MB", "sum, ms", "measured", "equation"]
    head += ["cut", "apart", "to reach"]
    sums = [
        [f"{s['bytes'] / 1e6:g}", *(significant(1e3 * s[n]) for n in ("seconds", "all-reduce"))]
        for s in content["sums"]
    ]
    return "\n\n".join(
        [markdown(head, rows), markdown(["MB", "sum to the bit, ms", "all-reduce, ms"], sums)]
    )


if __name__ == "__main__":
    main()
