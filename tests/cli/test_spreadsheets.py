"""The command line on files as spreadsheets write them: learned from, predicted, judged alike."""

import json
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import handgrad
from tests.tables.data.spreadsheets import WAYS, N, text, way

TARGET = ("--target", "gekündigt", "--epochs", 2, "--no-report")
READ_AS = {
    "Alter": "number",
    "Einkommen": "number",
    "Rabatt": "number",
    "Stadt": "category of 4 values",
    "Kunde seit": "date: timestamp + cyclic year and week features",
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
        "read with semicolons between columns, decimal commas, encoding cp1252",
        "column 'Kunde seit' is read as dates, day.month.year",
    ]


@pytest.mark.slow
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
    assert all(note in found["notes"] for note in here["notes"] if "read with" in note)


@pytest.mark.slow
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
        "column 'plz' has numbers with leading zeros and is read as numbers: use --category 'plz' "
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
    assert found["columns"]["score"] == "number + missing-value flag"
    assert found["columns"]["day"].startswith("date")
    assert found["notes"] == [
        "column 'score': 40 cells do not parse as numbers and count as missing, such as '?'",
        "column 'day': 40 cells do not parse as dates and count as missing, such as 'soon'",
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
    odd = "in different formats, such as"
    assert trained(path)["notes"] == [
        f"column 'price' has numbers {odd} '$5.50' and '€6.20', and so is read as text: written as "
        "12.5 they would be numbers",
        f"column 'share' has numbers {odd} '5%' and '0.5', and so is read as text: written as 12.5 "
        "they would be numbers",
        f"column 'day' has dates {odd} '31/01/2024' and '01/31/2024', and so is read as text: "
        "written as 2024-12-31 they would be dates",
        "column 'late' is 'soon' in row 3 below the header, among 120 numbers, and so is read as "
        "text: use --number 'late' if such cells are missing values",
        "column 'word' has 'Yes' (60) and 'yes' (60), which differ only in case or spaces: "
        "--merge-case merges them",
    ]


MONTHS = ["janv", "févr", "mai"]  # May, too, in German
LIKE_TIMES = "and is read as text: written as hours, 14.5 for 14:30, it would be a number"
LIKE_DATES = "read as text: written as 2024-12-31 they would be dates"
NEARLY = {
    "numbers with a unit": (
        [f"{i}.5 kg" for i in range(60)],
        "numbers with something beside, such as '0.5 kg', and is read as text: written as 12.5 "
        "it would be a number",
    ),
    "times": (
        [f"{i % 30}:{i % 60:02}" for i in range(60)],
        f"times of day, such as '0:00', {LIKE_TIMES}",
    ),
    "few times with two digits": (
        [f"{i % 3:02}:30" for i in range(60)],
        f"times of day, such as '00:30:00', {LIKE_TIMES}",
    ),
    "names of months": (
        [f"{i % 28 + 1} {MONTHS[i % 3]} 2024" for i in range(60)],
        f"dates with names of months, such as '1 janv 2024', and is {LIKE_DATES}",
    ),
    "months first": (
        [f"{MONTHS[i % 3]} {i % 28 + 1} 2024" for i in range(60)],
        f"dates with names of months, such as 'janv 1 2024', and is {LIKE_DATES}",
    ),
}


@pytest.mark.parametrize("case", NEARLY)
def test_what_only_looks_like_numbers_or_dates_is_told(case: str, tmp_path: Path) -> None:
    cells, said = NEARLY[case]
    found = trained(table(tmp_path, a=cells, b=[*range(7)], y=["u", "v"] * 90))
    assert found["notes"] == [f"column 'a' looks like {said}"]


def test_times_and_names_of_months_are_read_as_such(tmp_path: Path) -> None:
    columns = {
        "long": [f"{i % 24}:{i % 60:02}" for i in range(60)],
        "short": [f"{i % 24:02}:{i % 60:02}" for i in range(60)],
        "month": ["Jan", "Feb", "März", "Apr.", "May"] * 12,
        "day": ["Mo", "Tue", "Mi", "Fri", ""] * 12,
    }
    found = trained(table(tmp_path, **columns, b=[*range(7)], y=["u", "v"] * 90))
    told = {
        "long": "times of day, in hours",
        "short": "times of day, in hours",
        "month": "names of months, January as 1",
        "day": "names of weekdays, Monday as 1",
    }
    assert found["notes"] == [f"column {n!r} is read as {what}" for n, what in told.items()]
    kinds = ["hour of the day", "hour of the day", "month of the year", "day of the week"]
    for name, kind in zip(columns, kinds, strict=True):
        assert found["columns"][name].startswith(f"{kind}: number +")
    model, new = tmp_path / "run" / "model.safetensors", tmp_path / "new.csv"
    said = set()
    for row in ("14:30,09:00,March,Mon", "2:30 pm,9 Uhr,Mrz,Montag", "14:30:00,9:00,mar,Mo"):
        new.write_text(f"long,short,month,day,b\n{row},1\n")
        said.add(handgrad("predict", model, new, "--probabilities").stdout)
    assert len(said) == 1


def test_names_among_other_words_are_categories_also_where_no_training_row_has_them(
    tmp_path: Path,
) -> None:
    names = ["May", "June", "April", "Jan"] * 29 + ["Bob"] * 4
    found = trained(table(tmp_path, name=names, b=[*range(7)], y=["u", "v"] * 90))
    assert found["columns"]["name"].startswith("category of ")
    assert found["notes"] == []


def test_dates_with_the_year_first_among_others_are_dates(tmp_path: Path) -> None:
    days = ["2024-01-31", "28.02.2024", "2023-12-05", "24.12.2023"]
    path = table(tmp_path, day=days, b=[*range(7)], y=["u", "v", "v", "u"] * 30)
    found = trained(path)
    assert found["columns"]["day"].startswith("date")
    assert found["notes"] == [
        "column 'day' is read as dates, day.month.year, some of them year-month-day"
    ]
    model, new = tmp_path / "run" / "model.safetensors", tmp_path / "new.csv"
    said = set()
    for day in ("2024-02-01", "01.02.2024"):
        new.write_text(f"day,b\n{day},1\n")
        said.add(handgrad("predict", model, new, "--probabilities").stdout)
    assert len(said) == 1


def test_dates_in_many_ways_are_dates_if_their_order_is_known(tmp_path: Path) -> None:
    days = [f"{i % 28 + 1:02}" for i in range(90)]
    days = [
        [f"2024-01-{day}", f"{day}.01.2024", f"01/{day}/2024", f"{day} Jan 2024"][i % 4]
        for i, day in enumerate(days)
    ]
    path = table(tmp_path, day=days, b=[*range(7)], y=["u", "v"] * 90)
    assert trained(path)["columns"]["day"].startswith("date")
    days = ["2024-01-02", "01/02/2024"]
    found = trained(table(tmp_path, day=days, b=[*range(7)], y=["u", "v"]), "--out", tmp_path / "o")
    assert found["columns"]["day"] == "binary, '01/02/2024' or '2024-01-02'"
    assert found["notes"] == [
        "column 'day' has dates in different formats, such as '2024-01-02' and '01/02/2024', and "
        f"so is {LIKE_DATES}, as with --date-order dmy or --date-order mdy"
    ]


def test_names_of_months_are_read_in_prediction_too(tmp_path: Path) -> None:
    days = [f"{i % 28 + 1}. {name} 2024" for i, name in enumerate(["Jan", "März", "Mai"] * 20)]
    found = trained(table(tmp_path, day=days, b=[*range(7)], y=["u", "v", "v"] * 20))
    assert found["columns"]["day"].startswith("date: timestamp + cyclic")
    assert found["notes"] == ["column 'day' is read as dates with names of months"]
    model, new = tmp_path / "run" / "model.safetensors", tmp_path / "new.csv"
    said = set()
    for day in ("2024-03-05", "March 5 2024", "5. März 2024"):
        new.write_text(f"day,b\n{day},1\n")
        said.add(handgrad("predict", model, new, "--probabilities").stdout)
    assert len(said) == 1


@pytest.mark.slow
def test_a_total_at_the_end_is_told(tmp_path: Path) -> None:
    rows = [f"K{i},{20 + i % 50},{100 + i}" for i in range(60)]
    total = sum(100 + i for i in range(60))
    path = tmp_path / "t.csv"
    for last, said in (
        (
            f"Summe,,{total}",
            "is the sum of the rows above, 60 times the median, in 'y' and has 'Summe' in",
        ),
        (f"Total,,{10 * total}", "times the median, in 'y' and has 'Total' in 'customer': is it"),
        (f",,{total}", "has empty cells in 2 of 3 columns: is it a total?"),
    ):
        path.write_text("\n".join(["customer,age,y", *rows, last]) + "\n")
        (note,) = [n for n in trained(path, "--out", tmp_path / last)["notes"] if "total" in n]
        assert note.startswith("row 61 below the header is ")
        assert said in note
    for last in ("K60,33,160", "Total,33,160", "K60,,160", "K60,33,900"):
        path.write_text("\n".join(["customer,age,y", *rows, last]) + "\n")
        found = trained(path, "--out", tmp_path / f"good {last}")
        assert not [n for n in found["notes"] if "total" in n]


def test_codes_are_noted_at_the_training_and_never_again(tmp_path: Path) -> None:
    path = table(tmp_path, plz=POSTCODES, b=[*range(7)], y=["u", "v", "v"] * 60)
    assert trained(path)["notes"]
    model = tmp_path / "run" / "model.safetensors"
    for command in ("predict", "evaluate"):
        assert json.loads(handgrad(command, model, path, "--json").stdout)["notes"] == []


def test_a_date_that_cannot_be_read_names_the_option_that_takes_it_as_missing(
    tmp_path: Path,
) -> None:
    days = [f"2024-01-{i % 28 + 1:02}" for i in range(60)]
    path = table(tmp_path, day=days, y=["u", "v", "v"] * 20)
    trained(path)
    model, new = tmp_path / "run" / "model.safetensors", tmp_path / "new.csv"
    new.write_text("day\n" + "\n".join([*days[:5], "yesterday", *days[5:9]]) + "\n")
    result = handgrad("predict", model, new)
    assert isinstance(result.exception, hg.errors.DataError)
    assert "column 'day' has 'yesterday' in row 6" in str(result.exception)
    assert "--date 'day', for missing values" in result.exception.hint
    assert handgrad("predict", model, new, "--date", "day").exit_code == 0


def test_a_target_of_formatted_numbers_is_a_number(tmp_path: Path) -> None:
    prices = [f'"{1000 + 7 * i:,}.50 EUR"' for i in range(60)]
    found = trained(table(tmp_path, a=[*range(60)], y=prices))
    assert found["target"]["task"] == "regression"
    assert found["target"]["range"] == [1000.5, 1413.5]


def test_classes_that_differ_by_capitals_are_told(tmp_path: Path) -> None:
    path = table(tmp_path, a=[*range(60)], y=["Yes", "yes", "no"] * 20)
    told = "the target 'y' has the classes 'Yes' (20) and 'yes' (20), which differ only in case"
    assert any(note.startswith(told) for note in trained(path)["notes"])
    path = table(tmp_path, a=[*range(60)], y=["ja", "Ja", "JA", "nein", "Nein", "?"] * 10)
    told = (
        "the classes 'JA' (10), 'Ja' (10) and 'ja' (10); 'Nein' (10) and 'nein' (10), which differ "
        "only in case or spaces: --merge-case merges each group into one class"
    )
    (note,) = [n for n in trained(path, "--out", tmp_path / "b")["notes"] if "in case" in n]
    assert told in note
    alone = table(tmp_path, a=[*range(61)], y=[*(["yes", "no"] * 30), "Yes"])
    result = handgrad("train", alone, "--target", "y")
    assert isinstance(result.exception, hg.errors.DataError)
    assert result.exception.hint.startswith("--merge-case: 'Yes' (1) and 'yes' (30) differ only in")


WRONG: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a separator that is none": (("--separator", "xx"), "separator = 'xx'", "one character"),
    "a separator that is not there": (("--separator", ";"), "no column named 'y'", "--separator"),
    "a decimal sign that is none": (("--decimal", ";"), "decimal = ';'", "'.' or ','"),
    "an encoding that is none": (("--encoding", "utf99"), "encoding = 'utf99'", "utf-8"),
    "an encoding that it is not": (("--encoding", "utf-16"), "bytes that are not utf-16", "cp1252"),
    "a category that is not there": (("--category", "B"), "no column named 'B'", "mean 'b'?"),
    "a number that is words": (("--number", "word"), "'word' as number, but it has", "--number"),
    "a date that is numbers": (("--date", "b"), "column 'b' as date, but it is int64", "--date"),
    "two kinds": (("--date", "b", "--number", "b"), "column 'b' as number and as date", "only"),
    "names taken for a row": (("--no-header",), "no column named 'y'", "column_1, column_2"),
}  # fmt: skip


@pytest.mark.slow
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
    assert isinstance(result.exception, hg.errors.DataError)
    assert "--no-header" in result.exception.hint
