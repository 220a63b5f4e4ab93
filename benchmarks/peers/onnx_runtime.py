"""onnxruntime: predictions of the same net as an ONNX file."""

import os
from typing import Any

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.cases import Case
from benchmarks.peers import NotOffered, Run


def training(case: Case, optimizer: str) -> Run:
    """It only predicts."""
    raise NotOffered("it only predicts")


def prediction(case: Case, rows: int) -> Run:
    """From a NumPy array to a NumPy array."""
    x = case.data()[0][:rows]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(_model(case), options, ["CPUExecutionProvider"])

    def run(times: int) -> Any:
        for _ in range(times):
            (p,) = session.run(None, {"x": x})
        return p

    return run


def _model(case: Case) -> bytes:
    nodes, tensors, name = [], [], "x"
    for i, (W, b) in enumerate(case.weights()):
        if i:
            operator = {"tanh": "Tanh", "relu": "Relu"}[case.activation]
            nodes.append(helper.make_node(operator, [name], [f"y{i}"]))
            name = f"y{i}"
        tensors += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [f"z{i}"], transB=1))
        name = f"z{i}"
    nodes.append(helper.make_node("Softmax", [name], ["p"], axis=1))
    number = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", number, ["n", case.widths[0]])],
        [helper.make_tensor_value_info("p", number, ["n", case.widths[-1]])],
        tensors,
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
