"""The command line on data with titles, values that stand for missing ones, and spellings."""

import json
import re
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


@pytest.mark.slow
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
    for option in (("--missing", "0"), ("--header-row", 2), ("--merge-case",)):
        with pytest.raises(hg.errors.SettingError, match="for a folder of pictures"):
            raised("train", tmp_path / "p", *option)


SPELLED = {"ja": ["ja", "ja", "ja", "Ja ", "JA"], "nein": ["nein", "Nein", "nein", "nein", "nein"]}
TOWNS = ["Ulm", "ulm", "Ulm", "Bonn", "Bonn ", "New York", "New  york", "New York"]


def spelled(folder: Path, *, once: bool = False, n: int = 200) -> Path:
    """A target and a column in several spellings; with `once`, one of them has one row only."""
    rng = np.random.default_rng(1)
    rows = ["town,age,left"]
    for i in range(n):
        age = int(rng.integers(18, 90))
        left = SPELLED["ja" if age + rng.normal(0, 20) > 54 else "nein"][i % 5]
        rows.append(f"{TOWNS[i % 8]},{age},{left}")
    (folder / "t.csv").write_text("\n".join([*rows, *["Ulm,30,NEIN"] * once]) + "\n")
    return folder / "t.csv"


def test_spellings_are_listed_with_their_rows_and_merged_if_asked_for(tmp_path: Path) -> None:
    path = spelled(tmp_path)
    result = handgrad("train", path, *QUICK, "--json", "--out", tmp_path / "a")
    notes = "\n".join(json.loads(result.stdout)["notes"])
    assert re.search(
        r"classes 'JA' \(\d+\), 'Ja' \(\d+\) and 'ja' \(\d+\); 'Nein' \(\d+\) and", notes
    )
    assert "column 'town' has 'Ulm' (50) and 'ulm' (25); 'Bonn' (25) and 'Bonn ' (25); " in notes
    result = handgrad("train", path, *QUICK, "--json", "--merge-case", "--out", tmp_path / "b")
    record = json.loads(result.stdout)
    assert record["target"]["classes"] == ["ja", "nein"]
    assert record["columns"]["town"] == "category of 3 values"
    merged = [note for note in record["notes"] if "are merged, each group into its most" in note]
    assert len(merged) == 2
    assert "frequent spelling: 'Bonn', 'New York', 'Ulm'" in merged[0]
    assert "differ only" not in "".join(record["notes"])
    assert "--merge-case" in record["command"]


def test_a_spelling_of_one_row_is_refused_with_the_option_that_merges_it(tmp_path: Path) -> None:
    path = spelled(tmp_path, once=True)
    with pytest.raises(hg.errors.DataError, match=r"try: --merge-case: .*'NEIN' \(1\)"):
        raised("train", path, *QUICK)
    with pytest.warns(UserWarning, match="are merged"):
        run = hg.tables.train_table(
            str(path), "left", merge_case=True, epochs=1, report=False, out=tmp_path / "run"
        )
    assert run.record["target"]["classes"] == ["ja", "nein"]


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["1 GB", "1 MB"])
def test_other_spellings_are_predicted_and_judged_as_those_of_the_training(
    memory: str, tmp_path: Path
) -> None:
    path, out = spelled(tmp_path, n=200 if memory == "1 GB" else 6000), tmp_path / "run"
    how: dict[str, Any] = {"epochs": 2, "report": False, "out": out, "memory": memory}
    with pytest.warns(UserWarning, match="are merged"):
        run = hg.tables.train_table(str(path), "left", merge_case=True, **how)
    assert run.record["data"]["streamed"] == (memory == "1 MB")
    assert run.record["target"]["classes"] == ["ja", "nein"]
    model, new = out / "model.safetensors", tmp_path / "new.csv"
    said = []
    for town, left in (("Ulm", "ja"), ("ULM ", "jA")):
        new.write_text("town,age,left\n" + f"{town},30,{left}\n" * 3 + "Bonn,70,NEIN\n" * 3)
        result = handgrad("predict", model, new, "--probabilities", "--json")
        judged = handgrad("evaluate", model, new, "--json")
        assert judged.exit_code == 0, judged.output
        said.append((json.loads(result.stdout), json.loads(judged.stdout)["scores"]))
    assert said[0] == said[1]
    assert not any("unseen" in note for note in said[1][0]["notes"])
