"""Writing and checking of ONNX files, with onnx's evaluator and onnxruntime."""

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
    """Write the file; run it with onnx's evaluator, and with onnxruntime if installed."""
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
    """Compare the outputs of one of `RUNS` for the test rows with the model's."""
    try:
        version = package().__version__
    except ImportError:
        return Check(name, "predict", not_run="it is not installed")
    outputs = run(model, onnx_inputs(subject))
    answer = model.graph.output[-1].name
    if subject.classes is not None:
        label = outputs[model.graph.output[0].name]
        if label.tolist() != subject.classes[outputs[answer].argmax(axis=1)].tolist():
            raise FileError(
                f"{name} returns labels that do not have the largest {answer}",
                "the class with the largest value of each row",
                "report it, with this model",
            )
    most = MOST[subject.answers.dtype.name]
    return compared(f"{name} {version}", outputs[answer], subject.answers, "predict", most)


def by_onnx(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run a model with onnx's reference evaluator; return outputs by name."""
    from onnx.reference import ReferenceEvaluator

    names = [output.name for output in model.graph.output]
    with np.errstate(all="ignore"):
        return dict(zip(names, ReferenceEvaluator(model).run(names, dict(inputs)), strict=True))


def by_onnxruntime(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run a model with onnxruntime; return outputs by name."""
    names = [output.name for output in model.graph.output]
    providers = ["CPUExecutionProvider"]
    session = _onnxruntime().InferenceSession(model.SerializeToString(), providers=providers)
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _onnxruntime() -> ModuleType:
    import onnxruntime

    return onnxruntime


# Each with its name and its package.
RUNS = (("onnx", onnx_package, by_onnx), ("onnxruntime", _onnxruntime, by_onnxruntime))
