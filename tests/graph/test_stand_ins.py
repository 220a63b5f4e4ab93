"""Stand-ins of large arrays: the graph is that of the arrays themselves."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import stand_ins
from handgrad.graph.operations import Op
from tests.contracts.table import LAYERS, LOSSES

ROWS = np.random.default_rng(0).standard_normal((6, 5, 7)).astype(np.float32)
OPERATIONS: dict[str, tuple[Op, tuple[Any, ...]]] = {
    "a sum": (Op.ADD, (ROWS, ROWS[0])),
    "a number": (Op.MULTIPLY, (ROWS, 2.5)),
    "a number of NumPy": (Op.MULTIPLY, (ROWS, np.float64(2.5))),
    "another dtype": (Op.ADD, (ROWS, ROWS[0].astype(np.float64))),
    "a comparison": (Op.LESS, (ROWS, 0.0)),
    "where": (Op.WHERE, (ROWS > 0, ROWS, 0)),
    "whole numbers": (Op.ADD, (np.arange(7), np.ones((6, 1), np.int32))),
    "clip": (Op.CLIP, (ROWS, -1, 1)),
    "astype": (Op.ASTYPE, (ROWS, np.dtype(np.float64))),
    "batched matmul": (Op.MATMUL, (ROWS, ROWS.swapaxes(1, 2))),
    "matmul of a batch and a matrix": (Op.MATMUL, (ROWS, ROWS[0].T)),
    "matmul of a vector": (Op.MATMUL, (ROWS, ROWS[0, 0])),
    "a reduction": (Op.SUM, (ROWS, 1)),
    "reshape": (Op.RESHAPE, (ROWS, (30, 7))),
    "an index": (Op.GETITEM, (ROWS, (slice(None), 0))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_results_have_the_shape_and_the_dtype_of_numpys(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, arguments = OPERATIONS[name]
    monkeypatch.setattr(stand_ins, "LARGE", 3)
    given = [stand_ins.stand_in(a) if isinstance(a, np.ndarray) else a for a in arguments]
    found = stand_ins.computed(operation, operation.compute, given, {})
    expected = operation.compute(*arguments)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert set(found.strides) == {0}


@pytest.mark.parametrize(("axis", "keepdims"), [(1, True), (-1, False), ((0, 2), False)])
def test_a_reduction_reads_the_numbers_of_one_result(
    axis: int | tuple[int, ...], keepdims: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_ins, "LARGE", 3)
    given, read = stand_ins.stand_in(ROWS), list[int]()

    def total(value: Any, **options: Any) -> Any:
        read.append(value.size)
        return np.sum(value, **options)

    options = {"axis": axis, "keepdims": keepdims}
    found = stand_ins.computed(Op.SUM, total, [given], options)
    np.testing.assert_allclose(found, np.sum(given, axis=axis, keepdims=keepdims), 1e-5)
    assert read == [ROWS.size // found.size]


def test_shapes_that_do_not_fit_are_numpys_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_ins, "LARGE", 3)
    with pytest.raises(ValueError, match="mismatch"):
        stand_ins.computed(Op.MATMUL, np.matmul, [ROWS, ROWS], {})
    with pytest.raises(ValueError, match="broadcast"):
        stand_ins.computed(Op.ADD, np.add, [ROWS, ROWS[:, :, :2]], {})


def graph_of(layer: hg.Layer, loss: hg.Loss | None = None) -> Any:
    return hg.trace(layer, loss).to_json()


@pytest.mark.parametrize("name", LAYERS)
def test_the_graph_of_a_layer_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for large in (0, 2**40):
        monkeypatch.setattr(stand_ins, "LARGE", large)
        try:
            found.append(graph_of(LAYERS[name]()))
        except hg.HandgradError as error:
            found.append(str(error))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", LOSSES)
def test_the_graph_of_a_loss_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for large in (0, 2**40):
        monkeypatch.setattr(stand_ins, "LARGE", large)
        found.append(hg.trace(LOSSES[name]()).to_json())
    assert found[0] == found[1]
