"""`progress`: a bar in a terminal, nothing elsewhere, and the reports pass through."""

import io
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

import handgrad as hg
from handgrad.training import progress_bar
from tests.training.by_hand import HELD, classifier, fit, train


def terminal(width: int = 120) -> tuple[Console, io.StringIO]:
    screen = io.StringIO()
    return Console(force_terminal=True, file=screen, width=width, legacy_windows=False), screen


def reports(n: int) -> Iterator[hg.training.EpochReport]:
    for epoch in range(1, n + 1):
        yield hg.training.EpochReport(
            epoch, 1 / epoch, {}, 2 / epoch, {"accuracy": 0.912}, rows=5000, seconds=0.004
        )


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_it_is_quiet_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    screen = io.StringIO()
    found = [*hg.training.progress(reports(3), epochs=3, console=Console(file=screen))]
    assert [report.epoch for report in found] == [1, 2, 3]
    assert screen.getvalue() == ""
    fit(classifier(), progress=True)
    assert capfd.readouterr() == ("", "")


def test_a_bar_shows_loss_metric_speed_and_time_left() -> None:
    console, screen = terminal()
    stream = hg.training.progress(reports(8), epochs=8, console=console)
    seen = [next(stream).epoch for _ in range(4)]
    stream.close()  # type: ignore[attr-defined]
    assert seen == [1, 2, 3, 4]
    last = without_colours(screen.getvalue()).strip().splitlines()[-1]
    assert re.search(r"epoch 4/8 ━+", last)
    assert "loss 0.2500 · validation 0.5000 · accuracy 0.912 · 1.2 M rows/s" in last
    assert re.search(r"(\d\d:\d\d|--:--)$", last)


def test_the_bar_ends_full_with_the_last_report() -> None:
    console, screen = terminal()
    assert len([*hg.training.progress(reports(3), epochs=3, console=console)]) == 3
    last = without_colours(screen.getvalue()).strip().splitlines()[-1]
    assert "3/3" in last
    assert "loss 0.3333 · validation 0.6667" in last


def test_a_training_that_goes_on_has_the_epochs_before_in_its_bar() -> None:
    console, screen = terminal()
    later = (report for report in reports(6) if report.epoch > 4)
    assert len([*hg.training.progress(later, epochs=6, console=console)]) == 2
    assert "6/6" in without_colours(screen.getvalue()).strip().splitlines()[-1]


def test_a_real_training_is_shown_and_not_changed() -> None:
    console, screen = terminal()
    net, twin = classifier(), classifier()
    shown = [*hg.training.progress(train(net, validation=HELD), epochs=4, console=console)]
    assert [r.train_loss for r in shown] == [r.train_loss for r in train(twin)]
    text = without_colours(screen.getvalue())
    assert f"loss {shown[-1].train_loss:.4f} · validation {shown[-1].validation_loss:.4f}" in text
    assert "rows/s" in text


def test_a_break_frees_the_terminal_and_stops_what_lies_below() -> None:
    closed: list[str] = []

    def noted(stream: Iterator[hg.training.EpochReport]) -> Iterator[hg.training.EpochReport]:
        try:
            yield from stream
        finally:
            closed.append("closed")

    console, _ = terminal()
    for _ in hg.training.progress(noted(reports(5)), epochs=5, console=console):
        break
    assert closed == ["closed"]
    with console.status("free for another"):
        pass


@pytest.mark.parametrize(
    ("rows", "seconds", "shown"),
    [(500, 1.0, "500 rows/s"), (45_600, 1.0, "45.6 k rows/s"), (10, 0.0, "accuracy")],
)
def test_speed_is_rounded_for_reading(rows: int, seconds: float, shown: str) -> None:
    console, screen = terminal()
    report: Any = hg.training.EpochReport(1, 0.5, {"accuracy": 0.5}, rows=rows, seconds=seconds)
    list(hg.training.progress([report], epochs=1, console=console))
    text = without_colours(screen.getvalue())
    assert shown in text
    assert ("rows/s" in text) is (seconds > 0)


def test_without_rich_it_prints_lines_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_bar, "installed", lambda *packages: False)
    monkeypatch.setattr(progress_bar, "BETWEEN_LINES", 0.0)
    assert len([*hg.training.progress(reports(3), epochs=3)]) == 3
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert len([*hg.training.progress(reports(3), epochs=3)]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["epoch", f"{epoch}/3", "loss"] for epoch in (1, 2, 3, 3)
    ]
