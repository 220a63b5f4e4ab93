"""The compiled engine does what the pages do: for every page, size, type and ragged batch."""

import copy
import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.eager import EagerEngine
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, PENALTIES
from tests.engines.against_eager import DTYPES, LAST, around, compare, targets
from tests.engines.one_epoch import engine_of, run_epoch
from tests.graph import pages


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_every_layer(name: str, dtype: Any, batch_size: int) -> None:
    net, x = around(LAYERS[name](), dtype, 8)
    loss, batch_size = hg.MSELoss(), max(batch_size, net.min_batch_size)
    shape = net.predict(x).shape
    y = targets(loss, math.prod(shape[:-1]), 2, dtype).reshape(shape)
    compare(net, loss, hg.SGD(0.01), x, y, batch_size)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_every_loss(name: str, dtype: Any, batch_size: int) -> None:
    loss = LOSSES[name]()
    net = hg.Net(hg.Linear(3, 4, rng=0), LAST.get(name, hg.Tanh)(), dtype=dtype)
    x = np.random.default_rng(0).standard_normal((7, 3)).astype(dtype)
    compare(net, loss, hg.SGD(0.1), x, targets(loss, len(x), 4, dtype), batch_size)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_loss_with_weights(name: str, dtype: Any) -> None:
    loss, rng = LOSSES[name](), np.random.default_rng(0)
    net = hg.Net(hg.Linear(3, 4, rng=0), LAST.get(name, hg.Tanh)(), dtype=dtype)
    x, w = rng.standard_normal((7, 3)).astype(dtype), rng.uniform(0.01, 1, 7).astype(dtype)
    y = targets(loss, len(x), 4, dtype)
    compare(net, loss, hg.SGD(0.1), x, y, 3, w=w)
    compare(net, loss, hg.SGD(0.1), x, y, 3, w=w, epochs=1, python=True)


class PerRow(hg.penalties.Penalty):
    """A penalty of one's own, which counts once over all rows."""

    def value(self, W: Any, n: Any) -> Any:
        return (W**4).sum() / n

    def gradient(self, W: Any, n: Any) -> Any:
        return 4 * W**3 / n


@pytest.mark.parametrize("name", [*PENALTIES, "one's own"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_penalty(name: str, weighted: bool, dtype: Any) -> None:
    penalty = PerRow() if name == "one's own" else PENALTIES[name]()
    net = hg.Net(
        hg.Linear(3, 5, rng=0), hg.BatchNorm(5), hg.Tanh(), hg.Linear(5, 4, rng=1), hg.Softmax(),
        dtype=dtype,
    )  # fmt: skip
    net.layers[3].freeze()
    # of batches of two rows that are normalized most gradients would be noise
    x = np.random.default_rng(0).normal(size=(11, 3)).astype(dtype)
    w = np.linspace(0.1, 1, 11).astype(dtype) if weighted else None
    loss = hg.CrossEntropyLoss()
    y = targets(loss, len(x), 4, dtype)
    compare(net, loss, hg.SGD(0.1), x, y, 4, w=w, penalty=penalty)
    compare(net, loss, hg.SGD(0.1), x, y, 4, w=w, penalty=penalty, epochs=1, python=True)


def test_without_weights_the_program_knows_none() -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.Softmax())
    source = hg.compiled_source(net, hg.CrossEntropyLoss(), hg.SGD(0.1))
    assert source.startswith("def epoch(\n    n_rows, ")
    assert "sample_weight" not in source


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n != "LBFGS"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_optimizer(name: str, dtype: Any) -> None:
    net, x = around(hg.Tanh(), dtype)
    loss = hg.MSELoss()
    compare(net, loss, OPTIMIZERS[name](), x, targets(loss, len(x), 2, dtype), 3, epochs=5)


USERS: dict[str, Any] = {
    "running statistics": lambda: pages.BatchNorm(4),
    "convolution by windows": lambda: pages.Conv1d(),
    "batched attention": lambda: pages.Attention(),
    "residual": lambda: pages.Residual(hg.Linear(4, 4, rng=0)),
}


@pytest.mark.parametrize("name", USERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_size", [3, 100])
def test_a_users_own_page(name: str, dtype: Any, batch_size: int) -> None:
    net, x = around(USERS[name](), dtype)
    loss = hg.MSELoss()
    compare(net, loss, hg.SGD(0.1), x[:6], targets(loss, 6, 2, dtype), batch_size)


class Row(hg.Layer):
    """(n, 2, 3) as (n, 6)."""

    def forward(self, x: Any) -> Any:
        return x.reshape(len(x), 6)

    def backward(self, dy: Any) -> Any:
        return dy.reshape(len(dy), 2, 3)


def test_an_embedding_with_scattered_gradients() -> None:
    net, x = embedded()
    loss = hg.MSELoss()
    compare(net, loss, hg.SGD(0.1), x, targets(loss, 7, 2, np.float64), 3)


def test_rows_of_several_axes() -> None:
    class Flatten(hg.Layer):
        def forward(self, x: Any) -> Any:
            self.shape = x.shape
            return x.reshape(len(x), -1)

        def backward(self, dy: Any) -> Any:
            return dy.reshape(self.shape)

    net = hg.Net(Flatten(), hg.Linear(6, 3, rng=0), hg.Softmax(), dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((5, 2, 3))
    compare(net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, np.array([0, 1, 2, 1, 0]), 2)


def test_frozen_layers_stay_as_they_are() -> None:
    net, x = around(hg.Linear(4, 4, rng=0), np.float64)
    net.layers[1].freeze()
    before = net.layers[1].W.copy()
    y = targets(hg.MSELoss(), 7, 2, np.float64)
    twin = copy.deepcopy(net)
    run_epoch(engine_of(CompiledEngine, twin, hg.MSELoss(), hg.SGD(0.1), x, y, 3), np.arange(7))
    run_epoch(engine_of(EagerEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, 3), np.arange(7))
    np.testing.assert_array_equal(twin.layers[1].W, before)
    np.testing.assert_allclose(twin.parameters, net.parameters, rtol=1e-12)


@settings(max_examples=12, derandomize=True)
@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    activation=st.sampled_from([hg.Tanh, hg.ReLU, hg.layers.LeakyReLU, hg.Sigmoid]),
    loss=st.sampled_from(sorted(LOSSES)),
    dtype=st.sampled_from(DTYPES),
    rows=st.integers(1, 20),
    batch_size=st.integers(1, 25),
)
def test_random_nets(
    widths: list[int], activation: Any, loss: str, dtype: Any, rows: int, batch_size: int
) -> None:
    criterion = LOSSES[loss]()
    if criterion.target_kind.indices:
        widths[-1] += 1
    net = hg.Net(dtype=dtype)
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        net.add(hg.Linear(n_in, n_out, rng=i))
        if i < len(widths) - 2:
            net.add(activation())
    net.add(LAST.get(loss, hg.Tanh)())
    x = np.random.default_rng(rows).standard_normal((rows, widths[0])).astype(dtype)
    y = targets(criterion, rows, widths[-1], dtype)
    compare(net, criterion, hg.SGD(0.05), x, y, batch_size)


def test_many_steps_stay_together() -> None:
    net = hg.Net(hg.Linear(4, 8, rng=0), hg.Tanh(), hg.Linear(8, 3, rng=1), hg.Softmax())
    x, y = hg.data.load("iris")
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    doubled = hg.Net(copy.deepcopy(net), dtype=np.float64)
    compare(doubled, hg.CrossEntropyLoss(), hg.SGD(0.1), x.astype(np.float64), y, 15, epochs=20)
    compare(net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 15, epochs=5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_printed_program_runs_as_python_and_gives_the_same(dtype: Any) -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.ReLU(), hg.Linear(4, 3, rng=1), hg.Softmax())
    net = hg.Net(net, dtype=dtype)
    x = np.random.default_rng(0).standard_normal((7, 3)).astype(dtype)
    y = targets(hg.CrossEntropyLoss(), 7, 3, dtype)
    compare(net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 3, python=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_by_blas_give_the_same(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.engines.compiled.small_gemm.vector_bytes", lambda: 0)
    monkeypatch.setenv("HANDGRAD_CACHE", "off")  # the cache takes them for those tile by tile
    compare_products(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_tile_by_tile_give_the_same(dtype: Any) -> None:
    compare_products(dtype)


@pytest.mark.parametrize("batch_size", [8, 16])  # the rows where they are, and innermost
@pytest.mark.parametrize("dtype", DTYPES)
def test_convolutions_are_products_with_a_column_for_each_place_of_a_batch(
    dtype: Any, batch_size: int
) -> None:
    layers = (hg.Conv2d(1, 3, 3, rng=0), hg.ReLU(), hg.MaxPool2d(2), hg.Conv2d(3, 4, 2, rng=1))
    net = hg.Net(*layers, hg.Flatten(), hg.Linear(16, 10, rng=2), dtype=dtype)
    x = np.random.default_rng(0).standard_normal((22, 1, 8, 8)).astype(dtype)
    y = targets(hg.SoftmaxCrossEntropyLoss(), 22, 10, dtype)
    given = (net, hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.01), x, y, batch_size)
    source = engine_of(CompiledEngine, *given).run.program.source()
    sizes = re.findall(r"matrix_product\(([^(]*), \(", source)
    assert sum("36 * n" in size for size in sizes) == 2  # forward, dW; nobody needs dx
    assert sum("4 * n" in size for size in sizes) == 3
    compare(*given)


def test_windows_beside_one_another_are_one_loop_and_their_largest_number_one_line() -> None:
    layers = (hg.Conv2d(2, 2, 1, rng=0), hg.Conv2d(2, 2, (1, 5), rng=1), hg.MaxPool2d(2))
    net = hg.Net(*layers, hg.Flatten(), hg.Linear(4, 3, rng=2))
    x = np.random.default_rng(0).standard_normal((22, 2, 4, 6)).astype(np.float32)
    y = targets(hg.SoftmaxCrossEntropyLoss(), 22, 3, np.float32)
    given = (net, hg.SoftmaxCrossEntropyLoss(), hg.SGD(0.1), x, y, 16)
    source = engine_of(CompiledEngine, *given).run.program.source()
    assert re.search(r"for k\d+ in range\(4\):", source)  # dx of the second to the fifth place
    assert "maximum(maximum(" in source
    compare(*given)


def compare_products(dtype: Any) -> None:
    net = hg.Net(hg.Linear(40, 30, rng=0), hg.Tanh(), hg.Linear(30, 20, rng=1), hg.Softmax())
    net = hg.Net(net, dtype=dtype)
    x = np.random.default_rng(0).standard_normal((50, 40)).astype(dtype)
    y = targets(hg.CrossEntropyLoss(), 50, 20, dtype)
    program = engine_of(
        CompiledEngine, net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 16
    ).run.program
    assert program.source().count("matrix_product") == 5
    compare(net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 16)
    compare(net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 16, epochs=1, python=True)


def test_divergence_names_the_batch_and_leaves_before_its_update() -> None:
    net = hg.Net(hg.Linear(1, 1, rng=0, dtype=np.float64))
    x = np.array([[1.0], [1.0], [1e200], [1.0]])
    y = np.ones((4, 1))
    compiled = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, 1)
    found = run_epoch(compiled, np.arange(4))
    assert found.diverged_at == 3
    assert np.isfinite(net.parameters).all()


def test_a_nan_passes_through_maximum() -> None:
    net = hg.Net(hg.ReLU(), hg.Linear(2, 1, rng=0, dtype=np.float64))
    x, y = np.array([[1.0, 2.0], [np.nan, 1.0]]), np.ones((2, 1))
    compiled = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, 1)
    assert run_epoch(compiled, np.arange(2)).diverged_at == 2


@pytest.mark.parametrize("w", [None, np.array([0.5, 1.0])])
def test_a_saturated_softmax_stays_finite(w: Any) -> None:
    net = hg.Net(hg.Linear(1, 2, rng=0, dtype=np.float64), hg.Softmax())
    net.layers[0].W = np.array([[1000.0], [-1000.0]])
    x, y = np.array([[1.0], [1.0]]), np.array([1, 0])
    compiled = engine_of(CompiledEngine, net, hg.CrossEntropyLoss(), hg.SGD(0.1), x, y, 2, w=w)
    found = run_epoch(compiled, np.arange(2))
    assert found.loss == pytest.approx(1000.0 if w is None else 1000 / 1.5)
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_is_as_exact_as_its_type(dtype: Any) -> None:
    net = hg.Net(hg.Tanh(), hg.Linear(1, 1, initializer="zeros"), dtype=dtype)
    x = np.concatenate([np.linspace(-30, 30, 60_001), np.geomspace(1e-30, 1, 5_000)])
    x = x[:, None].astype(dtype)

    class Seen(hg.Tanh):
        pass

    net = hg.Net(Seen(), dtype=dtype)
    compiled = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, np.zeros_like(x), 1000)
    found = run_epoch(compiled, np.arange(len(x))).predictions
    np.testing.assert_allclose(found, np.tanh(x.astype(np.float64)), rtol=4 * np.finfo(dtype).eps)
    assert np.abs(found).max() <= 1


def embedded() -> tuple[hg.Net, Any]:
    net = hg.Net(
        hg.Embedding(5, 3, rng=0, dtype=np.float64), Row(), hg.Linear(6, 2, rng=0, dtype=np.float64)
    )
    return net, np.random.default_rng(0).integers(0, 5, (7, 2))


@pytest.mark.parametrize("wrong", [5, -1, 10**9])
def test_an_index_out_of_range_is_refused_before_machine_code_reads_there(wrong: int) -> None:
    net, x = embedded()
    y = targets(hg.MSELoss(), 7, 2, np.float64)
    before = net.state()
    bad = x.copy()
    bad[4, 1] = wrong
    for training, held_out in ((bad, []), (x, [bad])):
        with pytest.raises(hg.errors.DataError, match=r"(?s)indices from .* in x.*from 0 to 4"):
            engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), training, y, 3, held_out)
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, before[path])


def coded(dtype: Any, n_members: int = 1) -> tuple[hg.Net, Any]:
    """A net behind codes that stand beside numbers, and rows for it."""
    sizes: Any = {"n_codes": 2, "n_numbers": 3, "rng": 0, "dtype": dtype}
    net = hg.Net(
        hg.tables.EnsembleEmbedding(5, 2, n_members, **sizes),
        hg.tables.EnsembleLinear(7, 2, n_members, rng=1, dtype=dtype),
    )
    rng = np.random.default_rng(0)
    numbers, codes = 9 * rng.normal(size=(7, n_members, 3)), rng.integers(0, 5, (7, n_members, 2))
    return net, np.concatenate([numbers, codes], axis=2).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_codes_beside_numbers(dtype: Any) -> None:
    net, x = coded(dtype, 2)
    compare(
        net, hg.MSELoss(), hg.Adam(0.1), x, targets(hg.MSELoss(), 7, 4, dtype).reshape(7, 2, 2), 3
    )


@pytest.mark.parametrize("wrong", [5.0, -1.0])
def test_codes_beside_numbers_are_checked(wrong: float) -> None:
    net, x = coded(np.float64, 2)
    x[4, 1, 4] = wrong
    y = targets(hg.MSELoss(), 7, 4, np.float64).reshape(7, 2, 2)
    with pytest.raises(hg.errors.DataError, match=r"(?s)indices from .* in x.*from 0 to 4"):
        engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, 3)


def test_rows_that_do_not_lie_together_are_copied_first() -> None:
    net, x = around(hg.Tanh(), np.float64)
    y = targets(hg.MSELoss(), 7, 2, np.float64)
    scattered = np.asfortranarray(x)
    twin = copy.deepcopy(net)
    for trained, rows in ((net, x), (twin, scattered)):
        engine = engine_of(CompiledEngine, trained, hg.MSELoss(), hg.SGD(0.1), rows, y, 3)
        run_epoch(engine, np.arange(7))
    np.testing.assert_array_equal(twin.parameters, net.parameters)


@pytest.mark.parametrize("name", [*LAYERS, *USERS])
@pytest.mark.parametrize("dtype", DTYPES)
def test_predictions(name: str, dtype: Any) -> None:
    net, x = around((LAYERS | USERS)[name](), dtype)
    shape = net.predict(x, engine="eager").shape
    y = targets(hg.MSELoss(), math.prod(shape[:-1]), 2, dtype).reshape(shape)
    rtol, atol = (1e-10, 1e-12) if dtype == np.float64 else (1e-4, 1e-5)
    for n in (1, 7, 300, 1000):
        rows = around((LAYERS | USERS)[name](), dtype, n)[1]
        compiled = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.01), x, y, 4, [rows])
        (found,) = run_epoch(compiled, np.arange(7)).held_out
        assert found is not None
        np.testing.assert_allclose(found, net.predict(rows, engine="eager"), rtol, atol)


def test_training_reports_the_same_on_both_engines() -> None:
    x, y = hg.data.load("iris")
    reports = []
    engines: tuple[Any, ...] = ("eager", "compiled")
    for engine in engines:
        net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 8, rng=0), hg.Tanh())
        net.add(hg.Linear(8, 3, rng=1)).add(hg.Softmax())
        history = hg.fit(
            net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=15,
            validation=0.2, rng=0, engine=engine,
        )  # fmt: skip
        reports.append(history.columns())
    for name in reports[0]:
        if name != "seconds":
            eager, compiled = (np.array(columns[name], float) for columns in reports)
            np.testing.assert_allclose(eager, compiled, rtol=1e-4, err_msg=name)
