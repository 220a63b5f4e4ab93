"""`handgrad inspect`: what is in a model file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.cli.output import Output
from handgrad.saving import FileEstimator, ModelFile, inspect
from handgrad.saving.tensors import Tensor, shown

if TYPE_CHECKING:
    from rich.console import Console

MOST_COLUMNS = 100  # shown in a terminal


def run_inspection(path: Path, output: Output) -> None:
    """Show what the file says of itself, nothing of which can be more than words."""
    found = inspect(path)
    console = output.console
    output.result(_plain(found))
    from rich.markup import escape
    from rich.table import Table

    kind = "weights without a net"
    if found.format_version is not None:
        what = found.estimators[0].name if found.estimators else "a net"
        kind = f"{what}, format version {found.format_version}"
    numbers = f"{found.numbers:,} numbers, {found.bytes:,} bytes"
    console.print(f"[bold]{escape(str(path))}[/bold]: {kind}, {numbers}", soft_wrap=True)
    for estimator in found.estimators:
        _show_estimator(estimator, console)
    table = Table()
    for heading in ("place", "layer", "tensors"):
        table.add_column(heading)
    for layer in found.layers:
        settings = ", ".join(f"{shown(k)}={_short(v)}" for k, v in layer.settings.items())
        frozen = ", frozen" if layer.place in found.frozen else ""
        own = ", not one of handgrad's" if layer.own else ""
        table.add_row(
            layer.place or "the net",
            escape(f"{shown(layer.name)}({settings}){frozen}{own}"),
            escape(_shapes(layer.tensors)),
        )
    if found.others:
        table.add_row("", "", escape(_shapes(found.others)))
    if table.rows:
        console.print(table)
    about = found.about if isinstance(found.about, dict) else {"about": found.about}
    for name, value in about.items():
        console.print(escape(f"{shown(name)}: {_short(value)}"), soft_wrap=True)


def _show_estimator(estimator: FileEstimator, console: "Console") -> None:
    """An estimator in lines, its columns as a table."""
    from rich.markup import escape
    from rich.table import Table

    settings = ", ".join(f"{shown(k)}={_setting(v)}" for k, v in estimator.settings.items())
    step = f"step {shown(estimator.step)}: " if estimator.step else ""
    console.print(escape(f"{step}{estimator.name}({settings})"), soft_wrap=True)
    if estimator.classes is not None:
        console.print(escape(f"classes: {_short(estimator.classes)}"), soft_wrap=True)
    if estimator.target is not None:
        target = ", ".join(f"{name} {_short(value)}" for name, value in estimator.target.items())
        console.print(f"target: {escape(target)}", soft_wrap=True)
    if not estimator.columns:
        return
    table = Table("column", "read as")
    for name, words in [*estimator.columns.items()][:MOST_COLUMNS]:
        table.add_row(escape(shown(name)), escape(shown(words)))
    console.print(table)
    if len(estimator.columns) > MOST_COLUMNS:
        console.print(f"… {len(estimator.columns)} columns in all")


def _setting(value: Any) -> str:
    """A setting of an estimator, as the file writes it, in short."""
    if not isinstance(value, dict):
        return _short(value)
    kind, inner = next(iter(value.items()), ("", ""))
    return f"({_short(inner)})" if kind == "tuple" else _short(inner)


def _shapes(tensors: dict[str, Tensor]) -> str:
    return "\n".join(
        f"{shown(name)} {tensor.shape} {tensor.dtype}" for name, tensor in tensors.items()
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        first = ", ".join(map(_short, value[:10]))
        return f"{first}, … {len(value)} in all" if len(value) > 10 else first
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _plain(found: ModelFile) -> dict[str, Any]:
    def shapes(tensors: dict[str, Tensor]) -> dict[str, Any]:
        return {n: {"shape": t.shape, "dtype": str(t.dtype)} for n, t in tensors.items()}

    return {
        "path": str(found.path),
        "bytes": found.bytes,
        "numbers": found.numbers,
        "format_version": found.format_version,
        "estimators": [vars(estimator) for estimator in found.estimators],
        "layers": [
            {
                "place": layer.place,
                "layer": layer.name,
                "own": layer.own,
                "settings": layer.settings,
                "tensors": shapes(layer.tensors),
            }
            for layer in found.layers
        ],
        "other_tensors": shapes(found.others),
        "frozen": found.frozen,
        "about": found.about,
    }
