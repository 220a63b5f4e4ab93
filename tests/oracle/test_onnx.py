"""Exported models run by onnxruntime: the same answers, every page, table and label."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.onnx.file import by_onnx, by_onnxruntime, onnx_inputs, onnx_model
from handgrad.textbook.layers import Array
from tests.contracts.table import LAYERS, MORE_AXES, rows_for
from tests.docs.documents import ROOT, blocks
from tests.docs.output import assert_shown
from tests.exchange.exporting.models import NAMES, model
from tests.graph.one_liners import ONE_LINERS, Page
from tests.oracle.onnx_nets import MOST, difference, random_net
from tests.oracle.onnx_tables import TABLES, compared, random_table, with_odd_values

NETS = 60  # of the 500 of `python -m tests.oracle.onnx_nets`


@pytest.mark.parametrize("seed", range(NETS))
def test_random_nets(seed: int) -> None:
    net, x = random_net(seed)
    assert difference(net, x) <= MOST[net.parameters.dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_every_page(name: str, dtype: type) -> None:
    layer = LAYERS[name]()
    net, rng = hg.Net(layer, dtype=dtype), np.random.default_rng(0)
    inputs = [x for x in [rows_for(layer, 7)] if x.ndim > 1]
    if name in MORE_AXES:
        shape = (7, 5, *MORE_AXES[name][1:])
        inputs.append(rng.integers(0, 5, (7, 5)) if layer.integer_input else rng.normal(size=shape))
    for x in inputs:
        x = x if x.dtype.kind == "i" else x.astype(dtype)
        assert difference(net, x) <= MOST[np.dtype(dtype)]


@pytest.mark.parametrize("name", ["Linear", "EnsembleEmbedding", "LayerNorm", "TabularEmbedding"])
def test_the_rows_are_a_free_axis(name: str) -> None:
    layer = LAYERS[name]()
    net, x = hg.Net(layer), rows_for(layer, 100).astype(np.float32)
    exported = onnx_model(model_spec_of(net, x))
    for n in (1, 100):
        found = by_onnxruntime(exported, {"x": x[:n]})["output"]
        np.testing.assert_allclose(found, net.predict(x[:n], engine="eager"), rtol=1e-5, atol=1e-6)
    assert len(by_onnxruntime(exported, {"x": x[:0]})["output"]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_model_with_all_around_its_net(name: str) -> None:
    spec = model_spec_of(model(name))
    found = by_onnxruntime(onnx_model(spec), onnx_inputs(spec))
    expected = spec.answers
    output = {"values": "value"}.get(spec.output, spec.output)
    far = np.abs(found[output] - expected).max() / np.abs(expected).max()
    assert far <= MOST[expected.dtype]
    if spec.classes is not None:
        assert [*found] == ["label", output]
        labels = spec.classes[expected.argmax(axis=1)]
        assert found["label"].tolist() == labels.tolist()
        assert found["label"].dtype.kind == ("O" if labels.dtype.kind == "U" else labels.dtype.kind)


@pytest.mark.parametrize("name", ["iris", "wine", "diabetes"])
def test_models_of_whole_tables(name: str) -> None:
    load, kind = TABLES[name]
    far, other_labels, _ = compared(*load(), kind)
    assert far <= MOST[np.dtype(float)]
    assert other_labels == 0


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
@pytest.mark.parametrize("seed", range(8))
def test_models_of_random_tables_asked_about_odd_rows(seed: int) -> None:
    table, rng = random_table(seed), np.random.default_rng(seed)
    n = len(next(iter(table.values())))
    targets = [("cls", rng.choice(["α", "b", "c"], n)), ("cls", rng.integers(-2, 2, n))]
    targets += [("cls", rng.random(n) < 0.5), ("reg", rng.normal(size=n) * 1e3)]
    kind, y = targets[seed % 4]
    far, other_labels, _ = compared(table, y, kind, with_odd_values(table))
    assert far <= MOST[np.dtype(float)]
    assert other_labels == 0


def test_columns_are_inputs_that_say_what_they_take() -> None:
    exported = onnx_model(model_spec_of(model("table of classes")))
    inputs = {one.name: one for one in exported.graph.input}
    assert [*inputs] == ["age", "town", "size", "sex", "zip", "when"]
    kinds = {name: one.type.tensor_type.elem_type for name, one in inputs.items()}
    texts = {name for name, kind in kinds.items() if kind == onnx.TensorProto.STRING}
    assert texts == {"town", "sex", "zip"}
    assert {*kinds.values()} == {onnx.TensorProto.STRING, onnx.TensorProto.DOUBLE}
    assert "NaN where it is missing" in inputs["age"].doc_string
    assert "one of 'f', 'm'" in inputs["sex"].doc_string
    assert "seconds since 1970" in inputs["when"].doc_string
    assert all(one.type.tensor_type.shape.dim[0].dim_param == "n" for one in inputs.values())


def test_a_column_may_be_called_as_an_output_or_a_weight_is() -> None:
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=40).tolist() for name in ("label", "probabilities", "x", "2.s")}
    fitted = hg.TabularClassifier(2, epochs=1, random_state=0).fit(x, rng.integers(0, 2, 40))
    spec = model_spec_of(fitted)
    exported = onnx_model(spec)
    assert [one.name for one in exported.graph.output] == ["label.2", "probabilities.2"]
    found = by_onnxruntime(exported, onnx_inputs(spec))["probabilities.2"]
    np.testing.assert_allclose(found, spec.answers, rtol=1e-13)


def test_names_and_texts_lead_back_to_the_pages() -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.GELU(), hg.Linear(4, 2, rng=0), hg.Softmax())
    graph = onnx_model(model_spec_of(net)).graph
    assert [one.name for one in graph.initializer if one.dims][:4] == [
        "0.weight",
        "0.bias",
        "2.weight",
        "2.bias",
    ]
    first, last = graph.node[0], graph.node[-1]
    assert (first.op_type, first.name, *first.output) == ("Gemm", "0.Linear/z_0", "z_0")
    assert (last.op_type, last.name, *last.output) == ("Div", "3.Softmax/p_3", "output")
    shapes = {one.name: one.type.tensor_type.shape.dim for one in graph.value_info}
    assert [size.dim_param or size.dim_value for size in shapes["z_0"]] == ["n", 4]
    assert "handgrad/textbook/layers/linear.py:" in first.doc_string
    assert "x @ self.W.T + self.b" in first.doc_string
    assert "Softmax(), forward" in last.doc_string
    here = str(Path(hg.__file__).parent.parent)
    assert not any(here in node.doc_string for node in graph.node)


class Moves(hg.Layer):
    """Rows (n, 4) through most of what moves numbers about."""

    n_in = 4

    def forward(self, x: Array) -> Array:
        table = x.reshape(len(x), 2, 2)
        turned = np.swapaxes(table, 1, 2)[:, ::-1]
        wide = np.pad(np.flip(x, axis=1), ((0, 0), (1, 2)), constant_values=3)
        picked = x[:, [3, 0]] + x[:, None, 1] + x[:, -1][:, None]
        places = np.argmax(x, axis=1)
        of_row = x[np.arange(len(x)), places]
        windows = np.lib.stride_tricks.sliding_window_view(x, 2, axis=1)
        parts = [np.take(x, [2, 1], axis=1), np.stack([of_row, x.std(axis=1)], axis=-1)]
        parts += [np.tile(picked, (1, 2)), np.repeat(x, 2, axis=1), wide, wide[:, 1:-2:2]]
        parts += [turned.reshape(len(x), -1), np.moveaxis(windows, 1, 2).reshape(len(x), -1)]
        parts += [np.broadcast_to(x[:, :1], x.shape), x[:, 1:3][..., np.array([1, 0])]]
        return np.concatenate(parts, axis=1)


class Counts(hg.Layer):
    """Rows (n, 4) through comparisons, truth values, whole numbers and rarer functions."""

    n_in = 4

    def forward(self, x: Array) -> Array:
        low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
        inside = (x > low) & (x != high) | ~np.isfinite(x) | np.isnan(x) ^ (x == 0.25)
        steps = np.floor(np.clip(x, -1, 1) * 3).astype(np.int64)
        odd = np.where(inside, steps * steps, -steps)
        near = np.expm1(x / 1e4) * np.log1p(np.abs(x) / 1e4) / np.log2(2 + np.square(x))
        more = np.reciprocal(2 + np.var(x, axis=1, keepdims=True)) + np.ones_like(x) * x.sum()
        prod = np.tensordot(x, np.full_like(x[:, :, None], 0.5)[0, :, 0], 1)[:, None]
        arcs = np.logaddexp(np.sinh(x), np.logaddexp(np.cosh(x), 0.5))
        signs = np.sign(x) * np.ceil(x)
        return np.concatenate([near, odd.astype(x.dtype), signs, more * prod, arcs], 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("page", [Moves, Counts])
def test_pages_of_ones_own(page: type[hg.Layer], dtype: type) -> None:
    x: Array = np.random.default_rng(0).normal(size=(9, 4)).astype(dtype)
    x[0] = 0.25, 0.25, 0, -1
    assert difference(hg.Net(page(), dtype=dtype), x) <= MOST[np.dtype(dtype)]


ADDED = [name for name in ONE_LINERS if "by two indices" in name or "columns added" in name]
ADDED += ["a slice between two indices"]


@pytest.mark.parametrize("name", sorted(ONE_LINERS.keys() - {"rows in reverse", *ADDED}))
def test_every_operation_that_a_page_may_use(name: str) -> None:
    net = hg.Net(Page(ONE_LINERS[name]), dtype=np.float64)
    rows: Array = np.random.default_rng(0).normal(size=(7, 4))
    exported = onnx_model(model_spec_of(net, rows))
    for x in (rows, rows[:2]):
        with np.errstate(all="ignore"):
            expected = net.predict(x, engine="eager")
        found = by_onnxruntime(exported, {"x": x})["output"]
        assert found.dtype == expected.dtype
        size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14 * size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_and_large_numbers_keep_their_digits(dtype: type) -> None:
    near = [[10.0**-k, -(10.0**-k)] for k in range(30)]
    far = [[10.0**k, -(10.0**k)] for k in range(1, 30)]
    x: Array = np.array([*near, *far, [0.0, -0.0], [np.inf, -np.inf], [np.nan, 1.0]], dtype)
    for activation in (hg.layers.ELU, hg.layers.Softplus, hg.GELU, hg.layers.Mish, hg.Sigmoid):
        spec = model_spec_of(hg.Net(activation(), dtype=dtype), x[:9])
        found = by_onnxruntime(onnx_model(spec), {"x": x})["output"]
        with np.errstate(all="ignore"):
            expected = activation().forward(x)
        np.testing.assert_allclose(
            found, expected, rtol=16 * float(np.finfo(dtype).eps), atol=1e-37
        )


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (ONE_LINERS["rows in reverse"], "a part of the rows"),
        *((ONE_LINERS[name], "add_at") for name in ADDED),
        (lambda x: x / len(x) ** 0.5, r"n\*\*0.5"),
    ],
)
def test_what_onnx_does_not_say_is_refused_by_layer_and_line(forward: Any, words: str) -> None:
    net = hg.Net(hg.Tanh(), Page(forward), dtype=np.float64)
    where = rf"layer 1, Page\(.*\w+\.py:\d+: .*{words}"
    with pytest.raises(hg.errors.SettingError, match=where) as refused:
        onnx_model(model_spec_of(net, np.ones((5, 4))))
    assert "tests/" not in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_comes_with_its_proof(name: str, tmp_path: Path) -> None:
    path, spec = tmp_path / "model.onnx", model_spec_of(model(name))
    proof = hg.export(model(name), path)
    read: Any = onnx.load(path)
    assert (read.ir_version, read.opset_import[0].version) == (8, 17)
    assert [check.ran.split()[0] for check in proof.checks] == ["onnx", "onnxruntime"]
    assert all(check.rows == len(spec.example) for check in proof.checks)
    example = json.loads({one.key: one.value for one in read.metadata_props}["handgrad.example"])
    types = {one.name: one.type.tensor_type.elem_type for one in read.graph.input}
    inputs = {
        name: np.array(rows, onnx.helper.tensor_dtype_to_np_dtype(types[name]))
        for name, rows in example["inputs"].items()
    }
    found = by_onnx(read, inputs)[read.graph.output[-1].name]
    np.testing.assert_allclose(found, example["answers"], rtol=1e-5, atol=1e-6)


def test_the_document_runs_and_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found, space = blocks(ROOT / "docs" / "onnx.md"), {"__name__": "page"}
    for block, after in pairwise(found):
        if block.language == "py":
            exec(compile(block.text, "onnx.md", "exec"), space)
            assert_shown(capsys.readouterr().out, after.text)
    assert "session" in space
