"""Many nets on a real Ray: `fit_many`, curves and scikit-learn's searches, as in one process."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score

import handgrad as hg
from handgrad.cluster import cluster
from handgrad.training.workers import WorkersError
from tests.training.test_fit_many import SHARED, classifier
from tests.training.test_fit_many_on_workers import assert_alike, nets_with_a_layer_of_ones_own

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("a_ray")]


def trained() -> tuple[list[hg.Net], list[hg.training.History]]:
    nets = nets_with_a_layer_of_ones_own(9)
    runs = [{"net": net, "epochs": 3 + seed} for seed, net in enumerate(nets)]
    return nets, hg.fit_many(runs, rng=np.random.default_rng(2), **SHARED | {"engine": "compiled"})


@pytest.mark.parametrize("backend", ["ours", "ray"])
def test_the_bits_are_those_of_threads_and_in_order(backend: str) -> None:
    if backend == "ours":
        with cluster():
            nets, found = trained()
    else:
        from ray.util.joblib import register_ray

        register_ray()
        with parallel_config("ray", n_jobs=2):
            nets, found = trained()
    assert_alike(nets, found, *trained())


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # a few epochs are enough here
def test_the_scores_of_a_search_are_those_of_one_process() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 30))  # large enough to be sent once
    y = np.array(["no", "yes"])[(x[:, 0] * x[:, 1] > 0).astype(int)]
    grid = {"hidden_layer_sizes": [(4,), (8,)], "alpha": [0.0, 0.1]}

    def scores() -> Any:
        net = hg.MLPClassifier(max_iter=10, early_stopping=True, random_state=0)
        search = GridSearchCV(net, grid, cv=2).fit(x, y)
        table = hg.TabularClassifier(n_members=2, epochs=3, random_state=0)
        return search.cv_results_["mean_test_score"], cross_val_score(table, x, y, cv=2)

    with cluster():
        found = scores()
    for there, here in zip(found, scores(), strict=True):
        np.testing.assert_array_equal(there, here)


def test_an_error_comes_with_the_number_of_its_run() -> None:
    pid = os.getpid()

    def failing(error: Exception) -> Any:
        def schedule(progress: float) -> float:
            if os.getpid() != pid:
                raise error
            return 1.0

        return schedule

    def run_with(error: Exception) -> None:
        own: Any = ({}, {"schedule": failing(error)}, {})
        hg.fit_many([{"net": classifier(), **how} for how in own], **SHARED)

    with cluster():
        with pytest.raises(
            hg.errors.DataError, match=r"^run 2 of 3: rain\n  expected: sun\n  try: tea"
        ):
            run_with(hg.errors.DataError("rain", "sun", "tea"))
        with pytest.raises(LookupError, match="no rate") as found:
            run_with(LookupError("no rate"))
    assert found.value.__notes__[-1] == "in run 2 of 3"


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    pid, killed = os.getpid(), tmp_path / "killed"

    def killing(p: Any, y: Any) -> float:
        if os.getpid() != pid and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    def run() -> tuple[list[hg.Net], list[hg.training.History]]:
        nets = [classifier(seed) for seed in range(4)]
        runs = [{"net": net, "rng": seed} for seed, net in enumerate(nets)]
        return nets, hg.fit_many(runs, metrics=[killing], **SHARED)

    with cluster():
        nets, found = run()
    assert killed.exists()
    assert_alike(nets, found, *run())


def test_a_large_array_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x, sent, put = np.arange(10**6), list[Any](), ray.put

    def noted(array: Any) -> Any:
        sent.append(array)
        return put(array)

    monkeypatch.setattr(ray, "put", noted)

    def looked_at(x: Any, k: int) -> tuple[bool, int]:
        return x.flags.writeable, int(x[k])

    with cluster():
        for _ in range(2):  # what was changed in between is sent anew
            parallel = Parallel(return_as="generator_unordered")
            found = parallel(delayed(looked_at)(part, 3) for part in (x, x[:], x, x[1:]))
            assert {*found} == {(False, x[3]), (False, x[4])}
            x += 1
    assert len(sent) == 4


def test_a_job_that_always_dies_is_told_in_three_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.cluster.ray_tasks.RESTARTS", 0)
    with cluster(), pytest.raises(WorkersError, match=r"a job was lost: .*\n.*\n.*more memory"):
        Parallel()(delayed(os._exit)(1) for _ in range(1))
