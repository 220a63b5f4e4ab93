"""An ONNX file on its way to the disk: what runs it here, and how close it comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.exporting.onnx.file import onnx_inputs, onnx_model
from handgrad.exchange.exporting.onnx.model import onnx_package
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.subject import Subject
from handgrad.exchange.exporting.train_spec import Learning
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    import onnx

Run = Callable[["onnx.ModelProto", Mapping[str, Array]], dict[str, Array]]


def write_onnx(subject: Subject, path: Path, learning: Learning | None) -> Sequence[Check]:
    """Write the file; ask onnx's own evaluator, and onnxruntime where it is installed."""
    model = onnx_model(subject)
    path.write_bytes(model.SerializeToString())
    return [_check(subject, model, *run) for run in RUNS]


def _check(
    subject: Subject,
    model: onnx.ModelProto,
    name: str,
    package: Callable[[], ModuleType],
    run: Run,
) -> Check:
    """What one of `RUNS` makes of the example rows, beside the answers of the model itself."""
    try:
        version = package().__version__
    except ImportError:
        return Check(name, "predict", not_run="it is not installed")
    found = run(model, onnx_inputs(subject))
    answer = model.graph.output[-1].name
    if subject.classes is not None:
        label = found[model.graph.output[0].name]
        if label.tolist() != subject.classes[found[answer].argmax(axis=1)].tolist():
            raise FileError(
                f"{name} gives labels other than those of the largest {answer}",
                "the class of the largest of each row",
                "report it, with this model",
            )
    most = MOST[subject.answers.dtype.name]
    return compared(f"{name} {version}", found[answer], subject.answers, "predict", most)


def by_onnx(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What onnx's own evaluator makes of inputs, each output by its name."""
    from onnx.reference import ReferenceEvaluator

    names = [output.name for output in model.graph.output]
    with np.errstate(all="ignore"):
        return dict(zip(names, ReferenceEvaluator(model).run(names, dict(inputs)), strict=True))


def by_onnxruntime(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What onnxruntime makes of inputs, each output by its name."""
    names = [output.name for output in model.graph.output]
    providers = ["CPUExecutionProvider"]
    session = _onnxruntime().InferenceSession(model.SerializeToString(), providers=providers)
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _onnxruntime() -> ModuleType:
    import onnxruntime

    return onnxruntime


# Each with its name and its package.
RUNS = (("onnx", onnx_package, by_onnx), ("onnxruntime", _onnxruntime, by_onnxruntime))
