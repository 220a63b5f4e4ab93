"""The page of an exported model in a real browser: by keyboard, at a phone's width, wrong input."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import handgrad as hg
from tests.browser.sight import (
    CONTRASTS,
    CUT_OFF,
    DESKTOP,
    MISSING_GLYPHS,
    PHONE,
    TEXT_RECTANGLES,
    Look,
    Sight,
    looking_in,
)
from tests.exchange.exporting.models import model
from tests.tables.reporting.pages import QUICK, evil

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

NAMES = ("table of classes", "table of numbers", "classifier of three", "net", "embedding", "evil")
VALUES = "[...document.querySelectorAll('#bars data, #headline data')].map((e) => Number(e.value))"


def exported(name: str) -> Any:
    if name == "evil":
        return hg.TabularClassifier(**QUICK).fit(*evil())
    return model(name)


@cache
def of_commas() -> hg.TabularRegressor:
    """A model of text as a German spreadsheet has it, and of more values than a list has."""
    rng = np.random.default_rng(0)
    paid = [f"{a:,.2f} €".translate(str.maketrans(",.", ".,")) for a in rng.uniform(1, 5000, 200)]
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 200), unit="D")
    table = {
        "paid": paid,
        "day": [*days.strftime("%d.%m.%Y")],
        "street": [f"street {i}" for i in rng.integers(0, 60, 200)],
    }
    return hg.TabularRegressor(2, epochs=4, random_state=0).fit(table, rng.normal(size=200))


def moons() -> tuple[Any, Any]:
    x, y = hg.data.make_moons(200, noise=0.1, rng=0)
    return x.astype(np.float32), y


def moons_net() -> hg.Net:
    return hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    for name in NAMES:
        hg.export(exported(name), folder / f"{name}.html")
    hg.export(of_commas(), folder / "commas.html")
    given: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1)}
    hg.export(moons_net(), folder / "training.html", *moons(), **given, batch_size=10)
    return folder


@pytest.fixture
def look(browser: "Browser", pages: Path) -> Iterator[Look]:
    with looking_in(browser, pages) as at:
        yield at


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=[DESKTOP, 820, PHONE], ids=["store", "tablet", "phone"])
def sight(look: Look, name: str, request: pytest.FixtureRequest) -> Sight:
    return look(name, request.param)


def control(page: "Page", label: str) -> Any:
    return page.get_by_label(label, exact=True)


def readout(page: "Page", label: str) -> str:
    return str(page.locator(f"#{control(page, label).get_attribute('id')}-read").inner_text())


def test_it_loads_without_a_word_and_asks_for_nothing(sight: Sight) -> None:
    sight.page.wait_for_load_state("networkidle")
    assert sight.said == sight.failed == []
    assert sight.asked_for == [sight.address]


def test_nothing_sticks_out_and_nothing_is_cut_off(sight: Sight) -> None:
    page = sight.page
    for _ in range(3):
        assert page.evaluate("document.scrollingElement.scrollWidth") == sight.width
        for text in page.evaluate(TEXT_RECTANGLES):
            assert text["left"] >= 0, text
            assert text["right"] <= sight.width, text
        assert [e for e in page.evaluate(CUT_OFF) if 'class="unseen"' not in e] == []
        page.get_by_text("Clear all fields").click()
        sight.open_all()


def test_the_rows_that_came_with_it_have_the_same_bits(look: Look, name: str) -> None:
    page = look(name, DESKTOP).page
    page.get_by_text("About this page").click()
    said = page.locator("#check").get_by_text("The 64 rows that come with this page")
    said.wait_for()
    assert "bit-identical" in said.inner_text()


def test_fields_are_filled_by_keyboard_and_the_answer_is_pythons(look: Look) -> None:
    page = look("table of classes", PHONE).page
    keys = page.keyboard
    page.get_by_role("button", name="Clear all fields").focus()
    row: dict[str, object] = {}
    typed = [("age", "38.5", 38.5), ("town", "Bonn", "Bonn"), ("size", "91,204.5", 91204.5)]
    for label, text, value in [*typed, ("sex", "m", "m"), ("zip", "z7", "z7")]:
        keys.press("Tab")
        assert control(page, label).evaluate("e => e === document.activeElement")
        if label in ("age", "size"):
            keys.press("ControlOrMeta+A")
        keys.type(text)
        row[label] = value
    keys.press("Tab")
    keys.type("03152022")
    keys.press("Tab")
    keys.type("101500AM")
    row |= {"when": pd.Timestamp("2022-03-15 10:15"), "same": 1.0}
    with pytest.warns(hg.errors.UnseenWarning, match="'size': 1 of 1 rows has a number above"):
        expected = model("table of classes").predict_proba(row)
    np.testing.assert_allclose(page.evaluate(VALUES), expected[0], rtol=1e-12)
    assert readout(page, "size") == "read as 91204.5"
    assert "March 15, 2022" in readout(page, "when")


def test_what_is_missing_or_never_seen_is_answered_as_python_does(look: Look) -> None:
    page = look("table of numbers", DESKTOP).page
    page.get_by_role("button", name="Clear all fields").click()
    nothing: dict[str, object] = dict.fromkeys(
        ("age", "town", "size", "sex", "zip", "when", "same")
    )
    regressor = model("table of numbers")
    assert page.evaluate(VALUES) == pytest.approx(regressor.predict(nothing), rel=1e-12)
    assert readout(page, "age") == "missing, as some values were in training"
    assert readout(page, "size").startswith("missing: the median ")
    assert readout(page, "town") == "missing: treated as none of the values"
    control(page, "town").select_option(label="(another value)")
    assert readout(page, "town") == "not seen in training: treated as none of the values"
    with pytest.warns(hg.errors.UnseenWarning):
        expected = regressor.predict(nothing | {"town": "Rome"})
    assert page.evaluate(VALUES) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["table of classes", "table of numbers"])
def test_contributions_add_up_to_the_prediction(look: Look, name: str) -> None:
    sight = look(name, PHONE, "dark")
    page = sight.page
    page.locator("#parts li").first.wait_for()
    assert "12 examples of this page" in page.locator("#base").inner_text()
    before = page.locator("#parts").inner_text()
    values = "[...document.querySelectorAll('#parts data')].map((e) => Number(e.value))"
    found = page.evaluate(values)
    assert len(found) == 6
    assert [*map(abs, found)] == sorted(map(abs, found), reverse=True)
    if name == "table of classes":
        base = float(page.locator("#base").inner_text().split("%")[0].split()[-1]) / 100
        assert base + sum(found) == pytest.approx(max(page.evaluate(VALUES)), abs=0.001)
    assert page.evaluate("document.scrollingElement.scrollWidth") == PHONE
    assert [text for text in page.evaluate(CONTRASTS) if text["contrast"] < 4.5] == []
    page.get_by_role("button", name="中文").click()
    page.locator("#base").get_by_text("本页 12 个示例").wait_for()
    page.get_by_role("button", name="English").click()
    control(page, "age").fill("forty")
    assert not page.locator("#contributions").is_visible()
    control(page, "age").fill("1")
    page.locator("#parts").wait_for()
    for _ in range(100):
        if page.locator("#parts").inner_text() != before:
            break
        page.wait_for_timeout(50)
    assert page.locator("#parts").inner_text() != before
    assert sight.said == []


def test_commas_and_dates_are_read_as_the_training_had_them(look: Look) -> None:
    page = look("commas", PHONE).page
    row = {"paid": "1.234", "day": "05.04.2021", "street": "street 7"}
    for label, text in row.items():
        control(page, label).fill(text)
    assert readout(page, "paid") == "read as 1234"
    assert readout(page, "day") == "read as Monday, April 5, 2021"
    assert readout(page, "street") == "seen in training"
    assert page.evaluate(VALUES) == pytest.approx(of_commas().predict(row), rel=1e-12)
    control(page, "paid").fill("1.2,3")
    assert "Expected: a number such as " in readout(page, "paid")
    control(page, "day").fill("2021-04-05")
    assert readout(page, "day") == "read as Monday, April 5, 2021"
    control(page, "day").fill("31.02.2021")
    assert "“31.02.2021” is not a date\nExpected: a date such as 31.12.2024" in readout(page, "day")
    control(page, "street").fill("street 700")
    assert readout(page, "street").startswith("not seen in training")


def test_wrong_input_is_answered_in_three_parts(look: Look) -> None:
    page = look("table of classes", PHONE).page
    age = control(page, "age")
    age.fill("forty")
    assert readout(page, "age").split("\n") == [
        "“forty” is not a number",
        "Expected: a number such as 12.5",
        "Try: leave the field empty if the value is unknown",
    ]
    assert age.get_attribute("aria-invalid") == "true"
    assert page.locator("#headline").inner_text().split("\n") == [
        "No prediction yet",
        "One field is not valid: age.",
    ]
    when = control(page, "when")
    when.focus()
    page.keyboard.type("02302022")
    assert "The date is incomplete or does not exist" in readout(page, "when")
    assert "2 fields are not valid: age, when." in page.locator("#headline").inner_text()
    assert page.evaluate(VALUES) == []
    age.fill("40")
    when.fill("2022-02-28T10:00")
    assert age.get_attribute("aria-invalid") == "false"
    assert sum(page.evaluate(VALUES)) == pytest.approx(1)


def test_a_net_without_a_table_has_a_field_a_number(look: Look) -> None:
    page = look("net", PHONE).page
    net = exported("net")
    for label, text in (("x0", "0.5"), ("x1", "-1"), ("x2", "2e1")):
        control(page, label).fill(text)
    expected = net.predict(np.array([[0.5, -1, 20]], np.float32))
    np.testing.assert_allclose(page.evaluate(VALUES), expected[0], rtol=1e-6)
    control(page, "x1").fill("")
    assert readout(page, "x1").startswith("The field is empty\nExpected: a number such as 12.5\n")


def test_codes_that_a_net_has_no_row_for_are_refused(look: Look) -> None:
    page = look("embedding", PHONE).page
    code = page.locator("#fields input").first
    code.fill("5")
    assert "Expected: a whole number from 0 to 4" in page.locator(".wrong").inner_text()
    code.fill("4")
    assert page.locator(".wrong").count() == 0


def test_the_answer_is_read_out_when_one_pauses(look: Look) -> None:
    page = look("table of classes", DESKTOP).page
    page.get_by_role("button", name="Next example").click()
    headline = page.locator("#headline").inner_text().replace("\n", " ")
    page.locator("[role=status]").get_by_text(headline, exact=True).wait_for(state="attached")


def test_every_field_has_a_name_and_says_what_it_holds(look: Look, name: str) -> None:
    page = look(name, DESKTOP).page
    fields = page.locator("#fields input, #fields select")
    assert fields.count() > 0
    for i in range(fields.count()):
        assert fields.nth(i).evaluate("e => e.labels.length") == 1
        ids = str(fields.nth(i).get_attribute("aria-describedby")).split()
        assert all(page.locator(f"[id='{one}']").inner_text() for one in ids)


def test_it_speaks_chinese(look: Look, name: str) -> None:
    page = look(name, PHONE).page
    page.get_by_role("button", name="中文").click()
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert page.title() == page.locator("h1").inner_text()
    texts = page.eval_on_selector_all(
        "h1, h2, .buttons button, .kind", "all => all.map(e => e.innerText)"
    )
    assert all(any("\u4e00" <= c <= "\u9fff" for c in text) for text in texts if text)
    assert page.evaluate("document.scrollingElement.scrollWidth") == PHONE
    assert page.evaluate(MISSING_GLYPHS.replace("pre code", "code")) == []
    page.get_by_role("button", name="English").click()
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(look: Look, name: str, scheme: str) -> None:
    sight = look(name, DESKTOP, scheme)
    sight.open_all()
    texts = sight.page.evaluate(CONTRASTS)
    assert len(texts) > 10
    assert [text for text in texts if text["contrast"] < 4.5] == []


def test_names_that_would_break_a_page_are_shown_as_they_are(look: Look) -> None:
    sight = look("evil", DESKTOP)
    labels = sight.all("#fields label", "e.innerText")
    assert "<script>alert(1)</script>" in labels
    assert any("\\u202e" in label for label in labels)
    assert sight.said == []


def test_it_trains_by_a_button_and_the_answer_follows(look: Look) -> None:
    sight = look("training", PHONE)
    page, net = sight.page, moons_net()
    for label, text in (("x0", "0.5"), ("x1", "-0.25")):
        control(page, label).fill(text)
    row = np.array([[0.5, -0.25]], np.float32)
    before = page.evaluate(VALUES)
    assert before == pytest.approx(net.predict(row)[0], rel=1e-6)
    control(page, "Epochs").fill("30")
    page.get_by_role("button", name="Train", exact=True).press("Enter")
    page.get_by_text("30 epochs trained, loss ").wait_for()
    given: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1)}
    for _ in hg.train(net, moons(), **given, epochs=30, batch_size=10, rng=0, engine="portable"):
        pass
    assert page.evaluate(VALUES) == net.predict(row, engine="portable")[0].tolist()
    assert len(str(page.locator("polyline").get_attribute("points")).split()) == 30
    assert page.evaluate("document.scrollingElement.scrollWidth") == PHONE
    page.get_by_role("button", name="Restart").click()
    assert page.evaluate(VALUES) == before
    assert sight.said == []


def test_it_stops_when_asked(look: Look) -> None:
    page = look("training", DESKTOP).page
    control(page, "Epochs").fill("1000000")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Train", exact=True).wait_for()
    said = page.locator("#progress").inner_text()
    page.wait_for_timeout(100)
    assert page.locator("#progress").inner_text() == said


def test_it_learns_from_rows_that_are_pasted(look: Look) -> None:
    page = look("training", PHONE).page
    page.get_by_text("Train on other rows").click()
    rows = page.get_by_label("Training rows")
    rows.fill("1 2 0\n1 two 1")
    assert page.locator("#rows-read").inner_text().split("\n")[:2] == [
        "Line 2, “1 two 1”",
        "Expected: 2 numbers, then 1 for the target",
    ]
    page.get_by_role("button", name="Train", exact=True).click()
    assert page.locator("#progress").inner_text() == "Not yet trained in this page."
    rows.fill("1 2 7")
    page.get_by_role("button", name="Train", exact=True).click()
    assert "A target is not one of the net" in page.locator("#rows-read").inner_text()
    rows.fill("1\t2\t0\n-1\t-2\t1\n")
    assert page.locator("#rows-read").inner_text() == "2 rows"
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("100 epochs trained").wait_for()
    for label, text in (("x0", "1"), ("x1", "2")):
        control(page, label).fill(text)
    assert page.evaluate(VALUES)[0] > 0.9
