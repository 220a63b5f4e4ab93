"""`handgrad cache` shows what is kept and clears it; `--engine` chooses."""

from pathlib import Path

import pytest

from handgrad.engines.compiled import cache
from tests.cli.run import handgrad


def test_it_shows_and_clears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", str(tmp_path))
    assert "0 compiled programs" in handgrad("cache").stdout
    cache.kept("key", lambda: b"code")
    assert f"1 compiled programs, 0.0 MB, in {tmp_path}" in handgrad("cache").stdout
    assert "1 removed" in handgrad("cache", "--clear").stdout
    assert cache.files() == []


def test_it_says_when_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert "switched off" in handgrad("cache").stdout


def test_both_engines_train_from_the_command_line(tmp_path: Path) -> None:
    tables = []
    for engine in ("eager", "compiled"):
        result = handgrad(
            "train", "iris", "--epochs", "5", "--engine", engine, "--out", tmp_path / engine
        )
        assert result.exit_code == 0
        tables.append(result.stdout.split("5 epochs")[0])
    assert tables[0] == tables[1]
