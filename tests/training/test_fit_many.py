"""Many nets at once come out as they would one by one, on however many threads."""

import threading
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import handgrad as hg

X, Y = hg.data.load("iris")


def classifier(seed: int = 0, dtype: Any = np.float32) -> hg.Net:
    layers = (hg.Linear(4, 6, rng=seed), hg.Tanh(), hg.Linear(6, 3, rng=seed), hg.Softmax())
    return hg.Net(hg.Standardize.of(X), *layers, dtype=dtype)


SHARED: dict[str, Any] = {
    "data": (X, Y),
    "loss": hg.CrossEntropyLoss(),
    "optimizer": hg.SGD(0.1),
    "epochs": 12,
    "validation": 0.2,
}


def columns(history: hg.training.History) -> dict[str, Any]:
    return {name: column for name, column in history.columns().items() if name != "seconds"}


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_bits_are_those_of_fit_one_by_one(engine: Any, threads: int) -> None:
    nets, twins = ([classifier(seed) for seed in range(4)] for _ in range(2))
    runs = [{"net": net, "rng": seed} for seed, net in enumerate(nets)]
    found = hg.fit_many(runs, threads=threads, engine=engine, early_stopping=3, **SHARED)
    for seed, (net, twin, history) in enumerate(zip(nets, twins, found, strict=True)):
        expected = hg.fit(twin, rng=seed, engine=engine, early_stopping=3, **SHARED)
        assert columns(history) == columns(expected)
        assert history.stopped_because == expected.stopped_because
        np.testing.assert_array_equal(net.parameters, twin.parameters)


@pytest.mark.parametrize("at_once", [1, 2, 5, 12, 100])
def test_epochs_run_ahead_are_those_of_train(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "handgrad.engines.compiled.engine.CompiledEngine.epochs_at_once",
        lambda self, epochs: min(at_once, epochs),
    )
    rows = (X[:120], Y[:120]), (X[120:], Y[120:])
    own = {"validation": rows[1], "rng": 0, "engine": "compiled"}
    net, twin = classifier(), classifier()
    arguments = SHARED | own | {"data": rows[0]}
    found = hg.fit(net, **arguments)
    expected = hg.training.History([*hg.train(twin, **arguments)])
    assert columns(found) == columns(expected)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_folds_and_settings_may_differ_from_run_to_run() -> None:
    folds = [np.arange(len(Y)) % 3 == k for k in range(3)]
    runs = [
        {
            "net": classifier(),
            "data": (X[~held_out], Y[~held_out]),
            "validation": (X[held_out], Y[held_out]),
            "optimizer": hg.SGD(rate),
            "epochs": epochs,
        }
        for held_out, rate, epochs in zip(folds, (0.1, 0.03, 0.2), (5, 7, 9), strict=True)
    ]
    histories = hg.fit_many(runs, loss=hg.CrossEntropyLoss(), rng=0)
    assert [len(history) for history in histories] == [5, 7, 9]
    assert [history[0].learning_rate for history in histories] == [0.1, 0.03, 0.2]
    assert [history[0].rows for history in histories] == [100, 100, 100]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_run_that_diverges_ends_alone(engine: str) -> None:
    nets = [hg.Net(hg.Linear(4, 1, rng=0), dtype=np.float64) for _ in range(3)]
    runs = [
        {"net": net, "optimizer": hg.SGD(r)} for net, r in zip(nets, (1e-3, 9.0, 1e-2), strict=True)
    ]
    histories = hg.fit_many(
        runs, data=(X, X[:, :1]), loss=hg.MSELoss(), epochs=300, rng=0, engine=engine
    )
    assert [len(history) == 300 for history in histories] == [True, False, True]
    assert histories[1].stopped_because.startswith("diverged: ")
    assert all(np.isfinite(net.parameters).all() for net in nets)


def test_a_generator_gives_each_run_a_stream_of_its_own() -> None:
    def losses(rng: Any, threads: int) -> list[Any]:
        runs = [{"net": classifier()} for _ in range(3)]
        return [h["train_loss"] for h in hg.fit_many(runs, rng=rng, threads=threads, **SHARED)]

    found = losses(np.random.default_rng(5), 3)
    assert found[0] != found[1] != found[2]
    rng = np.random.default_rng(5)
    alone = [hg.fit(classifier(), rng=rng.spawn(1)[0], **SHARED) for _ in range(3)]
    assert [history["train_loss"] for history in alone] == found
    alike = losses(7, 2)
    assert alike[0] == alike[1] == alike[2]


def test_each_run_has_a_loss_of_its_own() -> None:
    used: list[int] = []

    class Watched(hg.MSELoss):
        def forward(self, p: Any, y: Any, sample_weight: Any = None) -> Any:
            if threading.current_thread() is not threading.main_thread():  # where it is checked
                used.append(id(self))
            return super().forward(p, y, sample_weight)

    nets = [hg.Net(hg.Linear(4, 1, rng=0)) for _ in range(2)]
    arguments: dict[str, Any] = {"data": (X, X[:, :1]), "optimizer": hg.SGD(1e-3), "epochs": 2}
    hg.fit_many([{"net": net} for net in nets], loss=Watched(), engine="eager", **arguments)
    assert len(set(used)) == 2


def test_nothing_is_trained_before_all_runs_are_checked() -> None:
    nets = [classifier(), classifier()]
    before = [net.state() for net in nets]
    with pytest.raises(hg.errors.SettingError, match=r"run 2 of 2: .*epochs = 0"):
        hg.fit_many([{"net": nets[0]}, {"net": nets[1], "epochs": 0}], **SHARED)
    for net, state in zip(nets, before, strict=True):
        for path, array in net.state().items():
            np.testing.assert_array_equal(array, state[path])


NET = classifier()
WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no runs": ([], SHARED, r"no runs.*expected: one or more"),
    "a net for a run": ([classifier()], SHARED, r"run 1 of 1: .*Net.*a dictionary"),
    "an unknown argument": (
        [{"net": classifier(), "epoch": 3}],
        SHARED,
        r"run 1 of 1: the argument 'epoch'.*epochs",
    ),
    "nothing to learn": ([{"net": classifier()}], {}, r"run 1 of 1: no data and no loss and no"),
    "the same net twice": (
        [{"net": NET}, {"net": NET}],
        SHARED,
        r"run 2 of 2: the net of an earlier run.*copy\.deepcopy",
    ),
    "no threads": ([{"net": classifier()}], SHARED | {"threads": 0}, r"threads = 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_meant_is_refused(name: str) -> None:
    runs, arguments, message = WRONG[name]
    with pytest.raises(hg.errors.SettingError, match=f"(?s){message}"):
        hg.fit_many(runs, **arguments)


def threads_of_blas() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_threads_of_blas_are_few_meanwhile_and_as_before_afterwards() -> None:
    seen: list[set[int]] = []

    def watched(p: Any, y: Any) -> float:
        seen.append(threads_of_blas())
        return 0.0

    runs = [{"net": classifier()} for _ in range(64)]
    before = threads_of_blas()
    hg.fit_many(runs[:32], threads=32, metrics=[watched], **(SHARED | {"epochs": 1}))
    assert threads_of_blas() == before
    in_force = [threads for threads in seen if threads == {1}]
    assert in_force
    with threadpool_limits(1, user_api="blas"):
        hg.fit_many(runs[32:34], threads=1, **(SHARED | {"epochs": 1}))
        assert threads_of_blas() == {1}
    assert threads_of_blas() == before


def test_an_interrupt_ends_all_runs_and_leaves_whole_epochs() -> None:
    def interrupted(p: Any, y: Any) -> float:
        if len(p) == len(Y) - 30 and threading.current_thread() is not threading.main_thread():
            raise KeyboardInterrupt
        return 0.0

    nets = [classifier(seed) for seed in range(2)]
    with pytest.raises(KeyboardInterrupt):
        hg.fit_many([{"net": net} for net in nets], metrics=[interrupted], threads=2, **SHARED)
    assert all(np.isfinite(net.parameters).all() for net in nets)


def test_the_bar_counts_the_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for progress in (False, True):
        runs = [{"net": classifier(seed)} for seed in range(3)]
        hg.fit_many(runs, progress=progress, **SHARED)
        out, err = capsys.readouterr()
        assert out == ""
        assert ("run" in err, "3/3" in err) == (progress, progress)
