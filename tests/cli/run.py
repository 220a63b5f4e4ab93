"""The command line, run within the test or as a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

import handgrad as hg
from handgrad.cli.app import app

WRITTEN = ["history.csv", "history.json", "model.safetensors", "training.png"]


def handgrad(*words: Any) -> Result:
    """`handgrad WORDS`, in this process; an error stays in `result.exception`."""
    runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})
    return runner.invoke(app, [str(word) for word in words], prog_name="handgrad")


def process(*words: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    """`python -m handgrad WORDS`, as a process of its own in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "handgrad", *map(str, words)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


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
