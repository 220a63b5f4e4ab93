"""Export to an ONNX file, and its check with onnx's evaluator and onnxruntime."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.exchange.exporting.model_spec import ModelSpec, plain_classes
from handgrad.exchange.exporting.onnx.model import (
    ModelBuilder,
    NodeOrigin,
    described,
    onnx_package,
    tensor_type,
)
from handgrad.exchange.exporting.onnx.operations import write_graph
from handgrad.exchange.exporting.onnx.table import inputs_of, parsed_columns
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.exchange.exporting.wrapper_layers import BothClasses, BothScores, InverseLink
from handgrad.files.architecture import LAYERS, NET_IN_ONNX, LayerWriter
from handgrad.files.cells import DAY
from handgrad.files.weights import placed, words_of
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    import onnx

OUTPUTS = {"values": "value"}
# Metadata key of the test rows in a file, and their maximum of numbers.
EXAMPLE, MOST_NUMBERS = "handgrad.example", 20_000


def onnx_model(spec: ModelSpec) -> onnx.ModelProto:
    """Build the ONNX model and validate it with its checker.

    Inputs are `x` (n, n_in), or for a table each encoded column, (n, 1): numbers as double, NaN if
    missing; text as string, '' if missing; dates as seconds since 1970 in double. Outputs are
    `label` (n,) and `probabilities` or `scores` (n, n_classes) of a classifier, `value`
    (n, n_values) of a regressor, or `output` of a net.

    The metadata entry `handgrad.example` has test rows and their outputs as JSON: a list for each
    input, null for NaN, and one for the output. `handgrad.net` has the layers as a .safetensors
    file has them, from which `hg.exchange.from_onnx` restores a net of public layers.
    """
    onnx_package()
    model, graph = ModelBuilder(), spec.graph
    leaf, last = graph.nodes[graph.leaves.inputs["x"]], graph.nodes[graph.outputs.all()[0]]
    if spec.features is None:
        doc = ", ".join(spec.names)
        inputs = [described("x", leaf.dtype, ("n", *_sizes(leaf.shape[1:])), doc)]
    else:
        inputs = inputs_of(spec.columns)
    for one in inputs:
        model.new_name(one.name)
    x = "x" if spec.features is None else _table_rows(model, spec, leaf.dtype)
    doc = "output for each row"
    if spec.classes is not None:
        doc = f"of the classes {', '.join(map(repr, spec.classes.tolist()))}"
    output = write_graph(model, graph, _weights(spec.net), x)
    name = model.output(output, OUTPUTS.get(spec.output, spec.output))
    outputs = [described(name, last.dtype, ("n", *_sizes(last.shape[1:])), doc)]
    if spec.classes is not None:
        thresholds = spec.thresholds
        if thresholds is not None:
            thresholds = thresholds.astype(spec.answers.dtype)
        outputs.insert(0, _label(model, name, spec.classes, thresholds))
    title, notes = spec.title.partition("(")[0], {EXAMPLE: _example(spec), **_layers(spec)}
    return model.whole(title, spec.title, inputs, outputs, notes)


def _weights(net: Net) -> dict[str, tuple[str, Array]]:
    """Parameters and running state by name, with their names in files: `0.weight` for `0.W`."""
    return {
        placed(path, name): (placed(path, word), np.asarray(getattr(layer, name)))
        for path, layer in net.walk()
        for name, word in words_of(type(layer)).items()
    }


def _layers(spec: ModelSpec) -> dict[str, str]:
    """Layers of a net as JSON, with the weights of the model as arrays, if all are public.

    For an estimator they are as `hg.exchange.from_sklearn` builds them: with the activation for
    probabilities, and one output for two classes. Models of tables have none.
    """
    if spec.features is not None:
        return {}
    net = spec.net
    if spec.kind != "net":
        layers = [
            _in_public(each) for each in net.layers if type(each) not in (BothClasses, BothScores)
        ]
        net = Net(*map(copy.deepcopy, layers), dtype=net.dtype)
    if any(LAYERS.get(type(layer).__name__) is not type(layer) for _, layer in net.walk()):
        return {}
    return {NET_IN_ONNX: json.dumps(LayerWriter().whole(net))}


def _in_public(layer: Layer) -> Layer:
    """Layer to export; an inverse link becomes the activation that computes it."""
    activation = (
        LAYERS.get(layer.kind.activation.capitalize()) if isinstance(layer, InverseLink) else None
    )
    return layer if activation is None else activation()


def _sizes(shape: Sequence[object]) -> list[int | str]:
    return [size if isinstance(size, int) else str(size) for size in shape]


def _table_rows(model: ModelBuilder, spec: ModelSpec, dtype: np.dtype[Any]) -> str:
    """Encoded rows of a table, in the dtype of the net."""
    encoded = write_graph(model, spec.encoder_graph, {}, parsed_columns(model, spec.columns))
    model.place = NodeOrigin("features", "", "input features of the net")
    rows = model.named(model.put("Cast", encoded, to=tensor_type(np.float32)))
    return rows if dtype == np.float32 else model.put("Cast", rows, to=tensor_type(dtype))


def _label(
    model: ModelBuilder, answer: str, classes: Array, thresholds: Array | None
) -> onnx.ValueInfoProto:
    """Append an output with the predicted class of each row."""
    model.place = NodeOrigin("label", "", "the first class with the largest output")
    if thresholds is not None:
        model.place = NodeOrigin("label", "", "the class with the largest output / threshold")
        answer = model.put("Div", answer, model.weight("thresholds", thresholds))
    place = model.put("ArgMax", answer, axis=1, keepdims=0)
    plain_classes(classes)
    kind = object if classes.dtype.kind in "UO" else classes.dtype
    names = model.weight("classes", classes.astype(kind))
    name = model.output(model.put("Gather", names, place, axis=0), "label")
    return described(name, kind, ("n",), "the most probable class")


def _example(spec: ModelSpec) -> str:
    """Test rows and their outputs, as JSON."""
    answers = spec.answers
    inputs = onnx_inputs(spec)
    size = sum(values[0].size for values in inputs.values())
    n = max(1, min(len(answers), MOST_NUMBERS // size))
    rows = {name: _listed(values[:n]) for name, values in inputs.items()}
    return json.dumps({"inputs": rows, "answers": _listed(answers[:n])}, ensure_ascii=False)


def _listed(values: Array) -> list[object]:
    """Convert an array to lists, with None for NaN."""
    objects = values.astype(object)
    objects[values != values] = None
    return objects.tolist()


def onnx_inputs(spec: ModelSpec) -> dict[str, Array]:
    """Test rows as inputs of the ONNX model."""
    if spec.table is None:
        return {"x": spec.example}
    inputs = {}
    for name in spec.columns:
        column = spec.table[name]
        if column.kind == "text":
            values = np.array([text or "" for text in column.values.tolist()], object)
        else:
            values = np.round(column.values * DAY) if column.kind == "date" else column.values
        inputs[name] = values[:, None]
    return inputs


Run = Callable[["onnx.ModelProto", Mapping[str, Array]], dict[str, Array]]


def write_onnx(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the file; run it with onnx's evaluator, and with onnxruntime if installed."""
    model = onnx_model(spec)
    path.write_bytes(model.SerializeToString())
    return [_check(spec, model, *run) for run in RUNS]


def _check(
    spec: ModelSpec,
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
    outputs = run(model, onnx_inputs(spec))
    answer = model.graph.output[-1].name
    if spec.classes is not None:
        label = outputs[model.graph.output[0].name]
        if label.tolist() != spec.labels(outputs[answer]).tolist():
            raise FileError(
                f"{name} returns labels that do not have the largest {answer}",
                "the class with the largest value of each row",
                "report it, with this model",
            )
    most = MOST[spec.answers.dtype.name]
    return compared(f"{name} {version}", outputs[answer], spec.answers, "predict", most)


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
