"""Sets of rows looked at after each epoch: by name, the training rows among them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import handgrad as hg
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier, fit, train

ENGINES = ("eager", "compiled")
SETS = {"spring": (X[:7], Y[:7]), "autumn": HELD}
W = np.random.default_rng(0).uniform(0.1, 2, len(Y))


def evaluated(net: hg.Net, rows: Any, **options: Any) -> Any:
    w = rows[2] if len(rows) == 3 else None
    return hg.evaluate(net, rows[:2], loss=hg.CrossEntropyLoss(), sample_weight=w, **options)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_set_has_the_figures_of_evaluate_with_the_weights_of_the_epochs_end(
    engine: Any, dtype: Any
) -> None:
    net = classifier(dtype)
    reports = train(
        net, validation=SETS, evaluate_training=True, metrics=["accuracy", "log_loss"],
        engine=engine,
    )  # fmt: skip
    for report in reports:
        assert [*report.evaluations] == ["spring", "autumn", "training"]
        for name, rows in (SETS | {"training": (X, Y)}).items():
            expected = evaluated(net, rows, metrics=["accuracy", "log_loss"], engine=engine)
            found = report.evaluations[name]
            assert found == expected
        assert report.validation_loss == report.evaluations["spring"].loss
        assert report.validation_metrics == report.evaluations["spring"].metrics


@pytest.mark.parametrize("engine", ENGINES)
def test_looking_at_more_rows_changes_no_weight(engine: Any) -> None:
    plain, watched = classifier(), classifier()
    one = [*train(plain, validation=SETS["spring"], engine=engine)]
    other = [*train(watched, validation=SETS, evaluate_training=True, engine=engine)]
    assert_same_state(watched, plain.state())
    assert [r.validation_loss for r in one] == [r.validation_loss for r in other]
    assert [r.train_loss for r in one] == [r.train_loss for r in other]


@pytest.mark.parametrize("engine", ENGINES)
def test_fit_runs_epochs_ahead_with_all_sets_as_train_does_one_by_one(engine: Any) -> None:
    history = fit(
        classifier(), validation=SETS, evaluate_training=True, epochs=30, engine=engine
    )  # fmt: skip
    reports = train(
        classifier(), validation=SETS, evaluate_training=True, epochs=30, engine=engine
    )  # fmt: skip
    for one, other in zip(history, reports, strict=True):
        assert one.evaluations == other.evaluations


@pytest.mark.parametrize("engine", ENGINES)
def test_training_rows_weigh_as_they_do_in_training(engine: Any) -> None:
    net = classifier(np.float64)
    (report,) = train(
        net, sample_weight=W, class_weight={1: 3.0}, evaluate_training=True, epochs=1,
        engine=engine,
    )  # fmt: skip
    assert (report.validation_loss, [*report.evaluations]) == (None, ["training"])
    expected = evaluated(net, (X, Y, W * np.where(Y == 1, 3.0, 1.0)))
    assert report.evaluations["training"].loss == pytest.approx(expected.loss, rel=1e-12)
    accuracy = evaluated(net, (X, Y, W)).metrics["accuracy"]
    assert report.evaluations["training"].metrics["accuracy"] == pytest.approx(accuracy)


def test_rows_of_a_set_may_have_weights() -> None:
    net = classifier(np.float64)
    (report,) = train(net, validation={"a": HELD, "b": (X, Y, W)}, epochs=1)
    assert report.evaluations["b"].loss == pytest.approx(evaluated(net, (X, Y, W)).loss, rel=1e-12)


def test_lbfgs_looks_at_the_sets_too() -> None:
    net = classifier(np.float64)
    for report in train(
        net, validation=SETS, evaluate_training=True, optimizer=hg.optimizers.LBFGS()
    ):
        for name, rows in (SETS | {"training": (X, Y)}).items():
            assert report.evaluations[name].loss == pytest.approx(evaluated(net, rows).loss)


def test_the_first_set_steers_early_stopping() -> None:
    settings: dict[str, Any] = {"epochs": 300, "early_stopping": 3, "optimizer": hg.SGD(1.0)}
    alone, first, second = classifier(), classifier(), classifier()
    expected = fit(alone, validation=HELD, **settings)
    history = fit(first, validation={"autumn": HELD, "spring": SETS["spring"]}, **settings)
    assert len(history) == len(expected) < 300
    assert_same_state(first, alone.state())
    by_name = fit(second, validation=SETS, monitor="autumn_loss", **settings)
    assert len(by_name) == len(expected)
    assert_same_state(second, alone.state())


def test_histories_and_files_name_each_set(tmp_path: Path) -> None:
    history = fit(classifier(), validation=SETS, evaluate_training=True)
    assert [*history.columns()] == [
        "epoch", "train_loss", "train_accuracy", "spring_loss", "spring_accuracy",
        "autumn_loss", "autumn_accuracy", "training_loss", "training_accuracy",
        "learning_rate", "seconds",
    ]  # fmt: skip
    assert history["validation_loss"] == history["spring_loss"]
    assert history["autumn_accuracy"] == [r.evaluations["autumn"].metrics["accuracy"]
                                          for r in history]  # fmt: skip
    assert history.best("training_loss").epoch == history.best("train_loss").epoch == 4
    again = hg.training.History.from_json(history.to_json(tmp_path / "a.json"))
    assert again.columns() == history.columns()
    assert again[0].evaluations == history[0].evaluations
    assert again["validation_loss"] == history["validation_loss"]
    header = history.to_csv(tmp_path / "a.csv").read_text("utf-8").splitlines()[0]
    assert header.split(",") == [*history.columns()]


def test_names_that_begin_alike_come_back_as_they_were(tmp_path: Path) -> None:
    sets = {"a_b": HELD, "a": SETS["spring"], "training": (X, Y)}
    history = fit(classifier(), validation=sets)
    again = hg.training.History.from_json(history.to_json(tmp_path / "a.json"))
    assert [r.evaluations for r in again] == [r.evaluations for r in history]
    assert again[0].validation_name == "a_b"


def test_a_training_that_is_resumed_has_the_sets_of_the_epochs_before(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"validation": SETS, "evaluate_training": True, "epochs": 4}
    expected = fit(classifier(), **settings)
    fit(classifier(), **settings | {"epochs": 2}, checkpoint=tmp_path)
    found = fit(classifier(), **settings, checkpoint=tmp_path, resume=True)
    assert [r.evaluations for r in found] == [r.evaluations for r in expected]
    with refused(hg.errors.SettingError, "validation data differ"):
        other = {"spring": HELD, "autumn": SETS["spring"]}
        fit(classifier(), **settings | {"validation": other}, checkpoint=tmp_path, resume=True)


def test_progress_names_each_set() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    reports = train(classifier(), validation=SETS, evaluate_training=True)
    list(hg.training.progress(reports, epochs=4, console=console))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(f"{name} 0." in shown for name in ("loss", "spring", "autumn", "training"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("memory", [10**9, 150_000])
def test_rows_that_are_streamed_have_sets_by_name(engine: Any, memory: int, tmp_path: Path) -> None:
    import pyarrow as pa

    x, y = hg.make_classification(400, rng=3)
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "y": y})
    path = written(table, tmp_path / "rows.parquet", 50)
    rows = stream_of(path, piece=500, memory=memory).rows("y", features=["a", "b"])
    net = classifier()
    reports = train(
        net, data=rows, validation={"spring": HELD, "file": rows}, evaluate_training=True,
        engine=engine, epochs=2,
    )  # fmt: skip
    for report in reports:
        assert [*report.evaluations] == ["spring", "file", "training"]
        expected = evaluated(net, (x, y))
        for name in ("file", "training"):
            assert report.evaluations[name].loss == pytest.approx(expected.loss, rel=1e-5)
            assert dict(report.evaluations[name].metrics) == dict(expected.metrics)
        assert report.validation_loss == pytest.approx(evaluated(net, HELD).loss, rel=1e-5)


def test_many_nets_at_once_have_sets_by_name() -> None:
    nets = [classifier(), classifier()]
    histories = hg.fit_many(
        [{"net": net, "rng": 0} for net in nets], data=(X, Y), loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(0.1), epochs=4, validation=SETS, evaluate_training=True,
    )  # fmt: skip
    expected = fit(classifier(), validation=SETS, evaluate_training=True)
    for history in histories:
        assert [r.evaluations for r in history] == [r.evaluations for r in expected]


def test_a_share_may_be_held_out_beside_the_training_rows() -> None:
    net = classifier()
    history = fit(net, validation=0.2, evaluate_training=True)
    assert [*history[-1].evaluations] == ["validation", "training"]


def test_names_that_say_nothing_are_refused() -> None:
    net = classifier()
    odd: Any
    for odd, word in (({}, "validation = {}"), ({"train": HELD}, "'train'"), ({1: HELD}, "named 1"),
                      ({"": HELD}, "named ''"),
                      ([HELD, HELD], "a list of 2 sets")):  # fmt: skip
        with refused(hg.errors.SettingError, word, "validation={'spring'", net=net):
            train(net, validation=odd)
    with refused(hg.errors.SettingError, "evaluate_training=True with", "'training'", net=net):
        train(net, validation={"training": HELD}, evaluate_training=True)
    metrics: Any = [b_loss]
    with refused(hg.errors.SettingError, "two columns named 'a_b_loss'", "another name", net=net):
        train(net, validation={"a": HELD, "a_b": HELD}, metrics=metrics)


def b_loss(p: Any, y: Any) -> float:
    return 0.0


def test_a_bad_set_is_refused_by_its_name() -> None:
    net = classifier()
    with refused(hg.errors.DataError, "validation data 'autumn': 1 parts", net=net):
        train(net, validation={"spring": HELD, "autumn": (X,)})
    with refused(hg.errors.DataError, "validation data 'autumn'", "as many targets", net=net):
        train(net, validation={"spring": HELD, "autumn": (X, Y[:-1])})


def test_a_monitor_that_no_report_has_is_refused_with_the_sets_named() -> None:
    with refused(hg.errors.SettingError, "monitor = 'winter_loss'", "autumn_loss"):
        fit(classifier(), validation=SETS, monitor="winter_loss")
    (report,) = train(classifier(), validation=SETS, epochs=1)
    with refused(hg.errors.SettingError, "'winter_loss' is not reported", "autumn_loss"):
        report.value("winter_loss")
