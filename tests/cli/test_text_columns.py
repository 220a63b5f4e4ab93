"""The command line on a table with a column of free text, beside a number and a category."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.cli.run import handgrad, raised, record
from tests.tables.tabular.frames import reviews

N = 240


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on reviews, with short notes that are free text only if asked for."""
    folder = tmp_path_factory.mktemp("made")
    texts, y = reviews(N)
    rng = np.random.default_rng(1)
    with (folder / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["review", "stars", "shop", "note", "good"])
        for text, label in zip(texts, y, strict=True):
            note = f"{'fine' if label else 'bad'} {rng.integers(10**6)}"
            stars = rng.integers(1, 6)
            shop = rng.choice(["Ulm", "Bonn", "Jena"])
            rows.writerow([f"{text}, {text}", stars, shop, note, "yes" if label else "no"])
    options = ("--target", "good", "--epochs", 4, "--text", "note")
    result = handgrad("train", folder / "reviews.csv", *options, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    return folder


def test_texts_are_detected_or_asked_for(made: Path) -> None:
    found = record(made / "run")
    assert found["columns"]["review"] == "free text: a score of words and n-grams"
    assert found["columns"]["note"] == "free text: a score of words and n-grams"
    assert found["columns"]["shop"] == "category of 3 values"
    assert found["settings"]["text"] == ["note"]
    assert "--text note" in " ".join(found["command"])
    assert "review" in (made / "run" / "report.html").read_text("utf-8")


def test_new_texts_are_predicted(made: Path) -> None:
    (made / "new.csv").write_text(
        "review,stars,shop,note\nit was great and lovely,3,Ulm,fine 7\n"
        "it was awful and broken,3,Ulm,bad 8\n,,,\n",
        "utf-8",
    )
    result = handgrad("predict", made / "run" / "model.safetensors", made / "new.csv")
    assert result.exit_code == 0, result.output
    predicted = [row[0] for row in csv.reader(result.stdout.splitlines())][1:]
    assert predicted[:2] == ["yes", "no"]
    assert len(predicted) == 3


def test_a_category_is_no_free_text(made: Path, tmp_path: Path) -> None:
    options = ("--target", "good", "--epochs", 2, "--no-report", "--category", "review", "--json")
    result = handgrad("train", made / "reviews.csv", *options, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "free text: a score" not in json.loads(result.stdout)["columns"]["review"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--text", "nte"), "no column named 'nte'"),
        (("--text", "good"), "--text good, which is no feature"),
        (("--text", "stars"), "column 'stars' holds numbers"),
        (("--text", "note", "--estimator", "mlp"), "--text note for --estimator mlp"),
        (("--text", "note,shop"), "no column of that name, but one for each part"),
    ],
)
def test_other_columns_are_refused(made: Path, options: Any, words: str, tmp_path: Path) -> None:
    command = ("train", made / "reviews.csv", "--target", "good", "--out", tmp_path / "run")
    with pytest.raises(hg.errors.HandgradError, match=words):
        raised(*command, *options)
