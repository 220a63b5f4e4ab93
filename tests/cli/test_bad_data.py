"""The command line on data with titles and with values that stand for missing ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.cli.run import handgrad, raised

N = 160
QUICK = ("--target", "left", "--epochs", 2, "--no-report")


def lines(*, header: bool = True, target: bool = True) -> str:
    rng = np.random.default_rng(4)
    rows = [["age", "town", "left"]] if header else []
    for i in range(N):
        age = int(rng.integers(18, 90))
        left = "yes" if age + rng.normal(0, 20) > 54 else "no"
        rows.append([str(-999 if i % 9 == 0 else age), "?" if i % 7 == 0 else "Ulm", left])
    return "".join(",".join(row[: 2 + target]) + "\n" for row in rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a file with a title, in which -999 and ? stand for missing values."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "titled.csv").write_text("Customers\n\n" + lines())
    options = ("--header-row", 3, "--missing", -999, "--missing", "town=?", "--json")
    result = handgrad("train", folder / "titled.csv", *QUICK, *options, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    record: dict[str, Any] = json.loads(result.stdout)
    assert record["columns"]["age"] == "number + missing-value flag"
    assert "column 'age': 18 cells with -999 count as missing" in record["notes"]
    assert "--header-row" in record["command"]
    return folder


def predicted(folder: Path, text: str, *more: Any) -> str:
    (folder / "new.csv").write_text(text)
    result = handgrad("predict", folder / "run" / "model.safetensors", folder / "new.csv", *more)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_model_reads_the_next_file_alike_with_or_without_the_title(made: Path) -> None:
    rows = lines(target=False)
    said = predicted(made, "Customers\n\n" + rows, "--probabilities")
    assert predicted(made, rows, "--probabilities") == said
    empty = rows.replace("-999", "").replace("?", "")
    assert predicted(made, empty, "--probabilities") == said
    other = "A longer title\n\nfrom May,\n" + rows
    assert predicted(made, other, "--probabilities", "--header-row", 4) == said
    assert predicted(made, other, "--probabilities") == said
    with pytest.raises(hg.errors.FileError, match="has 2 of 1 fields"):
        raised("predict", made / "run" / "model.safetensors", made / "new.csv",
               "--header-row", 1)  # fmt: skip


def test_the_model_is_judged_and_its_report_written_alike(made: Path) -> None:
    scores = []
    for name, above in (("titled.csv", "Customers\n\n"), ("plain.csv", "")):
        (made / name).write_text(above + lines())
        result = handgrad("evaluate", made / "run" / "model.safetensors", made / name, "--json")
        assert result.exit_code == 0, result.output
        scores.append(json.loads(result.stdout)["scores"])
    assert scores[0] == scores[1]
    assert handgrad("report", made / "run").exit_code == 0


def test_a_target_with_such_a_value_is_missing_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(lines().replace("no\n", "x\n", 5))
    with pytest.raises(hg.errors.SettingError, match="header-row"):
        raised("train", tmp_path / "t.csv", *QUICK, "--header-row", 1, "--no-header")
    result = handgrad(
        "train", tmp_path / "t.csv", *QUICK, "--missing", "left=x", "--out", tmp_path / "run"
    )
    assert result.exit_code == 0, result.output
    assert f"5 of {N} rows have no target 'left'" in " ".join(result.output.split())


def test_options_of_tables_are_refused_for_pictures(tmp_path: Path) -> None:
    from PIL import Image

    for k, name in enumerate("ab"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (8, 8), 40 * i + k).save(tmp_path / "p" / name / f"{i}.png")
    for option in (("--missing", "0"), ("--header-row", 2)):
        with pytest.raises(hg.errors.SettingError, match="for a folder of pictures"):
            raised("train", tmp_path / "p", *option)
