"""The command line in Chinese: no English sentence in what the main commands say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from handgrad.cli.app import app
from handgrad.cli.language import CLI
from tests.cli.run import handgrad as in_english
from tests.cli.run import messy_csv
from tests.learn.story.telling import tell_a_tiny_story
from tests.texts import english_in, page_texts

ZH = {"COLUMNS": "200", "TERM": "dumb", "HANDGRAD_LANGUAGE": "zh"}
COMMANDS = (
    "train", "tune", "predict", "write", "evaluate", "compare", "explain", "inspect", "export",
    "play", "serve", "report", "runs", "demo", "cache",
)  # fmt: skip


def handgrad(*words: object) -> str:
    """What the command says in Chinese, on both streams."""
    with patch.dict(os.environ, ZH):  # the help is translated when the commands are made
        result = CliRunner(env=ZH).invoke(app, [*map(str, words)], prog_name="handgrad")
    assert result.exception is None, result.exception
    return result.output


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on a table with text, dates and gaps; what train says is in said.txt."""
    folder = tmp_path_factory.mktemp("chinese")
    table = messy_csv(folder / "customers.csv")
    said = handgrad("train", table, "--target", "left", "--epochs", 2, "--out", folder / "run")
    (folder / "said.txt").write_text(said, "utf-8")
    return folder


def test_train_and_its_report_are_in_chinese(run: Path) -> None:
    said = (run / "said.txt").read_text("utf-8")
    assert "customers：200 个样本，9 个特征列" in said
    assert english_in(said) == []
    page = (run / "run" / "report.html").read_text("utf-8")
    assert "<h1>预测 left</h1>" in page
    assert [text for text in page_texts(page) if english_in(text)] == []


def test_a_record_is_the_same_in_every_language(run: Path, tmp_path: Path) -> None:
    words = ("train", run / "customers.csv", "--target", "left", "--epochs", 2, "--out")
    in_english(*words, tmp_path / "run")
    there, here = (
        json.loads((folder / "run" / "run.json").read_text("utf-8")) for folder in (run, tmp_path)
    )
    for record in (there, here):
        for key in ("command", "seconds", "date", "settings", "machine", "files"):
            record.pop(key, None)
    assert there == here


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "run/model.safetensors", "customers.csv"),
        ("predict", "run/model.safetensors", "customers.csv", "-o", "out.csv"),
        ("compare", "customers.csv", "run", "--html", "compared.html"),
        ("inspect", "run/model.safetensors"),
        ("explain", "run/model.safetensors", "customers.csv", "--row", "1"),
        ("export", "run/model.safetensors", "model.py"),
        ("report", "run"),
        ("runs", "."),
        ("cache",),
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_what_it_does_in_chinese(
    words: tuple[str, ...], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    said = handgrad(*words)
    assert english_in(said) == [], said
    if "--html" in words:
        page = (run / "compared.html").read_text("utf-8")
        assert [text for text in page_texts(page) if english_in(text)] == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_in_chinese(command: str) -> None:
    said = handgrad(*filter(None, [command]), "--help")
    _, usage, rest = said.replace("│", " ").partition("Usage")
    assert english_in(rest.partition("\n")[2]) == []
    assert usage
    assert "选项" in said
    assert "Options" in in_english(*filter(None, [command]), "--help").output


def test_the_story_is_in_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_a_tiny_story(monkeypatch)
    assert "网页已写入" in handgrad("demo", "--out", tmp_path / "demo")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "nix.csv"), "nix.csv：没有这个文件"),
        (("train", "iris", "--target", "speces"), "没有名为 'speces' 的列"),
        (("train", "iris", "--epochs", "-3"), "1 到 2147483647 的整数"),
        (("trian",), "没有命令 'trian'，是否想用 'train'？"),
        (("train", "iris", "--epochs", "a"), "应为整数"),
        (("train", "iris", "--epoch", "3"), "没有选项 --epoch"),
        (("predict", "nix.safetensors", "iris"), "期望："),
    ],
)
def test_an_error_is_in_chinese_and_its_json_is_not(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "handgrad", *words]
    environment = {**os.environ, **ZH, "PYTHONIOENCODING": "utf-8"}
    found = subprocess.run(
        [*command, "--json"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    shown = found.stderr.decode("utf-8")
    text = " ".join(shown.replace("│", " ").split("Usage")[-1].split())
    assert said in text or said in shown, shown
    assert english_in(text) == [], text
    assert not set(json.loads(found.stdout)["error"]["came"]) & set("没错误应为")


def test_names_of_the_data_stay_as_they_are() -> None:
    for name in ("rows", "time", "class", "training"):
        line = f"predicting {name}: 2 classes, rows, values (classification: it holds text)"
        assert CLI.in_chinese(line) == f"预测 {name}：2 个类别：rows, values（分类：它是文本）"
