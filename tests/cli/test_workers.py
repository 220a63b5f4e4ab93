"""`handgrad train --workers`: the training in shards, whoever has them."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from handgrad.files import inspect
from handgrad.textbook import install
from handgrad.textbook.install import MissingPackageError
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, messy_csv, process, record
from tests.cli.test_streaming import MEMORY, table
from tests.tables.data.streams import written

HERE = ("--workers", 0)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["tabular", "mlp"])
def test_a_run_in_shards_has_bits_of_its_own_and_says_so(estimator: str, tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "messy.csv", 120)
    words: list[Any] = ["train", path, "--target", "left", "--epochs", 2, "--class-weight"]
    words += ["balanced", "--estimator", estimator, "--out"]
    for name, more in (("plain", ()), ("first", HERE), ("second", HERE)):
        result = handgrad(*words, tmp_path / name, *more)
        assert result.exit_code == 0, result.output
    found = [tmp_path / name for name in ("plain", "first", "second")]
    plain, first, second = ((run / "model.safetensors").read_bytes() for run in found)
    assert plain != first == second
    shards = [record(run)["settings"]["shards"] for run in found]
    assert shards == [None, 4, 4]
    about: Any = inspect(found[1] / "model.safetensors").about
    assert about["shards"] == 4
    assert "--workers 0" in " ".join(record(found[1])["command"])
    assert "shards of each batch" in (found[1] / "report.html").read_text("utf-8")
    assert "shards of each batch" not in (found[0] / "report.html").read_text("utf-8")


def test_a_run_goes_on_with_another_number_of_workers_but_not_without(tmp_path: Path) -> None:
    words = ["train", "iris", *QUICK, "--out", tmp_path / "run"]
    assert handgrad(*words, *HERE).exit_code == 0
    result = handgrad(*words, "--workers", 2, "--resume")
    if importlib.util.find_spec("ray") is None:
        assert "ray" in str(result.exception)
    else:
        assert "is already finished" in result.stderr
    assert isinstance(handgrad(*words, "--resume").exception, hg.errors.FileError)


def test_without_ray_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        install, "find_spec", lambda name: None if name in ("ray", "xgboost") else there(name)
    )
    result = handgrad("train", "iris", *QUICK, "--workers", 2, "--out", tmp_path / "run")
    with refused(MissingPackageError, "ray", "xgboost", install.install_hint("cluster")):
        raise result.exception or AssertionError
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", -1), ("--workers -1", "--workers 4")),
        (("--ray", "head:6379"), ("--ray head:6379 without workers", "--workers 4")),
        (("--ray", "head:6379", *HERE), ("--ray head:6379 without workers",)),
    ],
)
def test_what_cannot_be_is_refused(
    words: tuple[Any, ...], message: tuple[str, ...], tmp_path: Path
) -> None:
    result = handgrad("train", "iris", *QUICK, *words, "--out", tmp_path / "run")
    with refused(hg.errors.SettingError, *message):
        raise result.exception or AssertionError
    assert not [*tmp_path.iterdir()]


def test_what_is_no_number_is_not_understood(tmp_path: Path) -> None:
    done = process("train", "iris", "--workers", "x", folder=tmp_path)
    assert done.returncode == 2
    assert "Invalid value for '--workers'" in done.stderr


@pytest.mark.slow
def test_a_table_in_chunks_is_learned_from_in_shards_too(tmp_path: Path) -> None:
    path = written(table(), tmp_path / "rows.parquet", 250)
    words = ["train", path, "--target", "kind", *MEMORY, *QUICK, "--out"]
    for name, more in (("plain", ()), ("first", HERE), ("second", HERE)):
        result = handgrad(*words, tmp_path / name, *more)
        assert result.exit_code == 0, result.output
        assert record(tmp_path / name)["data"]["streamed"]
    names = ("plain", "first", "second")
    plain, first, second = ((tmp_path / n / "model.safetensors").read_bytes() for n in names)
    assert plain != first == second
