"""File formats of exported models, by extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.proof import Check
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.textbook.errors import SettingError, did_you_mean

# Writes a model to a file, runs it if possible, and returns the checks.
Exporter = Callable[[ModelSpec, Path, TrainSpec | None], Sequence[Check]]


@dataclass(frozen=True)
class Ending:
    """A file format: its description, and its exporter, imported on first use.

    `learns` is true if the file can train its net; `quantized` is the exporter of int8 files.
    """

    words: str
    exporter: Callable[[], Exporter]
    learns: bool = False
    quantized: Callable[[], Exporter] | None = None


def _numpy() -> Exporter:
    from handgrad.exchange.exporting.python.numpy_file import write_numpy

    return write_numpy


def _onnx() -> Exporter:
    from handgrad.exchange.exporting.onnx.file import write_onnx

    return write_onnx


def _torch() -> Exporter:
    from handgrad.exchange.exporting.python.torch_file import write_torch

    return write_torch


def _html() -> Exporter:
    from handgrad.exchange.exporting.portable.html_file import write_html

    return write_html


def _wasm() -> Exporter:
    from handgrad.exchange.exporting.portable.wasm_file import write_wasm

    return write_wasm


def _c() -> Exporter:
    from handgrad.exchange.exporting.portable.c_file import write_c

    return write_c


def _quantized_c() -> Exporter:
    from handgrad.exchange.exporting.portable.c_quantized_file import write_quantized_c

    return write_quantized_c


def _javascript() -> Exporter:
    from handgrad.exchange.exporting.portable.javascript_file import write_javascript

    return write_javascript


# Longer extensions come first.
ENDINGS: dict[str, Ending] = {
    "_torch.py": Ending("PyTorch source of an nn.Module", _torch),
    ".py": Ending("Python that needs only NumPy", _numpy),
    ".onnx": Ending("ONNX, for onnxruntime and other runtimes", _onnx),
    ".html": Ending("HTML page that predicts in any browser", _html, learns=True),
    ".wasm": Ending("WebAssembly, for web pages", _wasm, learns=True),
    ".js": Ending("JavaScript module", _javascript, learns=True),
    ".c": Ending("C99 for any device", _c, learns=True, quantized=_quantized_c),
}


def ending_of(path: Path) -> Ending:
    """File format for a path, by its extension."""
    for ending, kind in ENDINGS.items():
        if path.name.lower().endswith(ending):
            return kind
    known = ", ".join(f"{ending} ({kind.words})" for ending, kind in ENDINGS.items())
    hint = did_you_mean(path.suffix, ENDINGS, f"{path.stem or 'model'}.py", likeness=0.6)
    raise SettingError(f"{path.name!r} as the file to export to", f"an extension of {known}", hint)
