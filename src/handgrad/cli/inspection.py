"""`handgrad inspect`: what is in a model file."""

import json
from pathlib import Path
from typing import Any

from handgrad.cli.output import Output
from handgrad.saving import ModelFile, inspect
from handgrad.saving.tensors import Tensor, shown


def run_inspection(path: Path, output: Output) -> None:
    """Show what the file says of itself, nothing of which can be more than words."""
    found = inspect(path)
    console = output.console
    output.result(_plain(found))
    from rich.markup import escape
    from rich.table import Table

    kind = (
        f"a net, format version {found.format_version}" if found.layers else "weights without a net"
    )
    numbers = f"{found.numbers:,} numbers, {found.bytes:,} bytes"
    console.print(f"[bold]{escape(str(path))}[/bold]: {kind}, {numbers}", soft_wrap=True)
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
    console.print(table)
    about = found.about if isinstance(found.about, dict) else {"about": found.about}
    for name, value in about.items():
        console.print(escape(f"{shown(name)}: {_short(value)}"), soft_wrap=True)


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
