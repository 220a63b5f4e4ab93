"""Optimizers and schedules against PyTorch: weight by weight, step by step, on both engines."""

from typing import Any

import numpy as np
import pytest
import torch

import handgrad as hg
from tests.oracle import steppers
from tests.oracle.compare import assert_close
from tests.oracle.optimizers import CASE, OPTIMIZERS, SCHEDULES, STEPS, trained

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:.*lr_scheduler.step")]

each_engine = pytest.mark.parametrize("engine", ["eager", "compiled"])


@pytest.mark.parametrize("name", OPTIMIZERS)
@each_engine
def test_every_weight_after_every_step(name: str, engine: Any) -> None:
    expected = steppers.trajectory(name)
    found, _ = trained(OPTIMIZERS[name](), engine=engine)
    assert len(found) == STEPS
    assert_close(found, expected, name, relative=1e-9)


@each_engine
def test_averaged_weights_are_those_of_swa_utils(engine: Any) -> None:
    of_adam = steppers.trajectory("Adam")
    adapted: dict[str, tuple[Any, dict[str, Any]]] = {
        "EMA": (hg.optimizers.EMA(hg.Adam(0.05), decay=0.9), {"decay": 0.9}),
        "SWA": (hg.optimizers.SWA(hg.Adam(0.05), start=7, every=3), {"start": 7, "every": 3}),
    }
    for name, (optimizer, how) in adapted.items():
        found, _ = trained(optimizer, engine=engine)
        assert_close(found, steppers.averages(of_adam, **how), name, relative=1e-9)


@each_engine
@pytest.mark.parametrize("alpha", [0.03, 0.1])
def test_l_bfgs_ends_where_pytorchs_does(engine: Any, alpha: float) -> None:
    # with less of a penalty there are several minima, and two line searches may part
    found = hg.fit(CASE.net(), CASE.data(), loss=CASE.loss(), optimizer=hg.optimizers.LBFGS(),
                   epochs=200, penalty=hg.penalties.L2Penalty(alpha), engine=engine)  # fmt: skip
    assert found.stopped_because.startswith("L-BFGS converged")
    expected = steppers.minimum(alpha, iterations=200)
    assert found[-1].train_loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
@each_engine
def test_every_learning_rate_and_what_becomes_of_the_weights(name: str, engine: Any) -> None:
    weights, rates = steppers.scheduled(name)
    found, own = trained(hg.SGD(0.5), SCHEDULES[name], engine=engine)
    assert len(np.unique(rates)) > 2
    np.testing.assert_allclose(own, rates, rtol=1e-12, atol=1e-13)
    assert_close(found, weights, name, relative=1e-9)


def test_a_plateau_is_where_pytorch_sees_one() -> None:
    rng = np.random.default_rng(0)
    for better, monitor in (("min", "train_loss"), ("max", "likeness")):
        for values in rng.normal(size=(20, STEPS)).cumsum(axis=1) + 20:
            for threshold in (1e-4, 0.1):
                own, theirs = hg.SGD(1.0), torch.optim.SGD([torch.zeros(1)], lr=1.0)
                scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
                    theirs, better, factor=0.5, patience=3, threshold=threshold, min_lr=0.1
                )
                reports = [
                    hg.training.EpochReport(i, v, {"likeness": v}) for i, v in enumerate(values, 1)
                ]
                adapted = hg.training.reduce_on_plateau(
                    reports, own, factor=0.5, patience=3, threshold=threshold, smallest=0.1,
                    monitor=monitor,
                )  # fmt: skip
                for report, value in zip(adapted, values, strict=True):
                    scheduler.step(value)
                    assert own.learning_rate == theirs.param_groups[0]["lr"], (report, better)
