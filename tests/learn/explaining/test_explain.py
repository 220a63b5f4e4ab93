"""What `hg.explain` takes, what it refuses, and that it leaves the model as it was."""

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

import handgrad as hg


def net_of(*, norm: bool = False) -> hg.Net:
    middle = [hg.BatchNorm(4)] if norm else [hg.Tanh()]
    return hg.Net(hg.Linear(3, 4, rng=0), *middle, hg.Linear(4, 2, rng=1), hg.Softmax())


X = np.random.default_rng(0).standard_normal((50, 3))


@pytest.mark.parametrize(
    ("explain", "came"),
    [
        (lambda: hg.explain(net_of(), X[500:501], [1]), "0 rows of x and 1 targets"),
        (lambda: hg.explain(net_of(), X[:0]), "no row"),
        (lambda: hg.explain(net_of(), [[1, np.nan, 2]], [1]), "NaN or infinite"),
        (lambda: hg.explain(net_of(), [[1, np.inf, 2]]), "NaN or infinite"),
        (lambda: hg.explain(net_of(), X[:1], [7]), "label 7"),
        (lambda: hg.explain(net_of(), X[:1], [1.5], loss=hg.MSELoss()), r"shape \(1, 2\)"),
        (lambda: hg.explain(net_of(), X[:1], [1], loss=hg.SoftmaxCrossEntropyLoss()), "passes"),
        (lambda: hg.explain(net_of(), X[:1, :2], [1]), "2 features"),
        (lambda: hg.explain(net_of(norm=True), X[:1], [1]), "a batch of 1 row in training"),
        (lambda: hg.explain(net_of(), X[:1], loss=hg.CrossEntropyLoss()), "without y"),
        (lambda: hg.explain(net_of(), X[:1], optimizer=hg.SGD(0.1)), "without y"),
        (lambda: hg.explain(net_of(), X[:1], [1], optimizer=hg.optimizers.LBFGS()), "searches"),
        (lambda: hg.explain(net_of(), X[:1], [1], optimizer="SGD"), "of type str"),  # type: ignore[arg-type]
        (lambda: hg.explain(net_of(), X[:1], [1], penalty=0.1), "of type float"),  # type: ignore[arg-type]
        (lambda: hg.explain(net_of(), X[:1], language="de"), "'en' .* or 'zh'"),
        (lambda: hg.explain(net_of(), X[:1], digits=0), "from 1 to 17"),
        (lambda: hg.explain(net_of(), np.zeros((5000, 3))), "up to 1000"),
        (lambda: hg.explain(hg.Net(), X[:1]), "without layers"),
        (lambda: hg.explain("net", X[:1]), "of type str"),  # type: ignore[arg-type]
        (lambda: hg.explain(hg.MLPClassifier(), X[:1]), "not fitted"),
    ],
)
def test_what_cannot_be_explained_is_refused(explain: Callable[[], object], came: str) -> None:
    with pytest.raises(hg.HandgradError, match=came):
        explain()


def test_the_model_and_its_streams_stay_as_they_are() -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.BatchNorm(4), hg.Dropout(0.5), hg.Linear(4, 2, rng=1))
    net.seed(3)
    before, stream = net.state(), net.layers[2].rng.bit_generator.state
    first = hg.explain(net, X[:5], X[:5, :2], loss=hg.MSELoss(), optimizer=hg.SGD(0.1))
    assert str(first) == str(hg.explain(net, X[:5], X[:5, :2], optimizer=hg.SGD(0.1)))
    assert net.layers[2].rng.bit_generator.state == stream
    assert all((array == before[name]).all() for name, array in net.state().items())
    assert net.layers[0].training


def test_values_are_those_of_the_pages() -> None:
    net, loss = net_of(), hg.CrossEntropyLoss()
    e = hg.explain(net, X[:4], [0, 1, 1, 0], loss=loss, optimizer=hg.SGD(0.5))
    value = loss.forward(net.forward(X[:4]), np.array([0, 1, 1, 0]))
    net.backward(loss.backward())
    assert e["loss"].value == value
    assert (e["0.dW"].value == net.layers[0].dW).all()
    hg.SGD(0.5).step(net)
    assert (e["new 0.W"].value == net.layers[0].W).all()


def test_without_targets_the_prediction_is_explained() -> None:
    net = net_of(norm=True)
    e = hg.explain(net, X[:1])
    assert {step.way for step in e.steps} == {"forward"}
    assert np.allclose(e.steps[-1].value, net.predict(X[:1]))


class Halve(hg.Layer):
    """y = x / 2      dx = dy / 2"""

    def forward(self, x: Any) -> Any:
        return x / 2

    def backward(self, dy: Any) -> Any:
        return dy / 2


def test_a_page_of_ones_own_is_explained_too() -> None:
    e = hg.explain(hg.Net(Halve()), [[3.0]], [[1.0]], loss=hg.MSELoss())
    assert "y_0[0,0] = 3 / 2 = 1.5" in str(e["0.y"])
    assert e["0.y"].page == "Halve()"
    assert e["0.y"].file == __file__


def test_a_comprehension_belongs_to_the_method_it_stands_in() -> None:
    net = hg.Net(hg.layers.Reshape(1, 2, 2), hg.MaxPool2d(2), hg.Flatten(), hg.Linear(1, 1, rng=0))
    e = hg.explain(net, [[1.0, 2.0, 3.0, 4.0]], [[1.0]], loss=hg.MSELoss())
    assert {step.method for step in e.steps if step.layer == "1"} == {"forward", "backward"}


def test_frozen_layers_are_not_updated() -> None:
    net = net_of()
    net.layers[0].freeze()
    e = hg.explain(
        net, X[:1], [1], optimizer=hg.SGD(0.1, groups={"*.b": {"learning_rate_factor": 0.5}})
    )
    new = [step.address for step in e.steps if step.way == "update"]
    assert new == ["2.W.new_w", "2.b.new_w"]
    assert "0.05·" in str(e["new 2.b"])


def test_where_numbers_stop_being_finite_is_said() -> None:
    net = hg.Net(hg.Linear(1, 1, rng=0))
    net.layers[0].W = [[1e30]]
    e = hg.explain(net, [[1e30]], [[0.0]], loss=hg.MSELoss())
    assert "NaN or infinite from z_0 on." in str(e)


def test_infinities_that_a_page_pads_with_are_meant() -> None:
    net = hg.Net(hg.MaxPool2d(2, padding=1), hg.Flatten())
    e = hg.explain(net, np.ones((1, 1, 2, 2)), np.zeros((1, 4)), loss=hg.MSELoss())
    assert "= −inf" in str(e)
    assert "Not finite" not in str(e)
    assert e.not_finite is None


def test_what_comes_out_of_a_layer_need_not_be_its_last_line() -> None:
    net = hg.Net(hg.layers.Reshape(1, 2, 2), hg.MaxPool2d(2), hg.Flatten(), hg.Linear(1, 1, rng=0))
    e = hg.explain(net, [[1.0, 2.0, 3.0, 4.5]], [[1.0]], loss=hg.MSELoss())
    assert "MaxPool2d(2)   → y_1 = 4.5\n" in str(e)
    assert e["1.y"].goes_on
    assert not e["1.first"].goes_on
    drawn = e.html().partition("<svg")[2].partition("</svg>")[0]
    assert f"{e['1.y'].node}-0-0-0-0" in drawn
    assert f"{e['1.first'].node}-0-0-0-0" not in drawn


def test_what_an_update_takes_has_not_come_out_of_the_layer() -> None:
    net = hg.Net(hg.Linear(1, 1, rng=0))
    e = hg.explain(net, [[1.0]], [[2.0]], loss=hg.MSELoss(), optimizer=hg.SGD(0.1))
    assert "backward · 0 · Linear(1, 1)   → dx_0 = " in str(e)


TABLE = pd.DataFrame(
    {
        "age": np.arange(20.0, 60.0),
        "town": ["Bern", "Basel", "Zug", None] * 10,
        "seen": pd.date_range("2024-01-01", periods=40),
    }
)
ANSWERS = np.where(TABLE.age > 41, "yes", "no")


def fitted(kind: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "pipeline":
            mlp = hg.MLPClassifier((3,), max_iter=2, random_state=0)
            return make_pipeline(hg.tables.TableEncoder(), mlp).fit(TABLE, ANSWERS)
        return hg.TabularClassifier(2, epochs=1, random_state=0).fit(TABLE, ANSWERS)


@pytest.mark.parametrize("kind", ["pipeline", "tabular"])
def test_a_row_of_a_table_is_told_as_it_was_read(kind: str) -> None:
    e = hg.explain(fitted(kind), TABLE[17:18], ANSWERS[17:18])
    text = str(e)
    assert re.search(r"age = 37 → age −0\.\d+   \(robust z-score", text)
    assert "town = Basel → town_Basel 1, town_Bern 0, town_Zug 0   (one-hot encoding" in text
    assert "seen = 2024-01-18 → seen" in text
    missing = hg.explain(fitted(kind), TABLE[3:4])
    assert "town = missing → town_Basel 0, town_Bern 0, town_Zug 0" in str(missing)


def test_a_table_may_be_a_dict_of_columns() -> None:
    table = {name: [*column] for name, column in TABLE[["age", "town"]].items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = hg.TabularRegressor(2, epochs=1, random_state=0).fit(table, np.arange(40.0))
    row = {"age": [37.0], "town": ["Zug"]}
    assert "town = Zug → town_Basel 0, town_Bern 0, town_Zug 1" in str(hg.explain(model, row))


def test_an_estimator_knows_its_classes_and_its_loss() -> None:
    model = fitted("pipeline")
    with pytest.raises(hg.errors.DataError, match="no class of the model"):
        hg.explain(model, TABLE[:1], ["perhaps"])
    with pytest.raises(hg.errors.SettingError, match="beside an estimator"):
        hg.explain(model, TABLE[:1], ["no"], loss=hg.MSELoss())


def test_large_nets_are_told_in_few_words() -> None:
    wide = hg.Net(hg.Linear(1000, 1000, rng=0), hg.ReLU(), hg.Linear(1000, 2, rng=1), hg.Softmax())
    e = hg.explain(wide, np.ones((1, 1000)), [1], optimizer=hg.SGD(0.1))
    assert len(str(e)) < 12_000
    assert "[997 smaller: " in str(e)
    assert "… 999996 more" in str(e["0.dW"])
    layers = [layer for i in range(100) for layer in (hg.Linear(4, 4, rng=i), hg.Tanh())]
    deep = hg.explain(hg.Net(*layers), np.ones((1, 4)), np.ones((1, 4)), loss=hg.MSELoss())
    assert len(str(deep)) < 60_000
    assert "forward · 100 · Linear(4, 4)" in str(deep)


def recurrence(steps: int) -> hg.learn.Explanation:
    net = hg.Net(hg.GRU(2, 2, rng=0), hg.Linear(2, 2, rng=1))
    x = np.random.default_rng(0).standard_normal((2, steps, 2))
    return hg.explain(net, x, [0, 1], loss=hg.SoftmaxCrossEntropyLoss())


def test_steps_of_a_recurrence_are_told_once() -> None:
    lines = str(recurrence(5)).splitlines()
    whole = "forward · 0 · step · GRU(2, 2)   → "
    assert sum(line.startswith(whole) for line in lines) == 1
    again = "forward · 0 · step · GRU(2, 2) (as above)   → "
    assert sum(line.startswith(again) for line in lines) == 4
    again = "backward · 0 · step_backward · GRU(2, 2) (as above)   → "
    assert sum(line.startswith(again) for line in lines) == 4
    names = [line.split(" = ")[0].strip() for line in lines]
    assert "t14_0" in names  # h of the first step
    assert "t28_0" not in names
    longer = str(recurrence(20)).splitlines()
    assert len(longer) < len(lines) + 3 * 15


def test_each_step_of_a_recurrence_is_there_to_be_asked_for() -> None:
    e = recurrence(3)
    assert len([s for s in e.sections if s.first.method == "step"]) == 3
    assert len([s for s in e.sections if s.first.method == "step_backward"]) == 3


def test_lines_of_a_loop_are_told_at_its_ends() -> None:
    convolution = hg.Conv2d(1, 1, 5, rng=0)
    net = hg.Net(convolution, hg.MaxPool2d(4, stride=2), hg.Flatten(), hg.Linear(1, 2, rng=1))
    x = np.random.default_rng(0).standard_normal((1, 1, 8, 8))
    told = str(hg.explain(net, x, [1], loss=hg.SoftmaxCrossEntropyLoss()))
    assert re.search(r"\n  … 44 more   windows\.py:\d+, windows\.py:\d+\n", told)
    assert len(told.splitlines()) < 400


def test_a_section_says_what_other_layers_take_of_it() -> None:
    net = hg.Net(hg.Conv2d(1, 1, 2, rng=0), hg.MaxPool2d(2), hg.Flatten(), hg.Linear(1, 2, rng=1))
    e = hg.explain(net, np.ones((1, 1, 3, 3)), [1], loss=hg.SoftmaxCrossEntropyLoss())
    assert "\nforward · 1 · MaxPool2d(2)   → y_1 = " in str(e)


def test_what_is_filled_with_ones_is_not_told_as_zeros() -> None:
    net = hg.Net(hg.layers.MeanOverTime(), hg.Linear(2, 1, rng=0))
    told = str(hg.explain(net, np.ones((1, 3, 2))))
    assert "ones_like" in told
    assert "      all 1\n" in told
