"""`capacity_curve` and `learning_curve`: the figures are those of nets trained one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.training import curves
from tests.bad_input.refused import refused

X, Y = hg.data.make_moons(90, noise=0.3, rng=0)
DATA, HELD = (X[:40], Y[:40]), (X[40:], Y[40:])


def make_net(units: int, rng: np.random.Generator) -> hg.Net:
    net = hg.Net(hg.Linear(2, units, rng=rng), hg.Tanh())
    return net.add(hg.Linear(units, 2, rng=rng)).add(hg.Softmax())


def three_units(rng: np.random.Generator) -> hg.Net:
    return make_net(3, rng)


SHARED: dict[str, Any] = {
    "validation": HELD,
    "loss": hg.CrossEntropyLoss(),
    "optimizer": hg.SGD(0.3),
    "epochs": 6,
    "seeds": 3,
    "rng": 0,
    "batch_size": 8,
}


def capacity(**changed: Any) -> hg.training.CapacityCurve:
    return hg.training.capacity_curve(
        changed.pop("make_net", make_net),
        changed.pop("capacities", [1, 4]),
        changed.pop("data", DATA),
        **SHARED | changed,
    )


def learning(**changed: Any) -> hg.training.LearningCurve:
    return hg.training.learning_curve(
        changed.pop("make_net", three_units),
        changed.pop("rows", [8, 40]),
        changed.pop("data", DATA),
        **SHARED | changed,
    )


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_each_figure_is_that_of_a_net_trained_by_itself(engine: Any) -> None:
    made: list[tuple[int, hg.Net]] = []

    def noted(units: int, rng: np.random.Generator) -> hg.Net:
        made.append((units, make_net(units, rng)))
        return made[-1][1]

    found = capacity(make_net=noted, engine=engine)
    assert [units for units, _ in made] == [1, 1, 1, 4, 4, 4]
    assert found.capacities.tolist() == [1, 4]
    for k, (_, net) in enumerate(made):
        for side, data in ((found.train, DATA), (found.validation, HELD)):
            alone = hg.evaluate(net, data, loss=hg.CrossEntropyLoss())
            assert side["loss"][k // 3, k % 3] == alone.loss
            assert side["accuracy"][k // 3, k % 3] == alone.metrics["accuracy"]
    assert found.missing.tolist() == [0, 0]


def test_the_nets_have_been_trained_on_the_data_in_the_usual_way() -> None:
    made = []

    def noted(units: int, rng: np.random.Generator) -> hg.Net:
        made.append(make_net(units, rng))
        return made[-1]

    capacity(make_net=noted, shuffle=False, seeds=1, capacities=[4])
    (seed,) = curves._seeds(1, 0)
    twin = make_net(4, np.random.default_rng(seed).spawn(2)[0])
    own = {name: v for name, v in SHARED.items() if name not in ("validation", "seeds")}
    hg.fit(twin, DATA, shuffle=False, **own)
    np.testing.assert_allclose(made[0].parameters, twin.parameters, rtol=1e-4, atol=1e-6)


def test_the_seeds_differ_from_each_other_and_are_the_same_at_every_capacity() -> None:
    drawn: dict[int, list[float]] = {1: [], 4: []}

    def noted(units: int, rng: np.random.Generator) -> hg.Net:
        net = make_net(units, rng)
        drawn[units].append(float(rng.normal()) if units == 1 else 0.0)
        return net

    found = capacity(make_net=noted)
    assert len({*drawn[1]}) == 3
    assert len({*found.validation["loss"][1].tolist()}) == 3
    starts: list[Any] = []

    def same_size(_: int, rng: np.random.Generator) -> hg.Net:
        net = make_net(2, rng)
        starts.append(net.parameters.copy())
        return net

    twice = capacity(make_net=same_size)
    np.testing.assert_array_equal(starts[:3], starts[3:])
    np.testing.assert_array_equal(twice.train["loss"][0], twice.train["loss"][1])


def test_the_same_rng_gives_the_same_curve_and_another_another() -> None:
    first, again, other = capacity(), capacity(threads=1), capacity(rng=1)
    np.testing.assert_array_equal(first.validation["loss"], again.validation["loss"])
    assert not np.array_equal(first.validation["loss"], other.validation["loss"])
    seeds = curves._seeds(1000, np.random.default_rng(3))
    assert len({*seeds}) == 1000


def test_early_stopping_watches_the_validation_rows() -> None:
    """Of wrong labels the loss is lowest at the beginning, while that of the training falls."""
    own = {"epochs": 60, "seeds": 2, "capacities": [8], "validation": (HELD[0], 1 - HELD[1])}
    stopped, whole = capacity(early_stopping=3, **own), capacity(**own)
    assert (stopped.train["loss"] > 1.5 * whole.train["loss"]).all()
    assert (stopped.validation["loss"] < whole.validation["loss"]).all()


def test_runs_that_diverge_are_missing_and_told() -> None:
    def some(units: int, rng: np.random.Generator) -> hg.Net:
        net = hg.Net(hg.Linear(1, units, rng=rng), hg.Linear(units, 1, rng=rng))
        if units == 2:
            net.parameters[...] *= 1e18
        return net

    x = np.linspace(-1, 1, 30)[:, None]
    given = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.01), "validation": (x, x), "seeds": 2}
    with pytest.warns(UserWarning, match="2 of 6 runs are missing in the curve; the first of them"):
        found = capacity(make_net=some, capacities=[1, 2, 3], data=(x, 2 * x), **given)
    assert found.missing.tolist() == [0, 2, 0]
    assert np.isnan(found.train["loss"][1]).all()
    assert np.isnan(found.validation["r2"][1]).all()
    assert np.isfinite(found.train["loss"][[0, 2]]).all()
    with refused(hg.errors.DivergenceError, "all 2 runs diverged", "a smaller learning rate"):
        capacity(make_net=some, capacities=[2], data=(x, 2 * x), **given)


def test_more_rows_are_the_first_of_each_seeds_own_order() -> None:
    found = learning(rows=[8, 40])
    assert found.rows.tolist() == [8, 40]
    assert found.train["loss"].shape == (2, 3)
    (seed, *_) = curves._seeds(3, 0)
    order = curves._order(DATA[1], True, seed)
    assert sorted(order) == [*range(40)]
    _, training = np.random.default_rng(seed).spawn(2)
    twin = three_units(np.random.default_rng(seed).spawn(2)[0])
    own = {name: v for name, v in SHARED.items() if name not in ("validation", "seeds", "rng")}
    some = DATA[0][order[:8]], DATA[1][order[:8]]
    # fit_many gives each run a stream of its own out of the one it was handed
    hg.fit(twin, some, rng=training.spawn(1)[0], **own)
    for side, data in ((found.train, some), (found.validation, HELD)):
        alone = hg.evaluate(twin, data, loss=hg.CrossEntropyLoss()).loss
        assert side["loss"][0, 0] == pytest.approx(alone, rel=1e-4)
    orders = [curves._order(DATA[1], True, seed).tolist() for seed in curves._seeds(3, 0)]
    assert orders[0] != orders[1] != orders[2]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 2**62))
@example([0, 1] * 30, 0)
@example([0] * 50 + [1] * 10, 1)
@settings(max_examples=60)
def test_every_beginning_has_the_classes_in_their_shares(labels: list[int], seed: int) -> None:
    y = np.array(labels)
    order = curves._order(y, True, seed)
    assert sorted(order) == [*range(len(y))]
    for n in range(1, len(y) + 1):
        for label in {*labels}:
            share = (y == label).mean()
            most = 1 + share * len({*labels}) / 2
            assert abs((y[order[:n]] == label).sum() - n * share) <= most


def test_numbers_and_several_targets_are_shuffled_too() -> None:
    assert sorted(curves._order(np.linspace(0, 1, 9), False, 0)) == [*range(9)]
    one_hot = np.eye(3)[np.arange(9) % 3]
    assert sorted(curves._order(one_hot, True, 0)) == [*range(9)]


def test_one_capacity_shares_its_machine_code_and_auto_counts_on_it() -> None:
    chosen: list[str] = []

    def noted(runs: Any, **shared: Any) -> Any:
        chosen.extend(run["engine"] for run in runs)
        return hg.fit_many(runs, **shared)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves, "fit_many", noted)
        capacity(epochs=1, seeds=1)
        capacity(epochs=60, seeds=40, capacities=[2])
    assert chosen == ["eager"] * 2 + ["compiled"] * 40


def test_progress_is_shown_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    capacity()
    assert capsys.readouterr().err == ""
    for curve in (capacity, learning):
        curve(progress=True)
        assert "6/6" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [[], None, 3, "12", [2, 1], [1, 1], ["a"], [True], [float("nan")]]
)
def test_capacities_that_do_not_ascend_are_refused(wrong: Any) -> None:
    with refused(hg.errors.SettingError, "capacities = ", "ascending order"):
        capacity(capacities=wrong)
    with refused(hg.errors.SettingError, "rows = "):
        learning(rows=wrong)


def test_what_makes_no_net_is_refused() -> None:
    with refused(hg.errors.SettingError, "make_net(1, rng) returned None", "return hg.Net(…)"):
        capacity(make_net=lambda units, rng: None)
    with refused(hg.errors.SettingError, "make_net(rng) returned None", "a function make_net(rng)"):
        learning(make_net=lambda rng: None)
    with refused(hg.errors.SettingError, "Net(", "a function make_net(capacity, rng)"):
        capacity(make_net=make_net(2, np.random.default_rng(0)))
    one = make_net(2, np.random.default_rng(0))
    with refused(hg.errors.SettingError, "the net of an earlier run"):
        capacity(make_net=lambda units, rng: one)


def test_other_settings_that_do_not_fit_are_refused() -> None:
    with refused(hg.errors.SettingError, "the argument 'batchsize'", "did you mean 'batch_size'?"):
        capacity(batchsize=3)
    for name in ("net", "checkpoint", "live_plot", "resume", "sample_weight"):
        with refused(hg.errors.SettingError, f"the argument {name!r}"):
            capacity(**{name: 1})
    for wrong in (0, 2.5, True):
        with refused(hg.errors.SettingError, "seeds = "):
            capacity(seeds=wrong)
        with refused(hg.errors.SettingError, "epochs = "):
            capacity(epochs=wrong)
    with refused(hg.errors.SettingError, "rows = 2.5"):
        learning(rows=[2.5])
    with refused(hg.errors.SettingError, "41 training rows, but data has 40", "rows=[8, 40]"):
        learning(rows=[8, 41])
    with refused(hg.errors.DataError, "validation data"):
        capacity(validation=(X[:3], Y[:2]))
    with refused(hg.errors.ShapeError, "capacity 1", "3 features"):
        capacity(data=(np.ones((9, 3)), Y[:9]))
    with refused(hg.errors.SettingError, "loss = "):
        capacity(loss=3)
    with refused(hg.errors.SettingError, "metric 'acc"):
        capacity(metrics=["acccc"])
