"""A week with a model: trained, asked about a worse file, corrected, reported, served."""

import csv
import datetime
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import handgrad, record
from tests.tables.service.running import running

NAMES = ("Kunde", "Alter", "Umsatz", "Stadt", "Vertrag", "Kunde seit", "gekündigt")
TOWNS = ("Köln", "Ulm", "Halle; Saale", "Bonn")
N_MONTHS = 4
Rows = list[dict[str, object]]


def german(amount: float) -> str:
    return f"{amount:,.2f} €".translate(str.maketrans(",.", ".,"))


def customers(numbers: range, towns: Sequence[str] = TOWNS) -> Rows:
    """Four months of each customer; the young and those with a contract by the month leave."""
    rows = Rows()
    for number in numbers:
        draw = random.Random(number)
        age, town = draw.randint(18, 80), towns[number % len(towns)]
        contract = draw.choice(["Monat", "Jahr"])
        since = datetime.date(2015, 1, 1) + datetime.timedelta(draw.randint(0, 3000))
        leaves = 0.15 + 0.5 * (contract == "Monat") + 0.2 * (age < 35)
        for _ in range(N_MONTHS):
            cells = (
                *(f"K{number:04d}", age, german(draw.lognormvariate(6, 0.6)), town, contract),
                *(since.strftime("%d.%m.%Y"), "ja" if draw.random() < leaves else "nein"),
            )
            rows.append(dict(zip(NAMES, cells, strict=True)))
    return rows


def excel(path: Path, rows: Rows, without: Sequence[str] = ()) -> Path:
    """A file as a German Excel writes it, without some columns."""
    names = [name for name in NAMES if name not in without]
    with path.open("w", newline="", encoding="cp1252") as file:
        writer = csv.DictWriter(file, names, delimiter=";", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def said(*words: object) -> str:
    result = handgrad(*words)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def cells_of(row: dict[str, object]) -> dict[str, object]:
    """A row for the service, without what the model does not take."""
    return {name: row[name] for name in NAMES if name not in ("Kunde", "gekündigt")}


@pytest.mark.slow
def test_a_week(tmp_path: Path) -> None:
    monday = excel(tmp_path / "monday.csv", customers(range(150)))
    words: tuple[Any, ...] = ("--group", "Kunde")
    told = said("train", monday, "--target", "gekündigt", *words, "--out", tmp_path / "monday")
    assert "read with semicolons between columns, decimal commas, encoding cp1252" in told
    assert "all 120 rows of 30 of the 150 values of 'Kunde'" in told
    scores = record(tmp_path / "monday")["scores"]
    assert scores["held_out"]["log_loss"] < scores["guessing"]["log_loss"] - 0.1
    model = tmp_path / "monday" / "model.safetensors"

    new = customers(range(200, 230), (*TOWNS, "Kiel"))
    for row in new[::20]:
        row["Alter"] = -5
    tuesday = excel(tmp_path / "tuesday.csv", new, ("Umsatz", "gekündigt"))
    out = tmp_path / "tuesday-predicted.csv"
    refused = handgrad("predict", model, tuesday, "--out", out)
    assert refused.exit_code != 0
    assert "'Umsatz'" in str(refused.exception)
    assert not out.exists()
    told = said("predict", model, tuesday, "--allow-missing-columns", "--out", out)
    assert "columns of the training that the table lacks are predicted as missing: 'Umsatz'" in told
    assert "'Stadt': 24 of 120 rows have values unseen in training: 'Kiel'" in told
    assert "'Alter': 6 of 120 rows have numbers below 18" in told
    assert "-5 in row 1 below the header" in told
    assert len(out.read_text("utf-8").splitlines()) == 1 + len(new)

    right = customers(range(200, 240), (*TOWNS, "Kiel"))
    wednesday = excel(tmp_path / "wednesday.csv", right)
    folder = tmp_path / "wednesday"
    told = said("train", wednesday, "--from", model, *words, "--out", folder)
    assert f"continued {model}".replace(" ", "") in told.replace(" ", "")
    judged = said("evaluate", folder / "model.safetensors", monday)
    assert "600 rows; gekündigt is predicted by" in judged

    (folder / "report.html").unlink()
    said("report", folder)
    page = (folder / "report.html").read_text("utf-8")
    assert "gekündigt" in page
    assert "Kiel" in page

    rows = [cells_of(row) for row in right[::N_MONTHS]]
    asked = tmp_path / "asked.csv"
    excel(asked, right[::N_MONTHS], ("Kunde", "gekündigt"))
    said("predict", folder / "model.safetensors", asked, "--probabilities", "--out", out)
    lines = csv.DictReader(out.read_text("utf-8").splitlines())
    expected = [float(row["probability_ja"]) for row in lines]
    with running(folder / "model.safetensors") as friday, ThreadPoolExecutor(8) as clients:
        bodies = [{"rows": [row], "probabilities": True} for row in rows] * 5
        answers = [*clients.map(friday.predict, bodies)]
    assert {status for status, _ in answers} == {200}
    came = [answer["rows"][0]["probability_ja"] for _, answer in answers]
    assert came == pytest.approx(expected * 5, rel=1e-12)  # one row at a time: other last digits
