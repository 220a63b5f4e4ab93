"""Commands on a spreadsheet, a database and JSON lines: the same as on a CSV file."""

from pathlib import Path

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, raised, record
from tests.tables.data.test_other_kinds import NAMES, WRITERS, rows, write_csv, write_sqlite
from tests.tables.data.workbooks import write_xlsx


def test_a_model_is_trained_on_a_sheet_and_scored_on_other_kinds(tmp_path: Path) -> None:
    book, plain, run = tmp_path / "t.xlsx", tmp_path / "t.csv", tmp_path / "run"
    write_xlsx(book, {"about": [("nothing",)], "houses": [NAMES, *rows()]})
    write_csv(plain, NAMES, rows())
    words = ("train", book, "--sheet", "houses", "--target", "left", *QUICK, "--out", run)
    result = handgrad(*words)
    assert result.exit_code == 0, result.output
    assert "--sheet houses" in " ".join(record(run)["command"])
    same = handgrad("train", plain, "--target", "left", *QUICK, "--out", tmp_path / "same")
    assert same.exit_code == 0, same.output
    assert record(run)["scores"] == record(tmp_path / "same")["scores"]
    outputs = set()
    for name in ("t.csv", "t.xlsx", "t.db", "t.jsonl", "t.feather"):
        if name not in ("t.csv", "t.xlsx"):
            WRITERS[name](tmp_path / name, NAMES, rows())
        sheet = ("--sheet", 2) if name == "t.xlsx" else ()
        out = tmp_path / "p.csv"
        model = run / "model.safetensors"
        assert handgrad("predict", model, tmp_path / name, *sheet, "-o", out).exit_code == 0
        assert handgrad("evaluate", model, tmp_path / name, *sheet).exit_code == 0
        outputs.add(out.read_text())
    assert len(outputs) == 1


def test_a_database_as_the_model_is_refused(tmp_path: Path) -> None:
    write_sqlite(tmp_path / "t.db", NAMES, rows())
    with refused(hg.errors.SettingError, "t.db as MODEL, a table"):
        raised("predict", tmp_path / "t.db", tmp_path / "t.db", "-o", tmp_path / "p.csv")
