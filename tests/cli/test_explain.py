"""`handgrad explain`: how a model file comes to its answer for a row of a table."""

import json
from pathlib import Path

import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import handgrad, process, raised


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small model of the flowers."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    flowers = hg.data.load("iris")
    columns = {name: flowers.x[:, i] for i, name in enumerate(flowers.feature_names)}
    y = [flowers.class_names[label] for label in flowers.y]
    model = hg.TabularClassifier(2, epochs=3, random_state=0).fit(columns, y)
    hg.save(model, path, about={"target": flowers.target_name})
    return path


def test_every_line_of_a_row_is_told(saved: Path) -> None:
    text = handgrad("explain", saved, "iris", "--row", 17).stdout
    assert "sepal length (cm) = 5.1 → sepal length (cm) −0." in text
    assert "forward · 0 · EnsemblePeriodicEmbedding" in text
    assert "backward · loss · " in text


def test_the_contributions_of_the_columns_come_first(saved: Path, tmp_path: Path) -> None:
    text = handgrad("explain", saved, "iris", "--row", 17).stdout
    contributions = text[text.index("contributions of the columns") : text.index("as read")]
    assert "; mean of the background: " in contributions
    assert contributions.count(" points") == 4
    found = json.loads(handgrad("explain", saved, "iris", "--row", 17, "--json").stdout)
    why = found["contributions"]
    assert [column["column"] for column in why["columns"]] == [*hg.data.load("iris").feature_names]
    total = why["mean"] + sum(column["contribution"] for column in why["columns"])
    assert total == pytest.approx(why["prediction"])
    page = tmp_path / "row.html"
    handgrad("explain", saved, "iris", "--row", 17, "--html", page)
    assert "<h3>contributions of the columns</h3>" in page.read_text("utf-8")


def test_one_row_is_compared_with_another_table(saved: Path, tmp_path: Path) -> None:
    flowers = hg.data.load("iris")
    lines = [",".join(flowers.feature_names), ",".join(map(str, flowers.x[17].tolist()))]
    (tmp_path / "one.csv").write_text("\n".join(lines) + "\n", "utf-8")
    done = handgrad("explain", saved, tmp_path / "one.csv")
    assert "contributions of the columns" not in done.stdout
    assert "no contributions without rows to compare with: --background" in done.stderr
    one = handgrad("explain", saved, tmp_path / "one.csv", "--background", "iris", "--json").stdout
    among = handgrad("explain", saved, "iris", "--row", 17, "--json").stdout
    assert json.loads(one)["contributions"] == json.loads(among)["contributions"]


def test_predictions_are_explained_by_columns_that_add_up(saved: Path, tmp_path: Path) -> None:
    flowers = hg.data.load("iris")
    rows = [flowers.feature_names, *([*map(str, row)] for row in flowers.x[48:54].tolist())]
    table = tmp_path / "rows.csv"
    table.write_text("\n".join(map(",".join, rows)) + "\n", "utf-8")
    words = ["predict", saved, table, "--explain", "--probabilities", "--json"]
    for more in ([], ["--background", "iris"]):
        for row in json.loads(handgrad(*words, *more).stdout)["predictions"]:
            columns = [value for name, value in row.items() if name.startswith("contribution_")]
            assert len(columns) == 4
            assert row["explained"] == row["prediction"]
            p = row[f"probability_{row['explained']}"]
            assert row["mean"] + sum(columns) == pytest.approx(p)


def test_contributions_need_rows_to_compare_with(saved: Path, tmp_path: Path) -> None:
    flowers = hg.data.load("iris")
    lines = [",".join(flowers.feature_names), ",".join(map(str, flowers.x[17].tolist()))]
    (tmp_path / "one.csv").write_text("\n".join(lines) + "\n", "utf-8")
    with refused(hg.errors.DataError, "one row, for --explain", "--background"):
        raised("predict", saved, tmp_path / "one.csv", "--explain")
    with refused(hg.errors.SettingError, "--background iris without --explain"):
        raised("predict", saved, "iris", "--background", "iris")


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
        (["--language", "de"], "'en' (English) or 'zh' (中文)"),
    ],
)
def test_what_cannot_be_explained_is_refused(saved: Path, words: list[str], said: str) -> None:
    done = process("explain", saved.name, "iris", *words, folder=saved.parent)
    assert done.returncode == 1
    assert said in done.stderr
