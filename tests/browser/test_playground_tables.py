"""A table of one's own in the playground: pasted, as a file, wrong, and large."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.shell import Shell, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

FLOWERS = "\n".join(
    ["width,length,colour,kind"]
    + [
        f"{i % 7 + 0.5},{40 + i % 5},{('red', 'blue')[i % 2]},{('rose', 'lily', 'iris')[i % 3]}"
        for i in range(60)
    ]
)
PRICES = "area;rooms;price\n" + "\n".join(
    f"{30 + 5 * i},5;{1 + i % 4};{100000 + 2000 * i}" for i in range(40)
)
WRONG = {
    "": "empty",
    "a,b": "Rows in the table: 0.",
    "a,b\n1,2\n3,4,5\n": "Line 3 has 3 cells.",
    'a,b\n"1,2\n3,4\n': "line 2",
    "a\n1\n2\n": "No columns are left",
    "a,b\n1,x\n2,x\n": "in every row",
    "a,b\n1,2\n2,\n": "Rows without the target “b”: 1.",
    "a,b\n" + "\n".join(f"{i},t{i}" for i in range(30)): "30 distinct values",
    "a,b\n" + "\n".join(f"t{i},{i % 2}" for i in range(30)): "30 distinct values",
}


@pytest.fixture
def shell(browser: "Browser", address: str) -> Iterator[Shell]:
    with opened(browser, f"{address}#v=1", locale="en") as found:
        found.pause()
        found.reveal("read_table")
        yield found


def paste(shell: Shell, text: str) -> None:
    shell.page.locator(".own-table textarea").fill(text)
    shell.control("read_table").click()


def test_a_table_of_classes_is_learnt(shell: Shell) -> None:
    paste(shell, FLOWERS)
    shell.becomes("data.kind", "rows")
    assert shell.value("data.problem") == "classification"
    assert shell.value("data.rows.names") == ["width", "length", "colour = blue", "colour = red"]
    assert shell.value("data.rows.classes") == ["iris", "lily", "rose"]
    assert len(shell.state["inputs"]) == 4
    said = shell.page.locator(".read-as").inner_text()
    assert "60 rows" in said
    assert "kind: 3 classes" in said
    assert shell.page.locator(".neuron[data-column='3']").count() == 3
    shell.control("play").click()
    shell.until(lambda: shell.epoch > 3, "it trains")


def test_another_column_is_predicted_and_columns_are_left_out(shell: Shell) -> None:
    paste(shell, FLOWERS)
    shell.becomes("data.kind", "rows")
    shell.control("target").select_option("colour")
    shell.becomes("data.rows.classes", ["blue", "red"])
    shell.page.get_by_role("checkbox", name="kind", exact=True).uncheck()
    shell.becomes("data.rows.names", ["width", "length"])


def test_numbers_are_predicted_with_decimal_commas(shell: Shell) -> None:
    paste(shell, PRICES)
    shell.becomes("data.problem", "regression")
    assert shell.value("loss") == "MSELoss"
    assert shell.value("data.rows.names") == ["area", "rooms"]
    assert "price: a number to predict, standardized" in shell.page.locator(".read-as").inner_text()


def test_a_file_is_read(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "flowers.csv"
    path.write_text(FLOWERS, "utf-8")
    shell.page.locator(".own-table input[type=file]").set_input_files(path)
    shell.becomes("data.kind", "rows")


def test_what_is_no_table_is_said_in_three_parts_and_changes_nothing(shell: Shell) -> None:
    for text, said in WRONG.items():
        paste(shell, text)
        refusal = shell.page.locator(".refusal")
        shell.until(refusal.is_visible, text)
        assert said in refusal.inner_text(), text
        assert len(refusal.locator("strong, span").all()) == 3
        paste(shell, FLOWERS)
        shell.until(lambda: not shell.page.locator(".refusal").is_visible(), "a good one comes")
    shell.becomes("data.kind", "rows")
    assert shell.value("data.rows.classes") == ["iris", "lily", "rose"]


def test_of_a_million_rows_some_are_kept_and_that_is_said(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    line = "".join(f"{i % 97},{i % 89},{i % 2}\n" for i in range(9700))
    path.write_text("a,b,c\n" + line * 104, "utf-8")
    shell.page.locator(".own-table input[type=file]").set_input_files(path)
    shell.until(lambda: "of 1008800 rows" in shell.page.locator(".read-as").inner_text(), "read")
    shell.control("step_batch").click()
    shell.until(lambda: "batch" in shell.page.locator(".counter small").inner_text(), "it trains")
