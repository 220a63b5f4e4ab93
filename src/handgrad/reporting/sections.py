"""The sections of training, doctor and repetition: what their templates are given."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

from handgrad.plots import plot_training_progress
from handgrad.reporting.checks import Warned
from handgrad.reporting.diagnosis import parts_of
from handgrad.reporting.evidence import Evidence
from handgrad.reporting.scores import number
from handgrad.results import Predictor
from handgrad.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PACKAGES = ("numpy", "scipy", "scikit-learn", "llvmlite", "narwhals", "pyarrow", "matplotlib")
MOST_CURVES = 4
SPOKEN = {"command", "data", "seed", "seconds", "notes", "target"}


def curves_of(history: History, best: int | None) -> Iterator[tuple[str, Callable[[Axes], object]]]:
    """The loss and the first metrics, and what draws each."""
    columns = history.columns()
    named = [m for m in history[-1].metrics if {f"train_{m}", f"validation_{m}"} & {*columns}]
    for name in ["loss", *named][:MOST_CURVES]:
        yield name, partial(plot_training_progress, history, name, best=best)


def findings(evidence: Evidence) -> list[Warned]:
    """The findings in the rows, and then those in the net."""
    diagnosis = evidence.diagnosis
    if isinstance(diagnosis, str):
        return evidence.warned
    # of classes that are left out the rows have told, by their names
    return evidence.warned + [
        Warned(f.sickness, f.where, f.evidence, f.advice)
        for f in diagnosis.findings
        if f.sickness != "class imbalance"
    ]


def as_typed(command: str | Iterable[object]) -> str:
    """A command as it is typed: a line, or the words of one."""
    return command if isinstance(command, str) else shlex.join(map(str, command))


def listed(source: object) -> str:
    """Files in a line, with their sizes where they came with them."""
    if isinstance(source, dict):
        return ", ".join(f"{name} ({size})" for name, size in source.items())
    return ", ".join(map(str, source)) if isinstance(source, list | tuple) else str(source)


def settings_of(model: Predictor) -> str:
    """The model with its settings, and its net."""
    net = getattr(parts_of(model)[1], "net_", None)
    return f"{model!r}" + (f"\n\n{net!r}" if net is not None else "")


def facts(about: Mapping[str, object], version: str) -> Iterator[tuple[str, str]]:
    """The facts of the run and the versions, as pairs."""
    if "seed" in about:
        yield "seed", str(about["seed"])
    if isinstance(seconds := about.get("seconds"), int | float):
        yield "took", f"{number(float(seconds))} s"
    for key, value in about.items():
        if key not in SPOKEN:
            plain = value if isinstance(value, str) else None
            yield str(key), plain or json.dumps(value, default=str, ensure_ascii=False)
    yield "handgrad", version
    yield "Python", sys.version.split()[0]
    for name in PACKAGES:
        try:
            yield name, version_of(name)
        except PackageNotFoundError:
            continue
    yield "machine", f"{platform.system()} {platform.machine()}"
