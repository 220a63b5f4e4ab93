"""How busy others are while something is measured."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from benchmarks.machine import QUIET, Others


def watching(monkeypatch: pytest.MonkeyPatch, cores: list[float]) -> None:
    """Each time something is watched, others keep so many cores busy."""

    @contextmanager
    def watched(self: Others) -> Iterator[None]:
        self.busy += cores.pop(0)
        self.seconds += 1
        yield

    monkeypatch.setattr(Others, "watched", watched)
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_what_others_disturbed_runs_again_when_they_are_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watching(monkeypatch, [1.5, 1.2, 0.1, 0.05])  # the first run; two looks; the second run
    monkeypatch.setattr(Others, "patience", 600.0)
    runs, others = iter("ab"), Others()
    assert others.undisturbed(lambda: next(runs)) == "b"
    assert others.cores == 0.05


def test_without_patience_the_first_run_counts_and_it_is_said_that_others_were_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watching(monkeypatch, [1.5])
    monkeypatch.setattr(Others, "patience", 0.0)
    runs, others = iter("ab"), Others()
    assert others.undisturbed(lambda: next(runs)) == "a"
    assert others.cores == 1.5
    assert others.cores > QUIET
