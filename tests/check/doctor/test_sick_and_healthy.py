"""The doctor names what is wrong with sick trainings, and is quiet about healthy ones."""

import contextlib
import warnings
from typing import Any

import pytest

import handgrad as hg
from handgrad.check.doctor.findings import PROBLEMS
from tests.check.doctor.healthy import HEALTHY
from tests.check.doctor.sick import SICK


def names(diagnosis: hg.check.Diagnosis) -> list[str]:
    return [finding.problem for finding in diagnosis.findings]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SICK)
def test_a_problem_is_named(name: str, seed: int) -> None:
    sick = SICK[name]
    case = sick.make(seed)
    diagnosis = case.diagnose(case.train())
    assert sick.problem in names(diagnosis)
    others = set(names(diagnosis)) - {sick.problem, *sick.beside}
    assert not others, str(diagnosis)
    for finding in diagnosis.findings:
        assert (
            any(figure in finding.evidence for figure in "0123456789") or "NaN" in finding.evidence
        )
        assert finding.where
        assert finding.advice


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", HEALTHY)
def test_about_a_healthy_training_it_is_quiet(name: str, seed: int) -> None:
    case = HEALTHY[name](seed)
    history = case.train()
    assert history is not None
    diagnosis = case.diagnose(history)
    assert not diagnosis, str(diagnosis)
    assert str(diagnosis).startswith("no problems found")


@pytest.mark.parametrize("name", HEALTHY)
def test_it_is_quiet_during_a_healthy_training(name: str) -> None:
    case = HEALTHY[name](2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hg.fit(**case.settings, diagnose=True)
    assert [str(warning.message) for warning in caught] == []


def test_there_is_a_sick_training_for_every_problem() -> None:
    assert {sick.problem for sick in SICK.values()} == set(PROBLEMS)
    assert len(SICK) >= 12
    assert len(HEALTHY) >= 12


def warnings_of(case: Any) -> list[str]:
    """What is said during the training, each warning's first line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(hg.errors.DivergenceError):
            hg.fit(**case.settings, diagnose=True)
    return [str(warning.message).split("\n")[0] for warning in caught]


@pytest.mark.parametrize("name", [n for n, sick in SICK.items() if sick.trains])
def test_a_problem_is_told_during_the_training_once(name: str) -> None:
    said = warnings_of(SICK[name].make(0))
    assert len([line for line in said if f": {SICK[name].problem}: " in line]) == 1, said
