"""`handgrad cache` shows what is kept and clears it; `--engine` chooses."""

import json
from pathlib import Path

import pytest

from handgrad.engines.compiled import cache
from tests.cli.run import QUICK, handgrad, record


def test_it_shows_and_clears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", str(tmp_path))
    assert "0 compiled programs" in handgrad("cache").stdout
    cache.get_or_make("key", lambda: b"code")
    assert f"1 compiled programs, 0.0 MB, in {tmp_path}" in handgrad("cache").stdout
    assert "1 removed" in handgrad("cache", "--clear").stdout
    assert cache.files() == []


def test_it_says_when_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert "disabled" in handgrad("cache").stdout


def test_for_machines_it_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", str(tmp_path))
    cache.get_or_make("key", lambda: b"code")
    assert json.loads(handgrad("cache", "--json", "--clear").stdout) == {
        "folder": str(tmp_path), "programs": 1, "bytes": 36, "removed": 1
    }  # fmt: skip
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert json.loads(handgrad("cache", "--json").stdout) == {"folder": None}


def test_both_engines_train_from_the_command_line(tmp_path: Path) -> None:
    for estimator in ("tabular", "mlp"):
        scores = []
        for engine in ("eager", "compiled"):
            folder = tmp_path / f"{estimator}-{engine}"
            words = ("train", "iris", *QUICK, "--estimator", estimator, "--engine", engine)
            assert handgrad(*words, "--out", folder).exit_code == 0
            scores.append(record(folder)["scores"]["held_out"])
        assert scores[0] == pytest.approx(scores[1], rel=1e-3)
