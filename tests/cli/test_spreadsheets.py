"""The command line on files as spreadsheets write them: learned from, predicted, judged alike."""

import json
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import handgrad
from tests.data.spreadsheets import WAYS, N, text, way

TARGET = ("--target", "gekündigt", "--epochs", 2, "--no-report")
READ_AS = {
    "Alter": "number",
    "Einkommen": "number",
    "Rabatt": "number",
    "Stadt": "category of 4 values",
    "Kunde seit": "date: time, and the hands of the year, of the week",
}


def words(options: dict[str, Any]) -> list[str]:
    """The options of the command line that say the same."""
    found = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is False:
            found.append(f"--no-{name}")
        else:
            for one in value if isinstance(value, list) else [value]:
                found += [flag, one]
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the table as a German spreadsheet writes it, and the same rows with commas."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "german.csv").write_bytes(WAYS["a German spreadsheet"][1])
    (folder / "commas.csv").write_bytes(way())
    result = handgrad("train", folder / "german.csv", *TARGET, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    return folder


def test_what_was_found_out_stands_in_the_output_and_in_the_run(made: Path) -> None:
    record = json.loads((made / "run" / "run.json").read_text("utf-8"))
    assert record["columns"] == READ_AS
    assert record["notes"] == [
        "it is read with semicolons between columns, decimal commas, letters in cp1252",
        "column 'Kunde seit' is read as dates, day.month.year",
    ]


@pytest.mark.parametrize("name", [name for name in WAYS if name != "no line of names"])
def test_each_way_to_write_the_table_gets_the_same_predictions(
    name: str, made: Path, tmp_path: Path
) -> None:
    file, content, options = WAYS[name]
    (path := tmp_path / file).write_bytes(content)
    model = made / "run" / "model.safetensors"
    same = handgrad("predict", model, made / "commas.csv", "--probabilities")
    result = handgrad("predict", model, path, "--probabilities", *words(options))
    assert result.exit_code == 0, result.output
    assert result.stdout == same.stdout


@pytest.mark.parametrize(
    "name",
    ["an American spreadsheet", "gzip of a German file", "UTF-16 with tabs", "all of it said"],
)
def test_each_way_is_learned_from_and_judged_alike(name: str, made: Path, tmp_path: Path) -> None:
    file, content, options = WAYS[name]
    (path := tmp_path / file).write_bytes(content)
    result = handgrad("train", path, *TARGET, *words(options), "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    here, there = (
        json.loads((folder / "run" / "run.json").read_text("utf-8")) for folder in (tmp_path, made)
    )
    assert here["columns"] == READ_AS
    assert here["scores"] == there["scores"]
    model = made / "run" / "model.safetensors"
    found = json.loads(handgrad("evaluate", model, path, *words(options), "--json").stdout)
    same = json.loads(handgrad("evaluate", model, made / "commas.csv", "--json").stdout)
    assert (found["scores"], found["rows"]) == (same["scores"], N)
    assert all(note in found["notes"] for note in here["notes"] if "it is read" in note)


def test_a_run_without_names_is_repeated_and_reported(tmp_path: Path) -> None:
    (path := tmp_path / "t.csv").write_bytes(way(header=False))
    asked = ("train", path, "--target", "column_6", "--no-header", "--epochs", 1)
    result = handgrad(*asked, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert "--no-header" in record["command"]
    (tmp_path / "run" / "report.html").unlink()
    assert handgrad("report", tmp_path / "run").exit_code == 0


def table(tmp_path: Path, **columns: list[Any]) -> Path:
    path = tmp_path / "t.csv"
    n = max(map(len, columns.values()))
    rows = [[str(cells[i % len(cells)]) for cells in columns.values()] for i in range(n)]
    path.write_text("\n".join(map(",".join, [[*columns], *rows])) + "\n", "utf-8")
    return path


def trained(path: Path, *asked: Any) -> dict[str, Any]:
    options = (
        "--target",
        "y",
        "--epochs",
        1,
        "--no-report",
        "--json",
        "--out",
        path.parent / "run",
    )
    result = handgrad("train", path, *options, *asked)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


POSTCODES = ["01067", "80331", "50667", "01069"]


def test_postcodes_are_told_and_are_codes_if_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, plz=POSTCODES, b=[*range(7)], y=["u", "v", "v"] * 60)
    found = trained(path)
    assert found["columns"]["plz"] == "number"
    assert found["notes"] == [
        "column 'plz' has numbers that begin with 0, and is read as numbers: --category 'plz', "
        "if they are codes"
    ]


def test_what_a_column_was_said_to_be_is_remembered_by_the_model(tmp_path: Path) -> None:
    path = table(
        tmp_path, plz=POSTCODES, code=["7", "x"], score=["1.5", "?", "3"],
        day=["01/02/2024", "03/04/2024", "soon"], y=["u", "v", "v", "u"] * 30,
    )  # fmt: skip
    asked = ("--category", "plz", "--number", "score", "--date", "day", "--date-order", "dmy",
             "--epochs", 20)  # fmt: skip
    found = trained(path, *asked)
    assert found["columns"]["plz"] == "category of 4 values"
    assert found["columns"]["score"] == "number, a second one marks what is missing"
    assert found["columns"]["day"].startswith("date")
    assert found["notes"] == [
        "column 'score': 40 cells do not read as numbers and count as missing, '?' for one",
        "column 'day': 40 cells do not read as dates and count as missing, 'soon' for one",
    ]
    new = tmp_path / "new.csv"
    model = tmp_path / "run" / "model.safetensors"

    def said(row: str) -> str:
        new.write_text(f"plz,code,score,day\n{row}\n")
        result = handgrad("predict", model, new, "--probabilities")
        assert result.exit_code == 0, result.output
        return result.stdout

    plain = said("01067,7,1.5,2024-02-01")
    assert said("01067,7,1.5,01/02/2024") == plain
    assert said("01067,7,?,soon") == said("01067,7,,")
    assert said("1067,7,1.5,2024-02-01") != plain  # another code


def test_numbers_or_dates_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    path = table(
        tmp_path, price=["$5.50", "€6.20", "$7.00"], share=["5%", "0.5", "7%"],
        day=["31/01/2024", "01/31/2024"], late=["1.5", "2.5", "soon"], word=["Yes", "yes", "no"],
        y=["u", "v", "v"] * 60,
    )  # fmt: skip
    odd = "that do not go together, such as"
    assert trained(path)["notes"] == [
        f"column 'price' has numbers {odd} '$5.50' and '€6.20', and so is read as text",
        f"column 'share' has numbers {odd} '5%' and '0.5', and so is read as text",
        f"column 'day' has dates {odd} '31/01/2024' and '01/31/2024', and so is read as text",
        "column 'late' is 'soon' in row 3 below the header, among 120 numbers, and so is read as "
        "text: --number 'late', if such cells stand for what is missing",
        "column 'word' has 'Yes' and 'yes', which differ by capitals or blanks only",
    ]


NEARLY = {
    "numbers with a unit": [f"{i}.5 kg" for i in range(60)],
    "times": [f"{i % 24}:{i % 60:02}" for i in range(60)],
    "names of months": [f"{i % 28 + 1} {['Jan', 'Feb', 'May'][i % 3]} 2024" for i in range(60)],
    "months first": [f"{['Jan', 'Feb', 'May'][i % 3]} {i % 28 + 1} 2024" for i in range(60)],
}


@pytest.mark.parametrize("case", NEARLY)
def test_what_only_looks_like_numbers_or_dates_is_told(case: str, tmp_path: Path) -> None:
    cells = NEARLY[case]
    found = trained(table(tmp_path, a=cells, b=[*range(7)], y=["u", "v"] * 90))
    assert found["notes"] == [
        f"column 'a' looks like numbers or dates, {cells[0]!r} for one, and is read as text: "
        "as 12.5 or 2024-12-31 in the file it would count as such"
    ]


def test_a_target_of_formatted_numbers_is_a_number(tmp_path: Path) -> None:
    prices = [f'"{1000 + 7 * i:,}.50 EUR"' for i in range(60)]
    found = trained(table(tmp_path, a=[*range(60)], y=prices))
    assert found["target"]["task"] == "regression"
    assert found["target"]["range"] == [1000.5, 1413.5]


def test_classes_that_differ_by_capitals_are_told(tmp_path: Path) -> None:
    path = table(tmp_path, a=[*range(60)], y=["Yes", "yes", "no"] * 20)
    told = "the target 'y' has the classes 'Yes' and 'yes', which differ by capitals only"
    assert told in trained(path)["notes"]
    alone = table(tmp_path, a=[*range(61)], y=[*(["yes", "no"] * 30), "Yes"])
    result = handgrad("train", alone, "--target", "y")
    assert isinstance(result.exception, hg.DataError)
    assert "'Yes' and 'yes' differ by capitals only" in result.exception.hint


WRONG: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a separator that is none": (("--separator", "xx"), "separator = 'xx'", "one sign"),
    "a separator that is not there": (("--separator", ";"), "no column named 'y'", "--separator"),
    "a decimal sign that is none": (("--decimal", ";"), "decimal = ';'", "'.' or ','"),
    "an encoding that is none": (("--encoding", "utf99"), "encoding = 'utf99'", "utf-8"),
    "an encoding that it is not": (("--encoding", "utf-16"), "bytes that are not utf-16", "cp1252"),
    "a category that is not there": (("--category", "B"), "no column named 'B'", "mean 'b'?"),
    "a number that is words": (("--number", "word"), "'word' as number, and has 'no'", "--number"),
    "a date that is numbers": (("--date", "b"), "column 'b' as date, and is int64", "--date"),
    "two kinds": (("--date", "b", "--number", "b"), "column 'b' as number and as date", "alone"),
    "names taken for a row": (("--no-header",), "no column named 'y'", "column_1, column_2"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_said_wrongly_is_refused(case: str, tmp_path: Path) -> None:
    options, came, hint = WRONG[case]
    path = table(tmp_path, word=["no", "yes"], b=[*range(9)], y=["ü", "v", "v"] * 20)
    result = handgrad("train", path, "--target", "y", *options, "--out", tmp_path / "run")
    assert isinstance(result.exception, hg.HandgradError), result.output
    with refused(type(result.exception), came, hint):
        raise result.exception
    assert not (tmp_path / "run").exists()


def test_a_first_line_that_looks_like_data_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text(header=False), "utf-8")
    result = handgrad("train", tmp_path / "t.csv", *TARGET)
    assert isinstance(result.exception, hg.DataError)
    assert "--no-header" in result.exception.hint
