"""Many nets on workers of joblib come out as they would on threads of this process."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

import handgrad as hg
from handgrad.graph.threads import available_cores
from handgrad.training import workers
from tests.training.test_fit_many import SHARED, X, Y, classifier, columns


@pytest.fixture(scope="module", autouse=True)
def no_worker_is_left() -> Any:
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


@pytest.fixture
def two_workers() -> Any:
    with joblib.parallel_config("loky", n_jobs=2):
        yield


def nets_with_a_layer_of_ones_own(n: int) -> list[hg.Net]:
    class Scale(hg.Layer):  # which no worker could import
        param_names = ("s",)

        def __init__(self, n: int) -> None:
            super().__init__()
            self.s = np.ones(n)

        def forward(self, x: Any) -> Any:
            self.x = x
            return self.s * x

        def backward(self, dy: Any) -> Any:
            self.ds = (self.x * dy).sum(axis=0)
            return self.s * dy

    def net(seed: int) -> hg.Net:
        hidden = (hg.Linear(4, 6, rng=seed), hg.BatchNorm(6), hg.Tanh(), hg.Dropout(0.2))
        outputs = hg.Linear(6, 3, rng=seed), hg.Softmax()
        return hg.Net(hg.Standardize.of(X), Scale(4), *hidden, *outputs)

    return [net(seed) for seed in range(n)]


def assert_alike(nets: list[hg.Net], found: Any, twins: list[hg.Net], expected: Any) -> None:
    for net, twin, history, its in zip(nets, twins, found, expected, strict=True):
        assert columns(history) == columns(its)
        assert history.stopped_because == its.stopped_because
        for path, array in twin.state().items():
            np.testing.assert_array_equal(net.state()[path], array)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_the_bits_are_those_of_threads_and_in_order(engine: str, two_workers: None) -> None:
    how = SHARED | {"engine": engine, "early_stopping": 3, "reduce_on_plateau": 1, "epochs": 20}

    def trained() -> tuple[list[hg.Net], list[hg.training.History]]:
        nets = nets_with_a_layer_of_ones_own(11)
        runs = [{"net": net, "epochs": 3 + seed} for seed, net in enumerate(nets)]
        return nets, hg.fit_many(runs, rng=np.random.default_rng(2), **how)

    nets, found = trained()
    with joblib.parallel_config("threading"):
        assert_alike(nets, found, *trained())


def test_runs_of_different_sizes_and_rows_find_their_nets(two_workers: None) -> None:
    def run(units: int) -> dict[str, Any]:
        hidden = hg.Linear(4, units, rng=0), hg.Tanh()
        net = hg.Net(*hidden, hg.Linear(units, 3, rng=1), hg.Softmax())
        return {"net": net, "data": (X[units:], Y[units:]), "rng": units}

    sizes = (2, 40, 2, 7, 40, 3)
    how = SHARED | {"epochs": 4}
    runs, twins = [*map(run, sizes)], [*map(run, sizes)]
    found = hg.fit_many(runs, **how)
    alone = [hg.fit(**how | twin) for twin in twins]
    assert_alike([run["net"] for run in runs], found, [twin["net"] for twin in twins], alone)


def test_a_run_that_diverges_ends_alone(two_workers: None) -> None:
    nets = [hg.Net(hg.Linear(4, 1, rng=0), dtype=np.float64) for _ in range(3)]
    rates = (1e-3, 9.0, 1e-2)
    runs = [{"net": net, "optimizer": hg.SGD(r)} for net, r in zip(nets, rates, strict=True)]
    histories = hg.fit_many(runs, data=(X, X[:, :1]), loss=hg.MSELoss(), epochs=300, rng=0)
    assert [len(history) == 300 for history in histories] == [True, False, True]
    assert histories[1].stopped_because.startswith("diverged: ")
    assert all(np.isfinite(net.parameters).all() for net in nets)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_an_error_on_the_way_comes_with_the_number_of_its_run(backend: str) -> None:
    pid = os.getpid()

    def failing(error: Exception) -> Any:
        def schedule(progress: float) -> float:
            if os.getpid() != pid or threading.current_thread() is not threading.main_thread():
                raise error
            return 1.0

        return schedule

    nets = [classifier(seed) for seed in range(3)]
    before = [net.parameters.copy() for net in nets]

    def runs(error: Exception) -> list[dict[str, Any]]:
        how = [{}, {"schedule": failing(error)}, {}]
        return [{"net": net, **own} for net, own in zip(nets, how, strict=True)]

    with joblib.parallel_config(backend, n_jobs=2):
        with pytest.raises(
            hg.errors.DataError, match=r"^run 2 of 3: rain\n  expected: sun\n  try: tea"
        ):
            hg.fit_many(runs(hg.errors.DataError("rain", "sun", "tea")), **SHARED)
        with pytest.raises(LookupError, match="no rate") as found:
            hg.fit_many(runs(LookupError("no rate")), **SHARED)
    assert found.value.__notes__[-1] == "in run 2 of 3"
    assert "in schedule" in (found.value.__notes__[0] if backend == "loky" else "in schedule")
    for net, parameters in zip(nets, before, strict=True):
        if backend == "loky":
            np.testing.assert_array_equal(net.parameters, parameters)


class OwnError(Exception):
    """An error that cannot be made from what it says."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


@pytest.mark.slow
def test_an_error_that_cannot_be_sent_is_told_all_the_same(two_workers: None) -> None:
    pid = os.getpid()

    def schedule(progress: float) -> float:
        if os.getpid() != pid:
            raise OwnError(1, 2)
        return 1.0

    with pytest.raises(RuntimeError, match="OwnError: 1 and 2") as found:
        hg.fit_many([{"net": classifier()}], schedule=schedule, **SHARED)
    assert "in schedule" in found.value.__notes__[0]


def test_rows_that_are_streamed_are_read_by_the_workers(two_workers: None, tmp_path: Path) -> None:
    lines = [",".join(map(str, [*row, label])) for row, label in zip(X, Y, strict=True)]
    (tmp_path / "iris.csv").write_text("\n".join(["a,b,c,d,y", *lines]) + "\n")
    table = hg.data.open_table(tmp_path / "iris.csv")

    def trained() -> tuple[list[hg.Net], list[hg.training.History]]:
        nets = [classifier(seed) for seed in range(2)]
        rows = table.rows("y")
        runs = [{"net": net, "rng": seed} for seed, net in enumerate(nets)]
        return nets, hg.fit_many(runs, **SHARED | {"data": rows})

    nets, found = trained()
    with joblib.parallel_config("threading"):
        assert_alike(nets, found, *trained())


def test_nothing_is_sent_before_all_runs_are_checked(two_workers: None) -> None:
    nets = [classifier(), classifier()]
    before = nets[0].parameters.copy()
    with pytest.raises(hg.errors.SettingError, match=r"run 2 of 2: .*epochs = 0"):
        hg.fit_many([{"net": nets[0]}, {"net": nets[1], "epochs": 0}], **SHARED)
    np.testing.assert_array_equal(nets[0].parameters, before)


def test_what_cannot_be_sent_is_refused_with_its_run(two_workers: None) -> None:
    lock = threading.Lock()

    def locked(p: Any, y: Any) -> float:
        with lock:
            return 0.0

    runs: list[dict[str, Any]] = [{"net": classifier()} for _ in range(2)]
    runs[1]["metrics"] = [locked]
    with pytest.raises(hg.errors.SettingError, match=r"run 2 of 2: .*cannot be sent(?s:.*)locks"):
        hg.fit_many(runs, **SHARED)


def test_a_worker_that_dies_is_told_in_three_parts(two_workers: None) -> None:
    pid = os.getpid()

    def killed(p: Any, y: Any) -> float:
        if os.getpid() != pid:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    with pytest.raises(workers.WorkersError, match=r"workers have failed: .*(?s:.*)try: fewer"):
        hg.fit_many([{"net": classifier()}], metrics=[killed], **SHARED)


def test_workers_of_other_versions_are_refused(
    two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "versions", lambda: "handgrad 0, NumPy 1")
    with pytest.raises(hg.errors.SettingError, match=r"has handgrad .*the caller has handgrad 0"):
        hg.fit_many([{"net": classifier()}], **SHARED)


def test_checkpoints_are_kept_by_the_workers_and_resumed_from(
    two_workers: None, tmp_path: Path
) -> None:
    def histories(epochs: int, **how: Any) -> list[hg.training.History]:
        runs = [{"net": classifier(k), "rng": k, "checkpoint": tmp_path / f"{k}"} for k in (0, 1)]
        return hg.fit_many(runs, **SHARED | {"epochs": epochs} | how)

    first = histories(4)
    with pytest.raises(hg.errors.SettingError, match=r"(?s)run 1 of 2: .*resume=True"):
        histories(8)
    resumed = histories(8, resume=True)
    whole = hg.fit_many(
        [{"net": classifier(k), "rng": k} for k in (0, 1)], **SHARED | {"epochs": 8}
    )
    for begun, history, expected in zip(first, resumed, whole, strict=True):
        assert columns(history) == columns(expected)
        assert history["train_loss"][:4] == begun["train_loss"]


def test_the_bar_counts_the_runs(
    two_workers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    runs = [{"net": classifier(seed)} for seed in range(17)]
    hg.fit_many(runs, progress=True, **SHARED)
    assert "17/17" in capsys.readouterr().err


def test_a_curve_is_the_same_on_workers(two_workers: None) -> None:
    def curve() -> hg.training.CapacityCurve:
        return hg.training.capacity_curve(
            lambda units, rng: hg.Net(hg.Linear(4, units, rng=rng), hg.Linear(units, 3, rng=rng)),
            [1, 3],
            (X, Y),
            validation=(X, Y),
            loss=hg.SoftmaxCrossEntropyLoss(),
            optimizer=hg.SGD(0.1),
            epochs=3,
            seeds=3,
            rng=0,
        )

    found = curve()
    with joblib.parallel_config("threading"):
        expected = curve()
    for side in ("train", "validation"):
        for name, figures in getattr(expected, side).items():
            np.testing.assert_array_equal(getattr(found, side)[name], figures)


def test_within_a_worker_threads_are_as_few_as_it_has(two_workers: None) -> None:
    def inside() -> tuple[bool, int]:
        from handgrad.graph.threads import available_cores
        from handgrad.training.workers import workers_are_chosen

        return workers_are_chosen(), available_cores()

    (found,) = joblib.Parallel(pre_dispatch="all")(joblib.delayed(inside)() for _ in range(1))
    assert found[0] is False
    assert 1 <= found[1] <= max(1, available_cores() // 2)
