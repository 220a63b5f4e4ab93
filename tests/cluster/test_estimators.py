"""Estimators whose trainings are in shards: what a fit takes, and what its workers show."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from handgrad.cluster import report_actor
from handgrad.cluster.worker import EstimatorJob
from handgrad.engines.sharding import ALONE, Sharding
from handgrad.tables.tabular import fits_in_memory
from tests.bad_input.refused import refused
from tests.cli.test_streaming import table
from tests.cluster.threads import on_workers
from tests.tables.data.streams import written

X, Y = hg.data.load("iris")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_takes_what_else_the_estimator_takes() -> None:
    w = np.linspace(0, 1, len(Y))
    mlp = hg.MLPClassifier((8,), max_iter=50, random_state=0, learning_rate_init=0.02)
    own = hg.cluster.fit_estimator(mlp, (X, Y), shards=1, sample_weight=w)
    np.testing.assert_array_equal(
        own.predict_proba(X), hg.MLPClassifier(**mlp.get_params()).fit(X, Y, w).predict_proba(X)
    )
    pipeline = make_pipeline(StandardScaler(), mlp)
    hg.cluster.fit_estimator(pipeline, (X, Y), mlpclassifier__sample_weight=w)
    assert pipeline.score(X, Y) > 0.8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_within_another_is_fitted_in_its_shards_and_saved_without_them() -> None:
    mlp = hg.MLPClassifier((8,), max_iter=50, random_state=0, learning_rate_init=0.02)
    whole = hg.MLPClassifier(**mlp.get_params()).fit(X, Y)
    voting = hg.cluster.fit_estimator(VotingClassifier([("a", mlp)]), (X, Y), shards=3)
    (clone,) = voting.estimators_
    assert hg.cluster.fit_estimator(mlp, (X, Y), shards=3) is mlp
    np.testing.assert_array_equal(clone.coefs_[0], mlp.coefs_[0])
    assert (whole.coefs_[0] != mlp.coefs_[0]).any()
    assert pickle.loads(pickle.dumps(clone)).sharding.shards == mlp.sharding.shards == 1


def test_a_fit_of_a_net_names_that_of_an_estimator() -> None:
    with refused(hg.errors.SettingError, "MLPClassifier", "hg.cluster.fit_estimator("):
        model: Any = hg.MLPClassifier()
        hg.cluster.fit(model, (X, Y), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=1)


@pytest.mark.parametrize("settings", [{"progress": True}, {"optimizer": hg.SGD(0.1)}])
def test_what_it_does_not_take_is_refused(settings: Any) -> None:
    with refused(hg.errors.SettingError, f" with {next(iter(settings))}", "settings are its own"):
        hg.cluster.fit_estimator(hg.MLPClassifier(), (X, Y), **settings)


class Kept(report_actor.MessageBuffer):
    """Messages that stay with the worker."""

    def __init__(self) -> None:
        self.waiting = []

    def add(self, told: report_actor.Message) -> None:
        self.waiting.append(told)

    def flush(self) -> None:
        """There is nowhere to send them to."""


def test_bars_and_warnings_of_the_first_worker_are_shown_to_whoever_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mlp = hg.MLPClassifier((8,), max_iter=3, random_state=0, progress=True)
    messages = Kept(), Kept()
    EstimatorJob(mlp, (X, Y), Sharding(4), {}).run(ALONE, tmp_path, messages[0])
    with messages[1].with_bars_and_warnings(first=False):
        mlp.fit(X, Y)
    first, second = (kept.waiting for kept in messages)
    assert second == []
    assert first[0] == report_actor.BarBegun(3, "epoch")
    assert len(first) == 5

    shown: list[object] = []

    @contextmanager
    def bar(total: float, unit: str) -> Iterator[Callable[..., None]]:
        shown.append((total, unit))
        yield lambda now=None, more=1.0: shown.append((now, more))
        shown.append("closed")

    monkeypatch.setattr(report_actor, "progress_bar", bar)
    remarks = report_actor.Notices()
    *bars, warning = (told for told in first if not isinstance(told, tuple))
    for told in bars:
        remarks.show(told)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\)"):
        remarks.show(warning)
    remarks.bar.close()
    assert (shown[0], shown[-1], len(shown)) == ((3, "epoch"), "closed", 5)


def test_a_table_in_chunks_is_learned_from_alike_by_any_number_of_workers(tmp_path: Path) -> None:
    path = written(table(), tmp_path / "rows.parquet", 250)
    stream = hg.data.open_table(path, memory="1 MB").select(["a", "town", "b", "kind"])
    model = hg.TabularClassifier(n_members=2, epochs=2, random_state=0)
    job = pickle.dumps(EstimatorJob(model, (stream, "kind"), Sharding(4), {}))
    rows = stream.to_table()
    assert not fits_in_memory(stream, "kind", 2)

    def predictions(sharding: Sharding) -> bytes:
        fitted = replace(pickle.loads(job), sharding=sharding).here()
        found: bytes = fitted.predict_proba(rows.drop_columns(["kind"])).tobytes()
        return found

    assert len({*on_workers(predictions, 1), *on_workers(predictions, 2)}) == 1
