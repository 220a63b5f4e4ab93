"""Training on streamed rows: the batches, and so the bits, of the same rows in memory."""

import copy
import io
import re
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import EpochProgress
from handgrad.engines.streams import RowSource, prefetch
from tests.bad_input.refused import refused
from tests.engines.one_epoch import engine_of
from tests.tables.data.streams import stream_of, written
from tests.training.by_hand import assert_same_state

HERE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=15,
)
ENGINES = ("eager", "compiled")


def table(n: int) -> pa.Table:
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(2, n)).astype(np.float32)
    return pa.table({"a": a, "b": b, "i": np.arange(n), "y": (a > b).astype(int)})


def rows_of(
    n: int, folder: Path, *, piece: int = 300, memory: int = 10**9, suffix: str = ".parquet"
) -> hg.data.StreamedRows:
    path = written(table(n), (folder / "a").with_suffix(suffix), 20)
    return stream_of(path, piece=piece, memory=memory).rows("y", features=["a", "b"])


def a_net() -> hg.Net:
    net = hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Dropout(0.2), hg.BatchNorm(4))
    return net.add(hg.Linear(4, 2, rng=1)).add(hg.Softmax())


def train(net: hg.Net, data: Any, **given: Any) -> list[hg.training.EpochReport]:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.05), "epochs": 3}
    usual |= {"batch_size": 8, "rng": 0, "engine": "eager"}
    return [*hg.train(net, data, **usual | given)]


def figures(reports: list[hg.training.EpochReport]) -> list[Any]:
    return [(r.train_loss, r.validation_loss, r.learning_rate, r.rows, r.epoch) for r in reports]


@pytest.mark.parametrize("engine", ENGINES)
@HERE
@given(
    n=st.integers(2, 90).filter(lambda n: n % 8 != 1),
    piece=st.integers(1, 3000),
    memory=st.integers(16, 20_000),
    suffix=st.sampled_from([".csv", ".parquet"]),
)
def test_in_the_order_of_the_file_the_bits_are_those_of_the_rows_in_memory(
    engine: str, n: int, piece: int, memory: int, suffix: str, tmp_path: Path
) -> None:
    rows = rows_of(n, tmp_path, piece=piece, memory=memory, suffix=suffix)
    if not rows.varied:
        return
    net, twin = a_net(), a_net()
    options: dict[str, Any] = {"engine": engine, "shuffle": False}
    options["schedule"] = hg.schedules.cosine()
    found = train(net, rows, **options)
    expected = train(twin, rows.in_memory(), **options)
    assert figures(found) == figures(expected)
    assert_same_state(net, twin.state())


@pytest.mark.parametrize("engine", ENGINES)
def test_where_all_rows_fit_the_buffer_shuffled_ones_are_those_in_memory_too(
    engine: str, tmp_path: Path
) -> None:
    rows = rows_of(300, tmp_path)
    held = tuple(part[:40] for part in rows.in_memory())
    net, twin = a_net(), a_net()
    options: dict[str, Any] = {"engine": engine, "validation": held}
    options |= {"metrics": ["accuracy", "roc_auc"]}
    found = train(net, rows, **options)
    expected = train(twin, rows.in_memory(), **options)
    assert figures(found) == figures(expected)
    assert [r.metrics for r in found] == [r.metrics for r in expected]
    assert [r.train_metrics for r in found] == [r.train_metrics for r in expected]
    assert_same_state(net, twin.state())


@pytest.fixture
def visited(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The numbers of the rows that the eager engine goes through, a list for each buffer."""
    seen: list[list[int]] = []
    run = EagerEngine.run_rows

    def noted(engine: Any, order: Any, rates: Any, so_far: Any) -> Any:
        seen.append(engine.x[order, 0].astype(int).tolist())
        return run(engine, order, rates, so_far)

    monkeypatch.setattr(EagerEngine, "run_rows", noted)
    return seen


@pytest.mark.parametrize("n", [200, 203])
def test_every_epoch_visits_each_row_once_in_an_order_of_its_own(
    n: int, visited: list[list[int]], tmp_path: Path
) -> None:
    path = written(table(n), tmp_path / "a.parquet", 20)
    rows = stream_of(path, piece=200, memory=20_000).rows("y", features=["i"])
    net = hg.Net(hg.Linear(1, 2, rng=0))
    train(net, rows, loss=hg.SoftmaxCrossEntropyLoss(), optimizer=hg.SGD(1e-9))
    in_an_epoch = len(visited) // 3
    assert in_an_epoch > 2
    assert {len(buffer) % 8 for buffer in visited} == {0, n % 8}
    epochs = [[*chain(*visited[i * in_an_epoch : (i + 1) * in_an_epoch])] for i in range(3)]
    for order in epochs:
        assert sorted(order) == [*range(n)]
    assert len({*map(tuple, epochs)}) == 3
    # the pieces come in a drawn order, and the rows of a buffer are shuffled
    assert visited[0] != sorted(visited[0])
    assert {*visited[0]} != {*range(len(visited[0]))}
    assert {*visited[0]} != {*visited[in_an_epoch]}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_bits_are_those_of_the_engine_given_the_same_order(
    engine: str, visited: list[list[int]], tmp_path: Path
) -> None:
    path = written(table(203), tmp_path / "a.parquet", 20)
    rows = stream_of(path, piece=200, memory=20_000).rows("y", features=["i", "a", "b"])
    options: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "epochs": 1}
    train(hg.Net(hg.Linear(3, 2, rng=0)), rows, **options)
    order = np.array([[*chain(*visited)]])
    net, twin = (hg.Net(hg.Linear(3, 2, rng=0), dtype=np.float32) for _ in range(2))
    (report,) = train(net, rows, engine=engine, **options)
    x, y = rows.in_memory()
    kind: Any = {"eager": EagerEngine, "compiled": CompiledEngine}[engine]
    trained: Any = engine_of(kind, twin, options["loss"], hg.Adam(0.05), x, y, 8)
    (epoch,) = trained.run_epochs(order, np.full((1, 26), 0.05))
    assert report.train_loss == epoch.loss
    assert_same_state(net, twin.state())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("memory", [48_000, 10**9])
def test_rows_held_out_are_evaluated_all_at_once(engine: str, memory: int, tmp_path: Path) -> None:
    rows, held = rows_of(400, tmp_path, memory=memory).split(0.4, 0)
    net, twin = a_net(), a_net()
    options: dict[str, Any] = {"engine": engine, "shuffle": False}
    options["metrics"] = ["accuracy", "roc_auc", "f1_macro", "log_loss"]
    found = train(net, rows, validation=held, **options)
    expected = train(twin, rows.in_memory(), validation=held.in_memory(), **options)
    assert_same_state(net, twin.state())
    for report, other in zip(found, expected, strict=True):
        assert report.validation_loss == pytest.approx(other.validation_loss, rel=1e-6)
        assert report.validation_metrics == pytest.approx(other.validation_metrics, rel=1e-6)
    whole = hg.evaluate(net, held, loss=hg.CrossEntropyLoss(), metrics=options["metrics"])
    assert whole.loss == pytest.approx(found[-1].validation_loss, rel=1e-6)
    assert whole.metrics == pytest.approx(found[-1].validation_metrics, rel=1e-6)


def test_metrics_of_the_training_are_of_every_kth_row_where_memory_ends(tmp_path: Path) -> None:
    seen: list[int] = []

    def noted(p: Any, y: Any) -> float:
        seen.append(len(y))
        return float(((p[:, 1] > 0.5) == y).mean())

    rows = rows_of(400, tmp_path, memory=16 * 16 * 58)  # a sixteenth: 58 rows of p and y
    train(a_net(), rows, metrics=[noted], shuffle=False, epochs=1)
    assert seen == [58]
    rows = rows_of(400, tmp_path, memory=16 * 16 * 399)
    train(a_net(), rows, metrics=[noted], epochs=1)
    assert seen == [58, 200]


def test_fit_splits_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    rows = rows_of(400, tmp_path, memory=48_000)
    net = hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
    options: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(1.0)}
    history = hg.fit(
        net,
        rows,
        epochs=60,
        batch_size=8,
        validation=0.3,
        early_stopping=4,
        reduce_on_plateau=1,
        rng=0,
        engine="eager",
        **options,
    )
    others, held = rows.split(0.3, np.random.default_rng(0))
    assert history[0].rows == others.n_rows
    assert len(history) < 60
    assert history.stopped_because == "validation_loss had not improved for 4 epochs"
    best = history.best("validation_loss").validation_loss
    assert hg.evaluate(net, held, loss=options["loss"]).loss == pytest.approx(best, rel=1e-6)
    assert history[-1].learning_rate < 1.0


def test_the_same_seed_gives_the_same_bits(tmp_path: Path) -> None:
    rows = rows_of(400, tmp_path, memory=20_000)
    nets = [a_net() for _ in range(3)]
    found = [figures(train(net, rows, rng=seed)) for net, seed in zip(nets, (5, 5, 6), strict=True)]
    assert found[0] == found[1] != found[2]
    assert_same_state(nets[0], nets[1].state())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_that_diverges_leaves_the_last_whole_epoch(engine: str, tmp_path: Path) -> None:
    rows = rows_of(400, tmp_path, memory=20_000)
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.ReLU(), hg.Linear(2, 2, rng=1))
    options: dict[str, Any] = {"loss": hg.MSELoss(), "engine": engine}
    x, y = rows.in_memory()

    class Two(RowSource):
        n_rows, memory = 400, 20_000

        def chunks(self, rng: Any = None) -> Iterator[Any]:
            yield x, np.stack([y, y], axis=1).astype(np.float32)

    def rate(progress: Any) -> Any:
        return np.where(progress < 1.5 / 3, 1.0, 1e30)

    before = None
    training = hg.train(
        net, Two(), optimizer=hg.SGD(0.01), epochs=3, batch_size=8, schedule=rate, **options
    )
    next(training)
    before = net.state()
    with refused(hg.errors.DivergenceError, "in epoch 2, batch 2"):
        next(training)
    assert_same_state(net, before)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_that_diverges_is_told_by_its_batch(engine: str, tmp_path: Path) -> None:
    def rate(progress: Any) -> Any:
        return np.where(progress < 40.5 / 50, 1e-3, 1e30)

    rows = rows_of(400, tmp_path, memory=20_000)
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.ReLU(), hg.Linear(2, 2, rng=1))
    options: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.SGD(1.0)}
    options |= {"schedule": rate, "epochs": 1, "shuffle": False, "engine": engine}
    with pytest.raises(hg.errors.DivergenceError) as expected:
        train(copy.deepcopy(net), rows.in_memory(), **options)
    with refused(hg.errors.DivergenceError, expected.value.came, "in epoch 1, batch 4", net=net):
        train(net, rows, **options)


def test_indices_are_looked_at_again_when_the_rows_are_others() -> None:
    x, y = np.zeros((8, 2), np.float32), np.zeros(8, np.int64)
    net = hg.Net(hg.Linear(2, 2, rng=0))
    engine = engine_of(CompiledEngine, net, hg.SoftmaxCrossEntropyLoss(), hg.SGD(0.1), x, y, 4)
    engine.y[3] = 2
    with refused(hg.errors.DataError, "indices from 0 to 2 in y", net=net):
        engine.run_rows(np.arange(8), np.full(2, 0.1), EpochProgress())


def test_an_error_in_a_piece_leaves_the_last_whole_epoch(tmp_path: Path) -> None:
    a = table(100)["a"].to_numpy().copy()
    a[77] = np.nan
    path = written(table(100).set_column(0, "a", pa.array(a)), tmp_path / "a.parquet", 20)
    rows = stream_of(path, piece=200, memory=5_000).rows("y")
    net = hg.Net(hg.Linear(3, 2, rng=0))
    with refused(hg.errors.DataError, "column 'a' is nan in row 78", net=net):
        train(net, rows, loss=hg.SoftmaxCrossEntropyLoss())


def test_what_needs_all_rows_in_memory_is_refused(tmp_path: Path) -> None:
    rows = rows_of(100, tmp_path)
    net, loss = a_net(), hg.CrossEntropyLoss()
    usual: dict[str, Any] = {"loss": loss, "optimizer": hg.SGD(0.1), "epochs": 1}
    weights: list[dict[str, Any]] = [{"sample_weight": np.ones(100)}, {"class_weight": "balanced"}]
    for own in weights:
        (name,) = own
        with refused(hg.errors.SettingError, f"{name} with rows that are streamed", net=net):
            hg.train(net, rows, **usual, **own)
    watching: list[dict[str, Any]] = [{"diagnose": True}, {"live_plot": True}]
    for own in watching:
        (name,) = own
        with refused(hg.errors.SettingError, f"{name} with rows that are streamed", net=net):
            hg.fit(net, rows, **usual, **own)
    larger = rows_of(100, tmp_path, memory=5000)
    with refused(hg.errors.SettingError, "streamed rows with LBFGS", net=net):
        hg.train(net, larger, **usual | {"optimizer": hg.optimizers.LBFGS()})
    with refused(hg.errors.SettingError, "sample_weight with", net=net):
        hg.evaluate(net, rows, loss=loss, sample_weight=np.ones(100))


def test_settings_are_checked_before_the_first_step(tmp_path: Path) -> None:
    rows = rows_of(100, tmp_path)
    net = a_net()
    with refused(hg.errors.SettingError, "epochs = 0", net=net):
        train(net, rows, epochs=0)
    with refused(hg.errors.ShapeError, "Linear(3, 2)"):
        train(hg.Net(hg.Linear(3, 2)), rows, loss=hg.SoftmaxCrossEntropyLoss())
    with refused(hg.errors.ShapeError, "a column for each class, at least two"):
        train(hg.Net(hg.Linear(2, 1)), rows, loss=hg.SoftmaxCrossEntropyLoss())
    with refused(hg.errors.SettingError, "metric 'acuracy'", net=net):
        train(net, rows, metrics=["acuracy"])
    with refused(hg.errors.SettingError, "penalty", net=net):
        train(net, rows, penalty=3)


def test_a_validation_too_large_to_be_judged_at_once_is_refused(tmp_path: Path) -> None:
    rows, held = rows_of(400, tmp_path, memory=5_000).split(0.5, 0)
    with refused(
        hg.errors.SettingError, "validation data: predictions and targets of", "a sixteenth"
    ):
        train(a_net(), rows, validation=held)


def test_targets_all_alike_are_refused(tmp_path: Path) -> None:
    path = written(pa.table({"a": [1.0, 2.0], "y": ["u", "u"]}), tmp_path / "a.csv")
    rows = hg.data.open_table(path).rows("y")
    with refused(hg.errors.DataError, "2 rows without a target, or all with the same label"):
        train(hg.Net(hg.Linear(1, 2)), rows, loss=hg.SoftmaxCrossEntropyLoss())


def test_rows_that_change_between_epochs_are_refused() -> None:
    class Fewer(RowSource):
        n_rows, memory = 10, 10**6

        def chunks(self, rng: Any = None) -> Iterator[Any]:
            yield np.zeros((5, 2), np.float32), np.array([0, 1, 0, 1, 0])

    net = hg.Net(hg.Linear(2, 2, rng=0))
    with refused(hg.errors.DataError, "5 rows, where there were 10", net=net):
        train(net, Fewer(), loss=hg.SoftmaxCrossEntropyLoss())


def test_a_stream_of_several_inputs_is_refused() -> None:
    class Pairs(RowSource):
        n_rows, memory = 4, 10**6

        def chunks(self, rng: Any = None) -> Iterator[Any]:
            yield (np.zeros((4, 2)), np.zeros((4, 2))), np.array([0, 1, 0, 1])

    net = hg.Net(hg.Tanh(), hg.Linear(2, 2, rng=0))
    settings: Any = {"loss": hg.SoftmaxCrossEntropyLoss()}
    with refused(
        hg.errors.DataError, "training data: a stream with 2 arrays", "rows in memory", net=net
    ):
        train(net, Pairs(), **settings)
    with refused(hg.errors.DataError, "evaluation data: a stream with 2 arrays"):
        hg.evaluate(net, Pairs(), **settings)


def test_a_break_stops_the_reading(tmp_path: Path) -> None:
    rows = rows_of(400, tmp_path, memory=20_000)
    net = a_net()
    for report in hg.train(
        net, rows, loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=9, engine="eager"
    ):
        if report.epoch == 2:
            break
    assert report.epoch == 2


def test_reading_ahead_hands_on_all_items_and_the_error_after_them() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ValueError("broken")

    found: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        found.extend(prefetch(items()))
    assert found == [1, 2, 3]
    assert [*prefetch(iter([]))] == []


def test_no_more_than_one_item_is_read_prefetch() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(10):
            made.append(i)
            yield i

    reading = prefetch(items())
    for i in range(3):
        assert next(reading) == i
    reading.close()  # type: ignore[attr-defined]
    assert len(made) <= 4


def test_the_bar_moves_within_an_epoch(tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(force_terminal=True, file=screen, width=120, legacy_windows=False)
    rows = rows_of(400, tmp_path, memory=20_000)
    training = hg.train(
        a_net(), rows, loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=2, engine="eager"
    )
    reports = hg.training.progress(training, epochs=2, console=console)
    next(reports)
    shares: list[float] = []
    training.loop.within_epoch.append(shares.append)
    assert len([*reports]) == 1
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] < 1.0
    assert "2/2" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())


def test_a_net_of_float64_is_trained_too(tmp_path: Path) -> None:
    rows = rows_of(60, tmp_path, memory=4000)
    net, twin = (hg.Net(hg.Linear(2, 2, rng=0), dtype=np.float64) for _ in range(2))
    options: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "shuffle": False}
    train(net, rows, **options)
    train(twin, rows.in_memory(), **options)
    assert_same_state(net, twin.state())


def test_a_page_that_cannot_be_compiled_trains_eagerly(tmp_path: Path) -> None:
    class Odd(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x if x.sum() > -1e9 else -x

        def backward(self, dy: Any) -> Any:
            return dy

    rows = rows_of(60, tmp_path, memory=4000)
    net = hg.Net(hg.Linear(2, 2, rng=0), Odd())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(net, rows, loss=hg.SoftmaxCrossEntropyLoss(), engine="auto", epochs=1)
