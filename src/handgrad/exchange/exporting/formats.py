"""File formats of exported models, by extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.proof import Check
from handgrad.exchange.exporting.text.writer_spec import WriterSpec
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.textbook.errors import SettingError, did_you_mean

# Writes a model to a file, runs it if possible, and returns the checks.
Exporter = Callable[[ModelSpec, Path, TrainSpec | None], Sequence[Check]]
TextExporter = Callable[[WriterSpec, Path], Sequence[Check]]  # of a language model


@dataclass(frozen=True)
class Ending:
    """A file format: its description, and its exporter, imported on first use.

    `learns` is true if the file can train its net; `quantized` is the exporter of int8 files,
    `text_exporter` that of language models.
    """

    words: str
    exporter: Callable[[], Exporter]
    learns: bool = False
    quantized: Callable[[], Exporter] | None = None
    text_exporter: Callable[[], TextExporter] | None = None


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


def _rust() -> Exporter:
    from handgrad.exchange.exporting.portable.rust_file import write_rust

    return write_rust


def _sql() -> Exporter:
    from handgrad.exchange.exporting.sql.file import write_sql

    return write_sql


def _numpy_text() -> TextExporter:
    from handgrad.exchange.exporting.text.numpy_text import write_numpy_text

    return write_numpy_text


def _c_text() -> TextExporter:
    from handgrad.exchange.exporting.text.c_text import write_c_text

    return write_c_text


def _javascript_text() -> TextExporter:
    from handgrad.exchange.exporting.text.javascript_text import write_javascript_text

    return write_javascript_text


def _html_text() -> TextExporter:
    from handgrad.exchange.exporting.text.html_text import write_html_text

    return write_html_text


def _wasm_text() -> TextExporter:
    from handgrad.exchange.exporting.text.wasm_text import write_wasm_text

    return write_wasm_text


# Longer extensions come first.
ENDINGS: dict[str, Ending] = {
    "_torch.py": Ending("PyTorch source of an nn.Module", _torch),
    ".py": Ending("Python that needs only NumPy", _numpy, text_exporter=_numpy_text),
    ".onnx": Ending("ONNX, for onnxruntime and other runtimes", _onnx),
    ".sql": Ending("a query in SQL, for rows in a database", _sql),
    ".html": Ending("HTML page for any browser", _html, True, text_exporter=_html_text),
    ".wasm": Ending("WebAssembly, for web pages", _wasm, True, text_exporter=_wasm_text),
    ".js": Ending("JavaScript module", _javascript, True, text_exporter=_javascript_text),
    ".rs": Ending("Rust, with its standard library alone", _rust),
    ".c": Ending("C99 for any device", _c, True, _quantized_c, _c_text),
}


def ending_of(path: Path) -> Ending:
    """File format for a path, by its extension."""
    for ending, kind in ENDINGS.items():
        if path.name.lower().endswith(ending):
            return kind
    known = ", ".join(f"{ending} ({kind.words})" for ending, kind in ENDINGS.items())
    hint = did_you_mean(path.suffix, ENDINGS, f"{path.stem or 'model'}.py", likeness=0.6)
    raise SettingError(f"{path.name!r} as the file to export to", f"an extension of {known}", hint)


def text_exporter_of(path: Path) -> TextExporter:
    """Exporter of language models for a path, by its extension."""
    kind = ending_of(path)
    if kind.text_exporter is None:
        writes = [f"{name} ({e.words})" for name, e in ENDINGS.items() if e.text_exporter]
        raise SettingError(
            f"{path.name!r} as the file for a language model",
            f"an extension of {', '.join(writes)}",
            f"{path.stem.removesuffix('_torch')}.js; or model.net_, for its logits alone",
        )
    return kind.text_exporter()
