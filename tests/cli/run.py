"""The command line, run within the test or as a process of its own, and tables to run it on."""

import csv
import datetime
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

import handgrad as hg
from handgrad.cli.app import app
from tests.tables.forecasting.test_forecaster import DAYS, sales

WRITTEN = ["held_out.csv", "history.csv", "history.json", "model.safetensors", "run.json"]
QUICK = ("--no-report", "--epochs", 3)
COLUMNS = (
    "customer", "row", "age", "income", "city", "since", "plan", "news", "empty", "left",
)  # fmt: skip


def handgrad(*words: Any) -> Result:
    """`handgrad WORDS`, in this process; an error stays in `result.exception`."""
    runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb", "LC_ALL": "C.UTF-8"})
    return runner.invoke(app, [str(word) for word in words], prog_name="handgrad")


def raised(*words: object) -> None:
    """What the command raises."""
    error = handgrad(*words).exception
    assert error is not None
    raise error


def process(*words: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    """`python -m handgrad WORDS`, as a process of its own in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "handgrad", *map(str, words)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def record(folder: Path) -> dict[str, Any]:
    """What a run's folder says of the run."""
    found: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return found


def breast_cancer_csv(folder: Path) -> Path:
    """The bundled set as a CSV file, with the names of the classes in the column `diagnosis`."""
    dataset = hg.data.load("breast_cancer")
    lines = [",".join([*dataset.feature_names, "diagnosis"])]
    lines += [
        ",".join([*(repr(float(value)) for value in row), dataset.class_names[y]])
        for row, y in zip(dataset.x, dataset.y, strict=True)
    ]
    path = folder / "cells.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_rows(path: Path, rows: Sequence[Sequence[object]], names: Sequence[str]) -> Path:
    """A CSV file with a header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *rows])
    return path


def sales_csv(path: Path, stores: Sequence[str] = ("Ulm", "Bonn"), left_out: int = 0) -> Path:
    """The sales of two stores by day; the second is small, and ends 20 days before the first."""
    rows = list[Sequence[object]]()
    for i, name in enumerate(stores):
        n = len(DAYS) - left_out - 20 * i
        y = (sales(1 + i) * 0.01**i).round(3)
        rows += [[name, day, value] for day, value in zip(DAYS[:n], y, strict=False)]
    return write_rows(path, rows, ["store", "day", "sales"])


def messy_csv(path: Path, rows: int = 200, seed: int = 0) -> Path:
    """Customers as somebody exports them: text, dates, gaps, a few words among numbers."""
    draw = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for i in range(rows):
            plan, age = draw.choice(["basic", "plus", "pro"]), draw.randint(18, 90)
            since = datetime.date(2015, 1, 1) + datetime.timedelta(draw.randint(0, 3600))
            writer.writerow([
                f"C{i:05d}{seed}", i + 1, "unknown" if i % 50 == 7 else age,
                "" if draw.random() < 0.1 else round(draw.lognormvariate(10, 1), 2),
                draw.choice(["Köln", "Ulm", "St. Gallen", "Wien, 1. Bezirk"]), since.isoformat(),
                plan, draw.choice(["true", "false"]), "",
                "yes" if draw.random() < 0.1 + 0.6 * (plan == "basic") else "no",
            ])  # fmt: skip
    return path
