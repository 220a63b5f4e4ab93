"""Files of ONNX and of Keras made by hand, one part of each as a test wants it."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

N = helper.make_node
# What reads the value c at last: x @ W + c.
OF_C = [N("MatMul", ["x", "W"], ["p"]), N("Add", ["p", "c"], ["y"])]


def onnx_model(
    nodes: Sequence[Any],
    arrays: Mapping[str, Any],
    shape: Sequence[Any] = ("n", 4),
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of these nodes from x to y; its arrays are of float32, or whole numbers."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    fixed = [numpy_helper.from_array(_plain(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "net", [x], [y], fixed)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _plain(array: Any) -> Any:
    array = np.asarray(array)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def onnx_file(path: Path, nodes: Sequence[Any], arrays: Mapping[str, Any], **others: Any) -> Path:
    path.write_bytes(onnx_model(nodes, arrays, **others).SerializeToString())
    return path


def dense(name: str = "d", **settings: Any) -> Any:
    """What config.json has of a Dense."""
    return layer("Dense", name=name, **{"use_bias": True, "activation": "linear", **settings})


def layer(kind: str, /, **settings: Any) -> Any:
    return {"class_name": kind, "config": settings}


INPUT = layer("InputLayer", batch_shape=[None, 4])


def config(*layers: Any) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"layers": [INPUT, *layers]}})


def h5(fill: Callable[[Any], object] | None = None) -> bytes:
    """The bytes of an HDF5 file, filled so, or with the arrays of one Dense of 4 to 4."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        (fill or of_a_dense)(file)
    return content.getvalue()


def of_a_dense(file: Any) -> None:
    file["layers/dense/vars/0"] = np.arange(16, dtype="f4").reshape(4, 4)
    file["layers/dense/vars/1"] = np.ones(4, "f4")


def keras_file(
    path: Path, said: str | bytes | None = None, weights: bytes | None = None, **zipped: Any
) -> Path:
    """A .keras file with that config.json, of one Dense if it is None, and those weights."""
    with zipfile.ZipFile(path, "w", **zipped) as parts:
        parts.writestr("config.json", config(dense()) if said is None else said)
        parts.writestr("model.weights.h5", h5() if weights is None else weights)
    return path
