"""Models in ONNX's format made to do harm: refused before anything is computed or allocated."""

import os
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import handgrad as hg
from handgrad.exchange.importing import onnx_folding, onnx_graph
from tests.bad_input.refused import refused
from tests.exchange.importing.files import OF_C, N, onnx_file, onnx_model

FEW_BYTES = 30 * 2**20
W = {"W": np.eye(4)}


@contextmanager
def at_little_cost(most: int = 100) -> Iterator[list[str]]:
    """What is done within takes a few megabytes, and few nodes of few numbers are computed."""
    computed: list[str] = []
    evaluate = onnx_folding.evaluate

    def counted(node: Any, given: Mapping[str, Any], opsets: Any) -> Any:
        computed.append(node.op_type)
        assert sum(array.size for array in given.values()) < 2**21
        return evaluate(node, given, opsets)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_folding, "evaluate", counted)
        tracemalloc.start()
        try:
            yield computed
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < FEW_BYTES
    assert len(computed) <= most


def endless_loop() -> list[Any]:
    value = helper.make_tensor_value_info
    names = [
        value("i", TensorProto.INT64, []),
        value("go", TensorProto.BOOL, []),
        value("v", TensorProto.FLOAT, [4]),
    ]
    ends = [value("on", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, [4])]
    body = [N("Identity", ["go"], ["on"]), N("Add", ["v", "v"], ["w"])]
    return [N("Loop", ["M", "", "s"], ["c"], body=helper.make_graph(body, "body", names, ends))]


def doubling(times: int, op_type: str, **said: Any) -> list[Any]:
    names = ["s", *(f"s{i}" for i in range(1, times)), "c"]
    return [N(op_type, [a, a], [b], **said) for a, b in pairwise(names)]


BOMBS: dict[str, tuple[list[Any], dict[str, Any], type[hg.HandgradError], str]] = {
    "a loop": (
        endless_loop(),
        {"M": np.array(2**62), "s": np.ones(4)},
        hg.errors.SettingError,
        "Add",
    ),
    "a constant of a shape": (
        [N("ConstantOfShape", ["s"], ["c"])], {"s": np.array([4, 5 * 10**8])},
        hg.errors.FileError, "node 'c', ConstantOfShape: 2,000,000,002 numbers in a file of",
    ),
    "a constant of no numbers": (
        [N("ConstantOfShape", ["s"], ["t"]), N("ReduceSum", ["t", "a"], ["c"])],
        {"s": np.array([0, 5 * 10**8]), "a": np.array([0])}, hg.errors.FileError, "ConstantOfShape",
    ),
    "sums of itself": (
        doubling(40, "Concat", axis=0),
        {"s": np.ones(4)},
        hg.errors.FileError,
        "Concat",
    ),
    "places of itself": (
        doubling(40, "Gather"), {"s": np.zeros((2, 2), int)}, hg.errors.FileError, "Gather"
    ),
    "axes of itself": (
        doubling(40, "Gather"), {"s": np.zeros((1, 1), int)}, hg.errors.SettingError, "Add"
    ),
    "expanded": (
        [N("Expand", ["one", "s"], ["c"])], {"one": np.ones(1), "s": np.array([10**9, 10])},
        hg.errors.FileError, "Expand",
    ),
    "tiled": (
        [N("Tile", ["one", "s"], ["c"])], {"one": np.ones(1), "s": np.array([10**10])},
        hg.errors.FileError, "Tile",
    ),
    "a range": (
        [N("Range", ["a", "b", "d"], ["c"])],
        {"a": np.array(0), "b": np.array(10**11), "d": np.array(1)}, hg.errors.FileError, "Range",
    ),
    "a range without steps": (
        [N("Range", ["a", "b", "d"], ["c"])],
        {"a": np.array(0), "b": np.array(10**11), "d": np.array(0)}, hg.errors.SettingError, "Add",
    ),
    "a sum of rows and columns": (
        [N("Add", ["a", "b"], ["c"])], {"a": np.ones((30_000, 1)), "b": np.ones(30_000)},
        hg.errors.FileError, "Add",
    ),
    "random numbers": (
        [N("RandomNormal", [], ["c"], shape=[10**6, 10**4])], {}, hg.errors.SettingError, "Add"
    ),
    "an axis of as many places": (
        [N("Split", ["s"], ["c", "d"], num_outputs=2**62)], {"s": np.ones(4)},
        hg.errors.SettingError, "Add",
    ),
    "scales of blocks": (
        [N("DequantizeLinear", ["s", "q"], ["c"], block_size=2**40)],
        {"s": np.ones((4, 4), np.int8), "q": np.ones((4, 4))}, hg.errors.SettingError, "Add",
    ),
    "a sparse array": (
        [N("Constant", [], ["c"], sparse_value=helper.make_sparse_tensor(
            helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0]),
            helper.make_tensor("i", TensorProto.INT64, [1], [0]), [10**11]))],
        {}, hg.errors.SettingError, "Add",
    ),
    "shapes of many axes": (
        [N("ConstantOfShape", ["s"], ["c"])], {"s": np.ones(10**5, np.int64)},
        hg.errors.SettingError, "Add",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BOMBS)
def test_what_constants_would_become_is_measured_before(case: str, tmp_path: Path) -> None:
    nodes, arrays, kind, words = BOMBS[case]
    path = onnx_file(tmp_path / "a.onnx", [*nodes, *OF_C], W | arrays, opset=21)
    with at_little_cost(), refused(kind, f"{path}: ", words):
        hg.exchange.from_onnx(path)


@pytest.mark.parametrize("case", BOMBS)
def test_what_nobody_asks_for_is_not_computed(case: str, tmp_path: Path) -> None:
    nodes, arrays, _, _ = BOMBS[case]
    chain = [*nodes, N("MatMul", ["x", "W"], ["y"])]
    with at_little_cost(0):
        net = hg.exchange.from_onnx(onnx_file(tmp_path / "a.onnx", chain, W | arrays, opset=21))
    assert repr(net) == "Net(Linear(4, 4))"


def test_a_text_is_not_searched(tmp_path: Path) -> None:
    model = onnx_model(
        [N("RegexFullMatch", ["t"], ["m"], pattern="(a+)+$"), N("Cast", ["m"], ["c"], to=1), *OF_C],
        W, opset=20,
    )  # fmt: skip
    text = numpy_helper.from_array(np.array(["a" * 40 + "!"], object), "t")
    model.graph.initializer.append(text)
    (tmp_path / "a").write_bytes(model.SerializeToString())
    with at_little_cost(0), refused(hg.errors.SettingError, "Add"):
        hg.exchange.from_onnx(tmp_path / "a")


def test_many_nodes_of_a_large_constant_are_refused_together(tmp_path: Path) -> None:
    names = ["W", *(f"w{i}" for i in range(299)), "c"]
    nodes = [N("Neg", [a], [b]) for a, b in pairwise(names)]
    path = onnx_file(tmp_path / "a", [*nodes, *OF_C], {"W": np.ones((64, 64))}, shape=("n", 64))
    with at_little_cost(200), refused(hg.errors.FileError, "Neg: 8,192 numbers"):
        hg.exchange.from_onnx(path)


def test_shapes_are_computed_once_for_all_nodes_that_ask_for_them(tmp_path: Path) -> None:
    nodes = [N("Shape", ["x"], [f"s{i}"]) for i in range(2000)]
    at = "x"
    for i in range(300):
        nodes.append(N("Gather", [f"s{i}", "zero"], [f"g{i}"]))
        nodes.append(N("Concat", [f"g{i}", "four"], [f"c{i}"], axis=0))
        nodes.append(N("Reshape", [at, f"c{i}"], [at := f"x{i}"]))
    nodes.append(N("Identity", [at], ["y"]))
    arrays = {"zero": np.array([0]), "four": np.array([2, 2])}
    with at_little_cost(600) as computed:
        net = hg.exchange.from_onnx(onnx_file(tmp_path / "a", nodes, arrays))
    assert repr(net.layers[0]) == "Reshape(2, 2)"
    assert len(net.layers) == 300
    assert computed.count("Shape") == 0  # known without an array of that shape


def test_the_shape_of_a_wide_input_is_asked_without_the_input(tmp_path: Path) -> None:
    nodes = [
        N("Shape", ["x"], ["s"]), N("Mul", ["s", "s"], ["t"]), N("Reshape", ["x", "t"], ["y"])
    ]  # fmt: skip
    for columns in (2 * 10**9, 2**62):
        path = onnx_file(tmp_path / "a", nodes, {}, shape=("n", columns))
        with at_little_cost(), refused(hg.errors.SettingError, "Reshape that keeps the rows"):
            hg.exchange.from_onnx(path)


def test_one_number_is_not_spread_over_columns_that_no_file_has(tmp_path: Path) -> None:
    path = onnx_file(
        tmp_path / "a", [N("Mul", ["x", "c"], ["y"])], {"c": 2.0}, shape=("n", 2 * 10**9)
    )
    with at_little_cost(), refused(hg.errors.FileError, "node 'y', Mul: 2,000,000,000 numbers"):
        hg.exchange.from_onnx(path)


def test_weights_that_many_nodes_share_are_not_copied_without_end(tmp_path: Path) -> None:
    names = ["x", *(f"x{i}" for i in range(998)), "y"]
    nodes = [N("MatMul", [a, "W"], [b]) for a, b in pairwise(names)]
    path = onnx_file(tmp_path / "a", nodes, {"W": np.ones((64, 64))}, shape=("n", 64))
    with at_little_cost(0), refused(hg.errors.FileError, "Linear: 4,160 numbers in a file of"):
        hg.exchange.from_onnx(path)


def test_sizes_of_a_recurrence_that_do_not_fit_are_not_tried(tmp_path: Path) -> None:
    nodes = [
        N("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        N("RNN", ["t", "V", "R"], ["h", "last"], hidden_size=100_000),
        N("Squeeze", ["last", "zero"], ["y"]),
    ]
    arrays = {"V": np.ones((1, 1, 9)), "R": np.ones((1, 1, 100_000)), "zero": np.array([0])}
    path = onnx_file(tmp_path / "a", nodes, arrays, shape=("n", 5, 9))
    with at_little_cost(), refused(hg.errors.SettingError, "a layer of sizes (9, 100000)"):
        hg.exchange.from_onnx(path)


@pytest.mark.parametrize("pads", [2**62, 10**6])
def test_rows_are_not_widened_by_millions(pads: int, tmp_path: Path) -> None:
    nodes = [N("Conv", ["x", "K"], ["y"], pads=[pads] * 4)]
    path = onnx_file(tmp_path / "a", nodes, {"K": np.ones((1, 1, 3, 3))}, shape=("n", 1, 8, 8))
    with at_little_cost(), refused(hg.errors.SettingError, "padding of at most 1024"):
        hg.exchange.from_onnx(path)


def test_functions_of_the_file_that_call_each_other_are_not_followed(tmp_path: Path) -> None:
    model = onnx_model([N("F0", ["x"], ["y"], domain="f")], {})
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    model.opset_import.append(opsets[1])
    for i in range(60):
        calls = [N(f"F{i + 1}", ["a"], [b], domain="f") for b in "bc"]
        body = [*calls, N("Add", ["b", "c"], ["d"])]
        model.functions.append(helper.make_function("f", f"F{i}", ["a"], ["d"], body, opsets))
    (tmp_path / "a").write_bytes(model.SerializeToString())
    with at_little_cost(), refused(hg.errors.SettingError, "node 'y', F0"):
        hg.exchange.from_onnx(tmp_path / "a")


def test_a_graph_that_goes_in_circles_is_refused(tmp_path: Path) -> None:
    for nodes in (
        [N("Identity", ["x"], ["x"])],
        [N("Dropout", ["x", "b"], ["a"]), N("Identity", ["a"], ["b"])],
        [N("Identity", ["x"], ["y"]), N("Tanh", ["x"], ["y"])],
        [N("Identity", ["x"], [])],
    ):
        path = onnx_file(tmp_path / "a", nodes, {})
        with refused(hg.errors.FileError, f"{path}: node ", "nodes in topological order"):
            hg.exchange.from_onnx(path)


def test_more_nodes_and_layers_than_a_net_has_are_refused(tmp_path: Path) -> None:
    names = ["x", *(f"x{i}" for i in range(1000)), "y"]
    nodes = [N("Tanh", [a], [b]) for a, b in pairwise(names)]
    with refused(hg.errors.FileError, "1,001 layers or more", "at most 1,000"):
        hg.exchange.from_onnx(onnx_file(tmp_path / "a", nodes, {}))
    model = onnx_model([], {})
    model.graph.node.extend([N("Tanh", ["x"], ["y"])] * (onnx_graph.MOST_MODEL_NODES + 1))
    (tmp_path / "a").write_bytes(model.SerializeToString())
    with at_little_cost(), refused(hg.errors.FileError, "50,001 nodes"):
        hg.exchange.from_onnx(tmp_path / "a")


def test_nodes_behind_a_value_are_not_searched_again_and_again(
    tmp_path: Path,
) -> None:
    names = ["x", *(f"x{i}" for i in range(400)), "y"]
    nodes = [N("Neg", [a], [b]) for a, b in pairwise(names)]
    with at_little_cost(onnx_graph.MOST_NODES), refused(hg.errors.SettingError, "node 'x0', Neg"):
        hg.exchange.from_onnx(onnx_file(tmp_path / "a", nodes, {}, shape=("n", None)))


NEARLY_VALID: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a norm of constants": (
        [N("BatchNormalization", ["s", "v", "v", "v", "v"], ["c"]), *OF_C],
        {"s": np.ones((2, 4)), "v": np.ones(4)}, "node 'y', Add",
    ),
    "a norm without arrays": ([N("BatchNormalization", ["x"], ["y"])], {}, "BatchNormalization"),
    "a sum of one": ([N("Add", ["x"], ["y"])], {}, "node 'y', Add"),
    "a quotient of one": ([N("Div", ["x"], ["y"])], {}, "node 'y', Div"),
    "an identity that parts": (
        [N("Identity", ["x"], ["a"]), N("Neg", ["a"], ["b"]), N("Add", ["a", "b"], ["y"])],
        {}, "Neg",
    ),
    "a product of one": ([N("MatMul", ["x"], ["y"])], {}, "node 'y', MatMul"),
    "a Gemm of one": ([N("Gemm", ["x"], ["y"])], {}, "node 'y', Gemm"),
    "a table of nothing": ([N("Gather", ["x"], ["y"])], {}, "node 'y', Gather"),
    "a new shape of nothing": ([N("Reshape", ["x"], ["y"])], {}, "node 'y', Reshape"),
    "a shape of one number": (
        [N("Reshape", ["x", "n"], ["y"])], {"n": np.array(3)}, "node 'y', Reshape"
    ),
    "a scaler of nothing": ([N("Scaler", ["x"], ["y"], domain="ai.onnx.ml")], {}, "Scaler"),
    "windows of nothing": ([N("MaxPool", ["x"], ["y"])], {}, "node 'y', MaxPool"),
    "a recurrence of a matrix": (
        [N("Transpose", ["x"], ["t"], perm=[1, 0, 2]), N("GRU", ["t", "W", "W"], ["y"])], {}, "GRU"
    ),
    "features by other features": (
        [N("Mul", ["x", "four"], ["a"]), N("Mul", ["a", "two"], ["y"])],
        {"four": np.ones((1, 4)), "two": np.ones((2, 2, 4))}, "Mul",
    ),
    "divided by nothing": ([N("Mul", ["x", "zero"], ["y"])], {"zero": np.zeros(4)}, "zero"),
}  # fmt: skip


@pytest.mark.parametrize("case", NEARLY_VALID)
def test_what_is_not_quite_valid_is_refused_in_three_parts(case: str, tmp_path: Path) -> None:
    nodes, arrays, words = NEARLY_VALID[case]
    path = onnx_file(tmp_path / "a", nodes, W | arrays)
    with pytest.raises(hg.HandgradError) as caught:
        hg.exchange.from_onnx(path)
    with refused(type(caught.value), f"{path}: ", words):
        hg.exchange.from_onnx(path)


def elsewhere(path: Path, location: str, **others: str) -> Path:
    """A model whose W lies in another file."""
    model = onnx_model([N("MatMul", ["x", "W"], ["y"])], W)
    (tensor,) = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": location} | others).items():
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


def test_arrays_in_a_file_beside_the_model_are_read(tmp_path: Path) -> None:
    numbers = np.arange(20, dtype=np.float32)
    (tmp_path / "inner").mkdir()
    for place in ("a.data", "inner/a.data"):
        (tmp_path / place).write_bytes(numbers.tobytes())
        net = hg.exchange.from_onnx(elsewhere(tmp_path / "a", place, offset="16", length="64"))
        np.testing.assert_array_equal(net.layers[0].W, numbers[4:].reshape(4, 4).T)


def test_arrays_anywhere_else_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(64))
    (folder / "linked").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    os.link(secret, folder / "hard")
    os.mkfifo(folder / "pipe")
    for location in (
        str(secret), "../secret", "inner/../../secret", r"..\secret", "C:/secret", r"\\host\a",
        "linked", "up/secret", "hard", "pipe", "inner", "none", "", ".", "a\0b", "/dev/zero",
    ):  # fmt: skip
        path = elsewhere(folder / "a", location)
        with at_little_cost(), refused(hg.errors.FileError, f"{path}: ", "not a link"):
            hg.exchange.from_onnx(path)


@pytest.mark.parametrize(
    "said",
    [
        {"offset": "1"}, {"offset": "-1"}, {"length": "-1"}, {"length": "65"}, {"offset": "x"},
        {"length": "32"}, {"offset": str(2**70)}, {"length": str(2**70)},
    ],
    ids=str,
)  # fmt: skip
def test_numbers_beyond_the_other_file_are_not_asked_for(
    said: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "b").write_bytes(bytes(64))
    with at_little_cost(), refused(hg.errors.FileError, "array W"):
        hg.exchange.from_onnx(elsewhere(tmp_path / "a", "b", **said))


def test_a_constant_in_another_file_is_no_constant(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(bytes(64))
    model = onnx.load(elsewhere(tmp_path / "a", "b"), load_external_data=False)
    (tensor,) = model.graph.initializer
    model.graph.node.insert(0, N("Constant", [], ["c"], value=tensor))
    model.graph.node[1].input[1] = "c"
    del model.graph.initializer[:]
    (tmp_path / "a").write_bytes(model.SerializeToString())
    with at_little_cost(0), refused(hg.errors.SettingError, "MatMul"):
        hg.exchange.from_onnx(tmp_path / "a")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    for content in (b"\x80no model", b"\xff" * 100, onnx_model([], W).SerializeToString()[:-9]):
        (tmp_path / "a").write_bytes(content)
        with refused(hg.errors.FileError, f"{tmp_path / 'a'}: not an ONNX model"):
            hg.exchange.from_onnx(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"")
    with refused(hg.errors.SettingError, "0 inputs"):
        hg.exchange.from_onnx(tmp_path / "a")


def test_an_array_with_other_numbers_than_its_shape_says_is_refused(tmp_path: Path) -> None:
    model = onnx_model([N("MatMul", ["x", "W"], ["y"])], W)
    model.graph.initializer[0].dims[:] = [10**9, 10**9]
    (tmp_path / "a").write_bytes(model.SerializeToString())
    with (
        at_little_cost(),
        refused(hg.errors.FileError, "array W: ", "as many numbers as its shape says"),
    ):
        hg.exchange.from_onnx(tmp_path / "a")


@pytest.mark.parametrize("read", [hg.exchange.from_onnx, hg.exchange.from_keras])
def test_what_is_no_path_is_refused(read: Any, tmp_path: Path) -> None:
    for wrong in (None, 5, [1], b"a"):
        with refused(hg.errors.SettingError, f"of type {type(wrong).__name__}", "the path of a"):
            read(wrong)
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        ("a\0b", "null"), (tmp_path, "a folder"), (tmp_path / "pipe", "not a regular file"),
        ("/dev/zero", "not a regular file"), (tmp_path / "none", "No such file"),
    ):  # fmt: skip
        with refused(hg.errors.FileError, f"{path}: ", words):
            read(path)
