"""Predictions by machine code: the same numbers, and never those of a net as it once was."""

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.ir_helpers import has_fma
from handgrad.engines.compiled.program_cache import PREDICTED_AT_ONCE as BATCH
from handgrad.engines.dispatch import DispatchingPredictor
from handgrad.graph.threads import cores_at_most
from tests.contracts.table import LAYERS, rows_for
from tests.graph import pages

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


def classifier(dtype: Any = np.float64) -> hg.Net:
    layers = (
        hg.Linear(4, 7, rng=0),
        hg.layers.LeakyReLU(0.1),
        hg.Linear(7, 3, rng=1),
        hg.Softmax(),
    )
    return hg.Net(*layers, dtype=dtype)


def rows(n: int, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(n).standard_normal((n, 4)).astype(dtype)


def assert_same(net: hg.Net, x: Any, engine: Any = "compiled") -> None:
    found = net.predict(x, engine=engine)
    expected = copy.deepcopy(net).predict(x, engine="eager")
    rtol = TOLERANCE[net.dtype.type]
    np.testing.assert_allclose(found, expected, rtol, rtol)


def by_machine_code(net: hg.Net) -> bool:
    predictor = net._predictor
    assert isinstance(predictor, DispatchingPredictor)
    return "compiled" in predictor.made and predictor.made["compiled"].is_current()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 2, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH, 2000])
def test_any_number_of_rows(n: int, dtype: Any) -> None:
    net = classifier(dtype)
    net.predict(rows(1, dtype), engine="compiled")
    assert_same(net, rows(n, dtype))
    assert net.predict(rows(n, dtype), engine="compiled").shape == (n, 3)


@pytest.mark.parametrize("name", LAYERS)
def test_no_rows_have_no_predictions_of_any_layer(name: str) -> None:
    layer = LAYERS[name]()
    net, x = hg.Net(layer, dtype=np.float64), rows_for(layer, 3)
    for engine in ("eager", "compiled", "portable"):
        found = net.predict(x[:0], engine=engine)
        assert found.shape == (0, *net.predict(x, engine=engine).shape[1:])


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name: str) -> None:
    layer = LAYERS[name]()
    net, x = hg.Net(layer, dtype=np.float64), rows_for(layer, 10)
    few, more = x[:3], x[3:]
    net.predict(few, engine="compiled")
    assert by_machine_code(net)
    assert_same(net, more)


class RaisesTheFlag(hg.Layer):
    """y = x, and the processor's flag "invalid" as OpenBLAS raises it now and then."""

    def forward(self, x: Any) -> Any:
        np.subtract(np.inf, np.inf)
        return x

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_flag_that_means_nothing_warns_of_nothing(engine: Any) -> None:
    x = rows(3)
    net = hg.Net(RaisesTheFlag(), dtype=np.float64)
    np.testing.assert_array_equal(net.predict(x, engine=engine), x)


def test_many_rows_on_several_threads_are_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = classifier(), rows(20 * BATCH + 3)
    net.predict(x[:1], engine="compiled")
    one = net.predict(x, engine="compiled")
    monkeypatch.setattr("handgrad.engines.compiled.predictor.A_THREADS_WORK", 1)
    for cores in (2, 3, 7):
        monkeypatch.setattr("handgrad.graph.threads.available_cores", lambda cores=cores: cores)
        np.testing.assert_array_equal(net.predict(x, engine="compiled"), one)


def test_auto_compiles_where_the_rows_alone_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.engines.cost_model.cost_of_compiling", lambda net, steps: 1e-4)
    net, few, many = classifier(), rows(1), rows(10_000)
    for _ in range(3):
        net.predict(few)
    assert not by_machine_code(net)
    net.predict(many)
    assert by_machine_code(net)
    assert_same(net, many, "auto")


def test_auto_goes_by_sizes_whatever_was_predicted_before() -> None:
    net, x = classifier(), rows(7)
    expected = classifier().predict(x)
    net.predict(x, engine="compiled")
    np.testing.assert_array_equal(net.predict(x), expected)


def test_a_net_that_cannot_be_compiled_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.engines.cost_model.cost_of_compiling", lambda net, steps: 0.0)
    net = hg.Net(Setted(), dtype=np.float64)
    for _ in range(2):
        assert_same(net, rows(3), "auto")
    assert not by_machine_code(net)
    assert net._predictor.refused  # type: ignore[attr-defined]


def change_weights(net: hg.Net) -> None:
    net.layers[0].W = 2 * net.layers[0].W


def load_weights(net: hg.Net) -> None:
    net.load_state({path: array + 1 for path, array in net.state().items()})


def train(net: hg.Net) -> None:
    y = np.arange(9) % 3
    for _ in hg.train(
        net, (rows(9), y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1
    ):
        pass


def change_a_setting(net: hg.Net) -> None:
    net.layers[1].a = 0.5


def add_a_layer(net: hg.Net) -> None:
    net.add(hg.Linear(3, 3, rng=5))


def replace_a_layer(net: hg.Net) -> None:
    net.layers[1] = hg.Tanh()


CHANGES = [change_weights, load_weights, train, change_a_setting, add_a_layer, replace_a_layer]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_is_seen(change: Any) -> None:
    net, x = classifier(), rows(3)
    before = net.predict(x, engine="compiled")
    change(net)
    assert not np.allclose(net.predict(x, engine="compiled"), before)
    assert_same(net, x)
    net.predict(x, engine="compiled")
    assert_same(net, x)


def test_a_whole_set_is_evaluated_by_machine_code_too() -> None:
    net, data = classifier(), (rows(700), np.arange(700) % 3)
    loss = hg.CrossEntropyLoss()
    expected = hg.evaluate(net, data, loss=loss, engine="eager")
    assert not by_machine_code(net)
    found = hg.evaluate(net, data, loss=loss, engine="compiled")
    assert by_machine_code(net)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    assert found.metrics == expected.metrics


def test_changes_elsewhere_do_not_matter() -> None:
    net, other = classifier(), classifier()
    net.predict(rows(1), engine="compiled")
    change_a_setting(other)
    net.layers[1].a = net.layers[1].a
    assert by_machine_code(net)
    assert_same(net, rows(3))


class Masked(hg.Layer):
    """y = m x, m a table that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.m = np.array([1.0, 0.0, 1.0, 2.0])

    def forward(self, x: Any) -> Any:
        return x * self.m


def test_a_table_that_is_written_into_is_seen() -> None:
    net = hg.Net(Masked(), hg.Linear(4, 2, rng=0), dtype=np.float64)
    net.predict(rows(3), engine="compiled")
    net.layers[0].m[1] = 7.0
    assert_same(net, rows(3))


class Listed(hg.Layer):
    """y = factors x, with its settings in lists, dicts and tuples of those."""

    def __init__(self) -> None:
        super().__init__()
        self.factors = [1.0, 2.0, 3.0, 4.0]
        self.shifts: dict[str, Any] = {"by": [np.ones(4), 2.0]}
        self.both: Any = ({"power": 1}, [1.0])

    def forward(self, x: Any) -> Any:
        table, more = self.shifts["by"]
        factors = np.array(self.factors, x.dtype) * self.both[1][0]
        return (x * factors) ** self.both[0]["power"] + table.astype(x.dtype) + more

    def backward(self, dy: Any) -> Any:
        return dy * np.array(self.factors, dy.dtype)


def change_a_factor(layer: Any) -> None:
    layer.factors[0] = 9.0


def change_a_number_in_a_dict(layer: Any) -> None:
    layer.shifts["by"][1] = 5.0


def change_a_table_in_a_list(layer: Any) -> None:
    layer.shifts["by"][0][2] = 5.0


def change_what_a_tuple_holds(layer: Any) -> None:
    layer.both[0]["power"] = 2


def give_another_list(layer: Any) -> None:
    layer.factors = [4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "change",
    [
        change_a_factor,
        change_a_number_in_a_dict,
        change_a_table_in_a_list,
        change_what_a_tuple_holds,
        give_another_list,
    ],
)
def test_lists_and_dicts_are_settings_whose_changes_are_seen(change: Any) -> None:
    net = hg.Net(Listed(), hg.Linear(4, 2, rng=0), dtype=np.float64)
    assert_same(net, rows(3))
    assert by_machine_code(net)
    before = net.predict(rows(3), engine="compiled")
    change(net.layers[0])
    assert not np.allclose(net.predict(rows(3), engine="compiled"), before)
    assert_same(net, rows(3))


def test_lists_that_replace_equal_ones_are_watched_too() -> None:
    net = hg.Net(Listed(), hg.Tanh(), hg.Linear(4, 2, rng=0), dtype=np.float64)
    net.predict(rows(3), engine="compiled")
    net.layers, net.layers[0].factors = [*net.layers], [*net.layers[0].factors]
    assert by_machine_code(net)
    change_a_factor(net.layers[0])
    assert_same(net, rows(3))
    net.layers, net.layers[0].factors = [*net.layers], [*net.layers[0].factors]
    assert by_machine_code(net)
    net.layers[1] = hg.ReLU()
    assert_same(net, rows(3))


class Private(hg.Layer):
    """y = x to a power that is the layer's own business, with a set that is, too."""

    def __init__(self) -> None:
        super().__init__()
        self._power, self._seen = 1, {"nothing"}

    def forward(self, x: Any) -> Any:
        return x**self._power


def test_private_settings_are_compared_where_they_can_be() -> None:
    net = hg.Net(Private(), hg.Linear(4, 2, rng=0), dtype=np.float64)
    net.predict(rows(3), engine="compiled")
    assert by_machine_code(net)
    net.layers[0]._power = 2
    assert not by_machine_code(net)
    assert_same(net, rows(3))


def test_frozen_layers_predict_as_before() -> None:
    net = classifier()
    net.predict(rows(3), engine="compiled")
    net.freeze()
    assert by_machine_code(net)


def test_what_trains_with_lists_is_exported_with_them(tmp_path: Path) -> None:
    net = hg.Net(Listed(), hg.Linear(4, 2, rng=0))
    x = rows(70).astype(np.float32)
    kw: Any = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.01), "engine": "compiled"}
    hg.fit(net, (x, x[:, :2]), epochs=1, rng=0, **kw)
    for ending in (".py", ".c", ".js"):
        hg.export(net, tmp_path / f"listed{ending}", x)


class Setted(Masked):
    """Has a setting in a set, of which nobody keeps a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.m, self.places = np.ones(4), {0, 2}

    def forward(self, x: Any) -> Any:
        return x * np.array([k in self.places for k in range(4)], x.dtype)


def test_a_setting_that_can_change_unseen_is_predicted_eagerly() -> None:
    net = hg.Net(Setted(), hg.Linear(4, 2, rng=0), dtype=np.float64)
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)places of .*a set, .*try: .*lists, tuples"
    ):
        net.predict(rows(3), engine="compiled")
    net.layers[0].places.add(1)
    assert_same(net, rows(3), "auto")


def test_running_state_is_read_as_it_is() -> None:
    net = hg.Net(pages.BatchNorm(4), hg.Linear(4, 2, rng=0), dtype=np.float64)
    net.predict(rows(3), engine="compiled")
    net.layers[0].mean = np.arange(4.0)
    assert by_machine_code(net)
    assert_same(net, rows(3))


def test_nan_and_other_bad_rows_are_refused_as_ever() -> None:
    net, x = classifier(), rows(600)
    net.predict(x, engine="compiled")
    for n, bad in ((3, 1), (600, 599)):
        broken = x[:n].copy()
        broken[bad, 2] = np.nan
        with pytest.raises(hg.errors.DataError, match=rf"NaN or infinity .*in row {bad}"):
            net.predict(broken, engine="compiled")
    with pytest.raises(hg.errors.ShapeError, match="5 features"):
        net.predict(np.ones((2, 5)), engine="compiled")
    with pytest.raises(hg.errors.SettingError, match="engine='fast'"):
        net.predict(x, engine="fast")  # type: ignore[arg-type]
    assert_same(net, x)


def test_infinity_that_a_layer_would_make_finite_is_refused_too() -> None:
    net, x = hg.Net(hg.ReLU(), hg.Linear(4, 2, rng=0)), rows(600, np.float32)
    net.predict(x, engine="compiled")
    assert by_machine_code(net)
    x[599, 2] = -np.inf
    for some, row in ((x, 599), (x[-3:], 2)):
        with pytest.raises(hg.errors.DataError, match=rf"NaN or infinity .*in row {row}"):
            net.predict(some, engine="compiled")


def test_an_index_out_of_range_is_refused() -> None:
    net = hg.Net(hg.Embedding(5, 3, rng=0), dtype=np.float64)
    x = np.array([[0, 4], [2, 2]])
    net.predict(x, engine="compiled")
    assert by_machine_code(net)
    for wrong in (5, -6):
        with pytest.raises((hg.errors.ShapeError, hg.errors.DataError, IndexError)):
            net.predict(np.array([[0, wrong]]), engine="compiled")
    assert_same(net, x)


def test_codes_beside_numbers() -> None:
    net = hg.Net(hg.tables.TabularEmbedding(3, 2, n_numbers=1, rng=0, dtype=np.float64))
    x = np.array([[9.5, 2.0], [-7.0, 0.0]])
    net.predict(x, engine="compiled")
    assert by_machine_code(net)
    assert_same(net, x)
    with pytest.raises(hg.errors.DataError, match="codes from 1 to 3"):
        net.predict(x + np.array([0, 1]), engine="compiled")
    assert_same(net, x)


def test_other_rows_than_those_it_was_made_for() -> None:
    net = classifier()
    net.predict(rows(3), engine="compiled")
    assert_same(net, rows(3).astype(np.float32))
    assert_same(net, [[1, 2, 3, 4]])
    assert_same(net, np.asfortranarray(rows(700)))
    assert_same(net, rows(9)[::-2])


def test_copies_and_pickles_predict_with_their_own_weights() -> None:
    net, x = classifier(), rows(3)
    before = net.predict(x, engine="compiled")
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        twin.layers[0].W = 0 * twin.layers[0].W
        assert not np.allclose(twin.predict(x, engine="compiled"), before)
    np.testing.assert_array_equal(net.predict(x, engine="compiled"), before)


def test_a_net_that_joins_another_predicts_with_the_weights_it_has_there() -> None:
    inner = classifier()
    inner.predict(rows(3), engine="compiled")
    outer = hg.Net(inner, dtype=np.float64)
    outer.parameters[...] *= 2
    assert_same(inner, rows(3))


def test_threads_do_not_disturb_each_other() -> None:
    net = classifier()
    inputs = [rows(n) for n in (1, 2, 50, BATCH)]
    expected = [net.predict(x, engine="eager") for x in inputs]
    net.predict(inputs[0], engine="compiled")
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(300):
            if not np.allclose(
                net.predict(inputs[k], engine="compiled"), expected[k], 1e-12, 1e-12
            ):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k % 4,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_many_rows_have_the_same_predictions_on_one_core_and_on_several() -> None:
    net, x = hg.Net(hg.Linear(64, 100, rng=0), hg.ReLU(), hg.Linear(100, 10, rng=1)), rows_of(6000)
    with cores_at_most(1):
        expected = net.predict(x, engine="compiled")
    wrong: list[int] = []
    # without fused multiply-add BLAS multiplies, whose last digits depend on the number of rows
    digits = 0.0 if has_fma() else 1e-5

    def work(k: int) -> None:
        for _ in range(20):
            part = slice(None, None) if k else slice(3000)
            p = net.predict(x[part], engine="compiled")
            if not np.allclose(p, expected[part], digits, digits):
                wrong.append(k)

    work(1)
    threads = [threading.Thread(target=work, args=(k % 2,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("place", [0, 5999])
def test_one_row_whose_prediction_is_not_finite_is_noticed_on_any_core(place: int) -> None:
    net, x = hg.Net(hg.Linear(64, 100, rng=0), hg.ReLU(), hg.Linear(100, 10, rng=1)), rows_of(6000)
    x[place] = 3e38 * np.sign(net.layers[0].W[0])
    with np.errstate(over="ignore", invalid="ignore"):
        expected = net.predict(x, engine="eager")
        found = net.predict(x, engine="compiled")
    assert not np.isfinite(expected[place]).all()
    np.testing.assert_array_equal(found, expected)


def rows_of(n: int) -> Any:
    return np.random.default_rng(n).standard_normal((n, 64)).astype(np.float32)


def test_the_result_belongs_to_who_asked() -> None:
    net = classifier()
    net.predict(rows(1), engine="compiled")
    first = net.predict(rows(1), engine="compiled")
    kept = first.copy()
    net.predict(rows(2), engine="compiled")
    np.testing.assert_array_equal(first, kept)
