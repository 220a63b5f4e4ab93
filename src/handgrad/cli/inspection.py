"""`handgrad inspect`: what is in a model file."""

import json
from pathlib import Path

from handgrad.cli.output import Output
from handgrad.saving import FileEstimator, Tensor, inspect, shown

MOST_COLUMNS = 100  # shown in a terminal


def run_inspection(path: Path, output: Output) -> None:
    """Show what the file says of itself, nothing of which can be more than words."""
    found = inspect(path)
    output.result(found.as_dict())
    kind = "weights without a net"
    if found.format_version is not None:
        what = found.estimators[0].name if found.estimators else "a net"
        kind = f"{what}, format version {found.format_version}"
    numbers = f"{found.numbers:,} numbers, {found.bytes:,} bytes"
    output.say((str(path), "bold"), f": {kind}, {numbers}")
    for estimator in found.estimators:
        _show_estimator(estimator, output)
    rows = []
    for layer in found.layers:
        settings = ", ".join(f"{shown(k)}={_short(v)}" for k, v in layer.settings.items())
        frozen = ", frozen" if layer.place in found.frozen else ""
        own = ", not one of handgrad's" if layer.own else ""
        name = f"{shown(layer.layer)}({settings}){frozen}{own}"
        rows.append((layer.place or "the net", name, _shapes(layer.tensors)))
    if found.other_tensors:
        rows.append(("", "", _shapes(found.other_tensors)))
    if rows:
        output.table(["place", "layer", "tensors"], rows)
    about = found.about if isinstance(found.about, dict) else {"about": found.about}
    for name, value in about.items():
        output.say(f"{shown(name)}: {_short(value)}")


def _show_estimator(estimator: FileEstimator, output: Output) -> None:
    """An estimator in lines, its columns as a table."""
    settings = ", ".join(f"{shown(k)}={_setting(v)}" for k, v in estimator.settings.items())
    step = f"step {shown(estimator.step)}: " if estimator.step else ""
    output.say(f"{step}{estimator.name}({settings})")
    if estimator.classes is not None:
        output.say(f"classes: {_short(estimator.classes)}")
    if estimator.target is not None:
        target = ", ".join(f"{name} {_short(value)}" for name, value in estimator.target.items())
        output.say(f"target: {target}")
    if columns := [*estimator.columns.items()]:
        rows = [(shown(name), shown(words)) for name, words in columns[:MOST_COLUMNS]]
        output.table(["column", "read as"], rows)
        if len(columns) > MOST_COLUMNS:
            output.say(f"… {len(columns)} columns in all")


def _setting(value: object) -> str:
    """A setting of an estimator, as the file writes it, in short."""
    if not isinstance(value, dict):
        return _short(value)
    kind, inner = next(iter(value.items()), ("", ""))
    return f"({_short(inner)})" if kind == "tuple" else _short(inner)


def _shapes(tensors: dict[str, Tensor]) -> str:
    return "\n".join(f"{shown(name)} {t.shape} {t.dtype}" for name, t in tensors.items())


def _short(value: object) -> str:
    if isinstance(value, list):
        first = ", ".join(map(_short, value[:10]))
        return f"{first}, … {len(value)} in all" if len(value) > 10 else first
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
