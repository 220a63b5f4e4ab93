"""What is made of the measured costs of a sum: efficiencies, a plan, and a page that says them."""

import itertools
from typing import Any

import pytest
from benchmarks.cluster import with_efficiency
from benchmarks.cluster_plan import (
    PAGE,
    PICTURES,
    WORKERS,
    Cost,
    as_table,
    costs,
    figure_of_measured,
    measured,
    planned,
    save,
)

LATENCY, SENT = 3e-4, 2e-9


def share(**seconds: float) -> dict[str, Any]:
    about = {"net": "S: small", "name": "S", "gradient bytes": 1e6, "required": None}
    return with_efficiency(about | {"seconds": seconds})


def test_efficiency_is_the_time_alone_over_the_time_together() -> None:
    found = share(**{"alone": 0.030, "both": 0.032, "sum": 0.002, "k=1": 0.034, "cut 1": 0.031,
           "k=16": 0.031, "cut 16": 0.030})  # fmt: skip
    assert found["efficiency"]["1"]["measured"] == pytest.approx(30 / 34)
    assert found["efficiency"]["1"]["equation"] == pytest.approx(30 / 32)
    assert found["efficiency"]["16"]["equation"] == pytest.approx(1 / (1 + 2 / (16 * 30)))
    assert found["efficiency"]["1"]["cut"] == pytest.approx(30 / 31)
    assert found["of two apart"] == pytest.approx(30 / 32)


def test_costs_of_a_sum_are_the_lines_that_were_measured() -> None:
    sums = [
        {"bytes": n, "seconds": LATENCY + 3 * SENT * n, "all-reduce": LATENCY / 2 + SENT * n}
        for n in (1e3, 1e5, 1e6, 1.6e7)
    ]
    cost = costs(sums)
    assert cost.latency == pytest.approx(LATENCY)
    assert cost.sent == pytest.approx(1.25 * SENT)
    assert cost.computed == pytest.approx(1.75 * SENT)
    assert (
        cost.ring(2, 1e6) == pytest.approx(cost.tree(2, 1e6)) == pytest.approx(sums[2]["seconds"])
    )
    assert cost.ring(512, 0) == pytest.approx(511 * LATENCY)
    assert cost.tree(512, 0) == pytest.approx(9 * LATENCY)
    assert cost.ring(10**6, 1e6) - 999999 * LATENCY == pytest.approx(4.25 * SENT * 1e6, rel=1e-4)


def test_a_plan_is_less_efficient_with_more_workers_and_more_with_fewer_sums() -> None:
    plan = planned(Cost(LATENCY, SENT, SENT))
    for ways in plan.values():
        for found in ways.values():
            assert len(found) == len(WORKERS)
            assert all(0 < b <= a < 1 for a, b in itertools.pairwise(found))
    for (megabytes, step, k), ways in plan.items():
        if k == 64:
            assert ways["ring"][-1] > plan[megabytes, step, 1]["ring"][-1]
    assert as_table(plan).count("\n") == len(plan) + 1


def test_the_page_has_the_pictures_and_a_picture_is_the_same_text_twice(tmp_path: Any) -> None:
    page = PAGE.read_text("utf-8")
    for name in ("cluster.svg", "cluster-plan.svg"):
        assert f"(images/{name})" in page
        assert (PICTURES / name).exists()
    machine = {
        "processor": "A chip", "cores": 2, "load": [0.1], "load after": [0.2],
        "versions": {"Python": "3.11", "numpy": "2.4"},
    }  # fmt: skip
    shares = [share(**{"alone": 0.03, "both": 0.032, "sum": 0.002, "k=1": 0.034, "cut 1": 0.031})]
    content = {"machine": machine, "shares": shares}
    assert "| S: small | 30 | 1 | 2.0 | 1 | 0.88 | 0.94 | 0.97 |" in measured(content)
    for name in ("a.svg", "b.svg"):
        save(figure_of_measured(content), tmp_path / name)
    assert (tmp_path / "a.svg").read_text("utf-8") == (tmp_path / "b.svg").read_text("utf-8")
