"""`handgrad explain`: how a model file comes to its answer for a row of a table."""

import json
from pathlib import Path

import pytest

import handgrad as hg
from tests.cli.run import handgrad, process


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small model of the flowers."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    flowers = hg.data.load("iris")
    columns = {name: flowers.x[:, i] for i, name in enumerate(flowers.feature_names)}
    y = [flowers.class_names[label] for label in flowers.y]
    model = hg.TabularClassifier(2, epochs=1, random_state=0).fit(columns, y)
    hg.save(model, path, about={"target": flowers.target_name})
    return path


def test_every_line_of_a_row_is_told(saved: Path) -> None:
    text = handgrad("explain", saved, "iris", "--row", 17).stdout
    assert "sepal length (cm) = 5.1 → sepal length (cm) −0." in text
    assert "forward · 0 · EnsemblePeriodicEmbedding" in text
    assert "backward · loss · " in text


def test_one_number_is_followed_back(saved: Path) -> None:
    text = handgrad("explain", saved, "iris", "--row", 17, "--of", "loss").stdout
    assert text.startswith("backtrace of loss\n  loss = ")
    assert "Chain rule: " in text


def test_a_page_is_written(saved: Path, tmp_path: Path) -> None:
    page = tmp_path / "row.html"
    done = handgrad("explain", saved, "iris", "--html", page, "--language", "zh")
    assert done.stdout.startswith(f"written: {page}, ")
    assert '<html lang="zh">' in page.read_text("utf-8")


def test_for_machines_it_is_json(saved: Path) -> None:
    found = json.loads(handgrad("explain", saved, "iris", "--json").stdout)
    first = found["steps"][0]
    assert (first["address"], first["way"]) == ("0.t", "forward")
    assert first["source"].startswith("periodic.py:")
    found = json.loads(handgrad("explain", saved, "iris", "--of", "loss", "--json").stdout)
    assert found["lines"][0]["line"].startswith("loss = ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--row", "150"], "--row 150 of 150 rows"),
        (["--row", "-1"], "--row -1 of 150 rows"),
        (["--of", "9.W"], "'9.W', which is not in this step"),
        (["--target", "colour"], "--target colour, which is not a column"),
        (["--language", "de"], "one of en, zh"),
    ],
)
def test_what_cannot_be_explained_is_refused(saved: Path, words: list[str], said: str) -> None:
    done = process("explain", saved.name, "iris", *words, folder=saved.parent)
    assert done.returncode == 1
    assert said in done.stderr
